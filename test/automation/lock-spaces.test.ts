/** Two process namespaces with one host name, as containers have them, over one folder of states. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { LockHolder } from "../../automation/locks/holder";
import { sweepLeases } from "../../automation/locks/lease";
import { readHolders } from "../../automation/locks/lock-files";
import { folderStore } from "../../automation/locks/state-store";
import { projectRoot } from "../../common/project-root";

const folder = mkdtempSync(join(tmpdir(), "gw-lock-spaces-"));
const program = join(folder, "run.js");
const runs: ChildProcess[] = [];
afterEach(() => runs.splice(0).forEach((child) => child.kill("SIGKILL")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Holds a stack as an engine under a command does, until its input ends; or says who holds it. */
const source = `
import { mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { keepLease } from "./automation/locks/lease";
import { readHolders } from "./automation/locks/lock-files";
import { folderStore } from "./automation/locks/state-store";
const [, , what, folder = ""] = process.argv;
const place = { store: folderStore(folder), project: "shop", stack: "dev" };
const hold = async () => {
  process.title = "pulumi";
  const { pid } = process;
  const locks = folder + "/.pulumi/locks/organization/shop/dev";
  mkdirSync(locks, { recursive: true });
  const lock = { pid, username: "anna", hostname: hostname(), timestamp: new Date().toISOString() };
  writeFileSync(locks + "/held.json", JSON.stringify(lock));
  const lease = await keepLease(place, pid);
  console.log("held");
  process.stdin.resume().on("end", () => void lease.end().then(() => process.exit()));
};
void (what === "hold" ? hold() : readHolders(place).then((all) => console.log(JSON.stringify(all))));
`;
beforeAll(() =>
  build({
    stdin: { contents: source, resolveDir: projectRoot(), loader: "ts" },
    ...{ bundle: true, platform: "node", outfile: program, logLevel: "error" },
  }),
);

/** How a program gets a process namespace of its own here; undefined where no way is allowed. */
const separate = [
  ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
  ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"],
].find(([command = "", ...args]) => spawnSync(command, [...args, "true"]).status === 0);

let stack = 0;

/** A folder of states of its own for each test. */
function states(): string {
  return join(folder, `states-${++stack}`);
}

function placeIn(root: string): Parameters<typeof readHolders>[0] {
  return { store: folderStore(root), project: "shop", stack: "dev" };
}

function leasesIn(root: string): string[] {
  const leases = join(root, ".pulumi", "groundwork-leases", "shop", "dev");
  return readdirSync(leases).map((name) => join(leases, name));
}

/** Starts a run that holds the stack. */
async function hold(root: string, within: readonly string[] = []): Promise<ChildProcess> {
  const [command = "", ...args] = [...within, process.execPath, program, "hold", root];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  runs.push(child);
  await once(child.stdout, "data");
  return child;
}

/** Skips what needs a namespace, and says so. */
function inNamespaces(name: string, run: (separate: readonly string[]) => Promise<void>): void {
  test(name, async () => {
    // Not required under CI either: a runner's user may be allowed none.
    if (separate === undefined) return console.log(`not tried: ${name} (needs unshare --pid)`);
    await run(separate);
  });
}

inNamespaces(
  "a run in another container of the same host name lives while it renews its lease",
  async (own) => {
    const root = states();
    const run = await hold(root, own);
    expect(await readHolders(placeIn(root))).toMatchObject([{ pid: 1, state: "lives", ending: false }]);
    await sweepLeases(placeIn(root));
    const [lease = ""] = leasesIn(root);
    run.kill("SIGKILL");
    await once(run, "close");
    // Nothing is seen of its end; its lease runs out.
    const until = new Date(Date.now() - 120_000).toISOString();
    writeFileSync(lease, JSON.stringify({ ...(JSON.parse(readFileSync(lease, "utf8")) as object), until }));
    expect(await readHolders(placeIn(root))).toMatchObject([{ state: "gone" }]);
  },
);

inNamespaces(
  "a container does not take a run beside it for gone, whose process it cannot see",
  async (own) => {
    const root = states();
    await hold(root);
    const [command = "", ...args] = [...own, process.execPath, program, "judge", root];
    const { stdout } = spawnSync(command, args, { encoding: "utf8" });
    expect((JSON.parse(stdout) as LockHolder[]).map(({ state }) => state)).toEqual(["lives"]);
  },
);

inNamespaces("runs of the same numbers in two containers keep a lease each", async (own) => {
  const root = states();
  const first = await hold(root, own);
  await hold(root, own);
  expect(leasesIn(root)).toHaveLength(2);
  first.stdin?.end();
  await once(first, "close");
  expect(leasesIn(root)).toHaveLength(1);
  expect(await readHolders(placeIn(root))).toMatchObject([{ pid: 1, state: "lives" }]);
});

test("a run among the same processes is gone at once when it is killed, whatever its lease says", async () => {
  const root = states();
  const run = await hold(root);
  expect(await readHolders(placeIn(root))).toMatchObject([{ pid: run.pid, state: "lives" }]);
  run.kill("SIGKILL");
  await once(run, "close");
  expect(await readHolders(placeIn(root))).toMatchObject([{ pid: run.pid, state: "gone" }]);
  await sweepLeases(placeIn(root));
  expect(leasesIn(root)).toEqual([]);
});
