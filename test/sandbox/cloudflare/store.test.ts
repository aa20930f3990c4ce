import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { identify, sleep } from "../../../common/processes";
import type { SettingRow } from "../../../sandbox/cloudflare/model";
import { Store } from "../../../sandbox/cloudflare/store";
import { unreapedSleep } from "../../support/processes";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "groundwork-store-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const row = (id: string, value: unknown = id): SettingRow => ({
  zoneId: "z",
  id,
  value,
  modifiedOn: "2026-01-01T00:00:00Z",
});
const file = (name: string): string => join(folder, name);

/** As after kill -9: what is on disk, the lock of a process that is no more. */
function abandon(): void {
  writeFileSync(file("lock"), JSON.stringify({ pid: 999999999, started: "" }));
}

function values(store: Store): unknown[] {
  return store.list("settings").map(({ value }) => value);
}

describe("the store", () => {
  it("has after a crash every transaction that was acknowledged", () => {
    const store = new Store(folder);
    for (let index = 0; index < 20; index++) store.put("settings", `k${index}`, row(`k${index}`, index));
    store.delete("settings", "k3");
    store.put("settings", "k4", row("k4", "changed"));
    abandon();
    const again = new Store(folder);
    expect(again.list("settings")).toHaveLength(19);
    expect(again.get("settings", "k4")?.value).toBe("changed");
    again.close();
  });

  it("drops a line torn in the middle, at whatever byte, and goes on after it", () => {
    const store = new Store(folder);
    store.put("settings", "a", row("a"));
    const whole = statSync(file("journal")).size;
    store.put("settings", "b", row("b", "ünïcödé"));
    const full = readFileSync(file("journal"));
    for (let size = whole; size < full.length; size++) {
      abandon();
      writeFileSync(file("journal"), full.subarray(0, size));
      const again = new Store(folder);
      expect(values(again)).toEqual(["a"]);
      again.put("settings", "c", row("c"));
      abandon();
      const third = new Store(folder);
      expect(values(third)).toEqual(["a", "c"]);
      third.delete("settings", "c");
      third.delete("settings", "a");
      third.put("settings", "a", row("a"));
      abandon();
    }
  });

  it("refuses a journal that is damaged before its end, and leaves it as it is", () => {
    const store = new Store(folder);
    store.put("settings", "a", row("a"));
    store.put("settings", "b", row("b"));
    abandon();
    const text = readFileSync(file("journal"), "utf8");
    writeFileSync(file("journal"), text.replace('"a"', '"x"'));
    const damaged = readFileSync(file("journal"), "utf8");
    expect(() => new Store(folder)).toThrow(/state is damaged.*journal/);
    expect(readFileSync(file("journal"), "utf8")).toBe(damaged);
  });

  it("refuses a snapshot that was cut", () => {
    const store = new Store(folder);
    store.put("settings", "a", row("a"));
    store.close();
    truncateSync(file("snapshot"), statSync(file("snapshot")).size - 5);
    expect(() => new Store(folder)).toThrow(/state is damaged.*snapshot/);
  });

  it("does not replay what the snapshot has already, after a crash between the two", () => {
    const store = new Store(folder);
    store.put("settings", "a", row("a"));
    store.delete("settings", "a");
    store.put("settings", "a", row("a", "second"));
    const journal = readFileSync(file("journal"));
    store.delete("settings", "a");
    store.close();
    abandon();
    appendFileSync(file("journal"), journal);
    const again = new Store(folder);
    expect(values(again)).toEqual([]);
    again.close();
  });

  it("undoes a transaction that throws, in memory and on disk", () => {
    const store = new Store(folder);
    store.put("settings", "a", row("a"));
    const size = statSync(file("journal")).size;
    expect(() =>
      store.transaction(() => {
        store.put("settings", "b", row("b"));
        store.delete("settings", "a");
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(values(store)).toEqual(["a"]);
    expect(statSync(file("journal")).size).toBe(size);
    store.close();
  });

  it("belongs to one process at a time", () => {
    const store = new Store(folder);
    expect(() => new Store(folder)).toThrow(/in use/);
    store.close();
    new Store(folder).close();
  });

  const onLinux = process.platform === "linux" ? it : it.skip;
  onLinux("is not held by a killed process that nobody has reaped yet", async () => {
    const { pid: child, parent } = await unreapedSleep(600);
    try {
      writeFileSync(file("lock"), JSON.stringify(identify(child)));
      expect(() => new Store(folder)).toThrow(`process ${child}`);
      process.kill(child, "SIGKILL");
      while (!/^State:\s+Z/m.test(readFileSync(`/proc/${child}/status`, "utf8"))) await sleep(5);
      new Store(folder).close();
    } finally {
      parent.kill("SIGKILL");
    }
  });

  it("tells of each commit once, with all that changed", () => {
    const store = new Store(folder);
    const seen: string[] = [];
    const stop = store.onCommit((changes) => seen.push(changes.map(({ key }) => key).join()));
    store.transaction(() => {
      store.put("settings", "a", row("a"));
      store.put("settings", "b", row("b"));
    });
    store.put("settings", "c", row("c"));
    stop();
    store.put("settings", "d", row("d"));
    expect(seen).toEqual(["a,b", "c"]);
    store.close();
  });

  it("is, for any sequence of changes and restarts, what a plain map would be", () => {
    const change = fc.record({ key: fc.constantFrom("a", "b", "c"), value: fc.option(fc.jsonValue()) });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(change, fc.constant("restart" as const), fc.constant("crash" as const)), {
          maxLength: 30,
        }),
        (steps) => {
          rmSync(folder, { recursive: true, force: true });
          const model = new Map<string, unknown>();
          let store = new Store(folder);
          for (const step of steps) {
            if (step === "restart") store.close();
            if (step === "crash") abandon();
            if (typeof step === "string") store = new Store(folder);
            else if (step.value === null) {
              store.delete("settings", step.key);
              model.delete(step.key);
            } else {
              store.put("settings", step.key, row(step.key, step.value));
              model.set(step.key, step.value);
            }
          }
          const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;
          expect(Object.fromEntries(store.list("settings").map(({ id, value }) => [id, value]))).toEqual(
            plain(Object.fromEntries(model)),
          );
          store.close();
        },
      ),
      { numRuns: 40 },
    );
  });
});
