import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { isOfRuns, mendFailed, type MendedStack, removeTwins } from "../../automation/creates/mend";
import { runMended } from "../../automation/creates/run-mended";
import { CreateWatch } from "../../automation/creates/watch";
import type { HistoryEntry } from "../../automation/history";
import { type FoundThing, outcomeOf } from "../../automation/locks/examine";
import type { StateResource, TakenIn } from "../../automation/state";

const at = (second: number): string => new Date(second * 1000).toISOString();
const bucketType = "cloudflare:index/r2Bucket:R2Bucket";
const tokenType = "cloudflare:index/accountToken:AccountToken";
const urnOf = (name: string, type = bucketType): string => `urn:pulumi:dev::shop::${type}::${name}`;

type Phase = "resourcePreEvent" | "resOutputsEvent" | "resOpFailedEvent";

interface Step {
  readonly name: string;
  readonly type?: string;
  readonly op?: string;
  readonly inputs?: object;
  readonly id?: string;
}

function eventOf(phase: Phase, second: number, { name, type = bucketType, op = "create", ...of }: Step) {
  const made = { type, urn: urnOf(name, type), parent: "p", provider: "q::1", inputs: {}, id: "", ...of };
  const metadata = { op, type, urn: urnOf(name, type), new: made };
  return { sequence: 0, timestamp: second, [phase]: { metadata } } as unknown as EngineEvent;
}

/** Creations that were begun at second 100, and failed or were done at 102. */
function watchOf(steps: readonly (Step & { readonly failed?: boolean })[]): CreateWatch {
  const watch = new CreateWatch();
  for (const { failed = false, ...step } of steps) {
    watch.add(eventOf("resourcePreEvent", 100, step));
    watch.add(eventOf(failed ? "resOpFailedEvent" : "resOutputsEvent", 102, step));
  }
  return watch;
}

/** Something that is there, and whether it was removed. */
function thing(id: string, second: number | undefined, isWhole = true) {
  const found = {
    ...{ id, isWhole, removed: false },
    ...(second === undefined ? {} : { madeAt: at(second) }),
    remove() {
      found.removed = true;
      return Promise.resolve();
    },
  };
  return found satisfies FoundThing;
}

const runOf = (from: number, to: number, result: HistoryEntry["result"] = "failed"): HistoryEntry => ({
  ...{ kind: "update", result, startedAt: at(from), endedAt: at(to), changes: {}, by: {} },
});

/** A stack at whose Cloudflare these things are, by the names of what they are like. */
function stackOf(
  there: Readonly<Record<string, readonly FoundThing[]>>,
  known: { readonly history?: readonly HistoryEntry[]; readonly resources?: readonly StateResource[] } = {},
) {
  const taken: TakenIn[] = [];
  const lines: string[] = [];
  const stack: MendedStack = {
    name: "dev",
    state: () => Promise.resolve({ resources: known.resources ?? [] }),
    history: () => Promise.resolve(known.history ?? []),
    settle: (all) => Promise.resolve(void taken.push(...all)),
    examine: ({ urn }, recorded) => {
      const things = there[urn.split("::").at(-1)!];
      if (things === undefined) return Promise.reject(new Error("nobody answers"));
      return Promise.resolve(things.filter(({ id }) => !recorded.some((each) => each.id === id)));
    },
    log: (line) => lines.push(line),
  };
  return { stack, taken, lines };
}

describe("what may be of a creation's making", () => {
  const isOwn = (madeAt: string | undefined): boolean => madeAt === undefined || madeAt >= at(100);

  test("the newest of its own is taken in, others of its own are removed, and another's stays", async () => {
    const [old, first, second] = [thing("old", 90), thing("first", 101), thing("second", 102)];
    expect(await outcomeOf([first, old, second], isOwn)).toEqual({ id: "second" });
    expect([old, first, second].map(({ removed }) => removed)).toEqual([false, true, false]);
  });

  test("what lacks its secret is removed wholly", async () => {
    const [old, first, second] = [90, 101, 102].map((time) => thing(String(time), time, false));
    expect(await outcomeOf([old!, first!, second!], isOwn)).toEqual({ removed: "102" });
    expect([old, first, second].map((each) => each?.removed)).toEqual([false, true, true]);
  });

  test("another's alone, and what cannot be listed, is in doubt; nothing is absent", async () => {
    expect(await outcomeOf([thing("old", 90)], isOwn)).toBeUndefined();
    expect(await outcomeOf(undefined, isOwn)).toBeUndefined();
    expect(await outcomeOf([], isOwn)).toBe("absent");
  });

  test("what does not tell when it was made is never removed", async () => {
    const [undated, secret] = [thing("undated", undefined), thing("secret", undefined, false)];
    expect(await outcomeOf([thing("new", 101), undated], isOwn)).toEqual({ id: "new" });
    expect(await outcomeOf([secret], isOwn)).toBeUndefined();
    expect([undated, secret].map(({ removed }) => removed)).toEqual([false, false]);
  });
});

describe("made by which run", () => {
  const own = (second: number | undefined, history: HistoryEntry[], ended?: number): boolean =>
    isOfRuns(
      { begun: 100_000, ...(ended === undefined ? {} : { ended }) },
      history,
    )(second === undefined ? undefined : at(second));

  test("since the creation was begun, and until it ended where it did", () => {
    expect([90, 98, 99, 100, 500].map((second) => own(second, []))).toEqual([false, false, true, true, true]);
    expect([101, 105, 110].map((second) => own(second, [], 103_000))).toEqual([true, true, false]);
    expect(own(undefined, [])).toBe(false);
  });

  test("while a run before went on that failed, up to the latest that did not fail", () => {
    const history = [runOf(80, 85), runOf(60, 65), runOf(40, 45, "succeeded"), runOf(20, 25)];
    expect([82, 62].map((second) => own(second, history))).toEqual([true, true]);
    // Between them somebody else was at work.
    expect([75, 42, 22].map((second) => own(second, history))).toEqual([false, false, false]);
    // This run itself, and what only read, end nothing.
    const refresh = { ...runOf(88, 89, "succeeded"), kind: "refresh" };
    expect(own(82, [runOf(95, 103), refresh, ...history])).toBe(true);
  });
});

test("a run's creations at Cloudflare are told apart by how they ended; their secrets are left out", () => {
  const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "x" };
  const watch = watchOf([
    { name: "done", id: "4711" },
    { name: "failed", failed: true, inputs: { name: "a", key: secret, deep: { list: [secret, 1], secret } } },
    { name: "changed", op: "update", id: "1", failed: true },
    { name: "elsewhere", type: "command:remote:Command", failed: true },
    { name: "replaced", op: "create-replacement", failed: true },
  ]);
  expect(watch.done).toMatchObject([
    { resource: { urn: urnOf("done"), id: "4711" }, begun: 100_000, ended: 102_000 },
  ]);
  expect(watch.failed.map(({ resource }) => resource)).toEqual([
    {
      ...{ urn: urnOf("failed"), type: bucketType, custom: true, parent: "p", provider: "q::1" },
      inputs: { name: "a", deep: { list: [1] } },
    },
    expect.objectContaining({ urn: urnOf("replaced") }),
  ]);
});

describe("failed creations", () => {
  test("what they have made is taken in at once, each thing by one, and told", async () => {
    const things = [thing("second", 102), thing("first", 101)];
    const { stack, taken, lines } = stackOf({ media: [things[0]!], logs: things });
    const watch = watchOf(["media", "logs"].map((name) => ({ name, failed: true })));
    expect(await mendFailed(watch, stack)).toBe(true);
    expect(taken.map(({ urn, id }) => [urn, id])).toEqual([
      [urnOf("media"), "second"],
      [urnOf("logs"), "first"],
    ]);
    expect(lines[0]).toBe("creating media was not answered: it was made (second), and is taken in");
    expect(things.some(({ removed }) => removed)).toBe(false);
  });

  test("what was there before is left alone, which is told; so is what could not be looked for", async () => {
    const { stack, taken, lines } = stackOf({ hand: [thing("old", 90)], pin: [thing("pin", undefined)] });
    const watch = watchOf(["hand", "pin", "broken"].map((name) => ({ name, failed: true })));
    expect(await mendFailed(watch, stack)).toBe(false);
    expect(taken).toEqual([]);
    expect(lines).toEqual([
      "creating hand failed; what is like it was there before, and is left alone (old)",
      expect.stringMatching(/^creating pin failed; .* does not tell when it was made, .*\(pin\)/),
      "creating broken: whether it was made could not be looked for: nobody answers",
    ]);
  });
});

describe("creations that were done", () => {
  const steps = [{ name: "api", type: tokenType, id: "kept" }];

  test("a second one that was made meanwhile is removed; nothing else is", async () => {
    const [twin, old, later] = [thing("twin", 101), thing("old", 90), thing("later", 130)];
    const recorded = thing("recorded", 101);
    const resources = [{ urn: urnOf("other", tokenType), type: tokenType, id: "recorded" }];
    const { stack, lines } = stackOf({ api: [twin, old, later, recorded] }, { resources });
    await removeTwins(watchOf(steps), stack);
    expect([twin, old, later, recorded].map(({ removed }) => removed)).toEqual([true, false, false, false]);
    expect(lines).toEqual([
      "creating api was not answered at first, and was done again: the first one (twin) is removed",
    ]);
  });

  test("nobody is asked about what Cloudflare refuses to make twice, and no state is read where there is nothing", async () => {
    const { stack } = stackOf({ api: [] });
    const state = jest.fn(stack.state);
    const type = "cloudflare:index/dnsRecord:DnsRecord";
    const examine = jest.fn(stack.examine);
    await removeTwins(watchOf([...steps, { name: "www", type, id: "1" }]), { ...stack, state, examine });
    expect(examine.mock.calls.map(([{ urn }]) => urn)).toEqual([urnOf("api", tokenType)]);
    expect(state).not.toHaveBeenCalled();
  });
});

describe("a run that failed", () => {
  const failing = new Error("the run's own");
  const result = { changes: { same: 3, create: 1 }, unchanged: false, outputs: {} };

  /** Runs of which the first so many are not answered. */
  async function runs(failures: number, found: readonly FoundThing[], aborted = false) {
    let count = 0;
    const { stack, lines } = stackOf({ media: found });
    const signal = aborted ? AbortSignal.abort() : new AbortController().signal;
    const ended = await runMended(stack, { signal }, ({ onEvent }) => {
      const isFailing = count++ < failures;
      onEvent?.(eventOf("resourcePreEvent", 100, { name: "media" }));
      onEvent?.(
        eventOf(isFailing ? "resOpFailedEvent" : "resOutputsEvent", 102, { name: "media", id: "new" }),
      );
      const counts = isFailing ? { same: 1, create: 2 } : result.changes;
      onEvent?.({ sequence: 0, timestamp: 103, summaryEvent: { resourceChanges: counts } } as EngineEvent);
      return isFailing ? Promise.reject(failing) : Promise.resolve(result);
    }).catch((error: unknown) => error);
    return { ended, count, lines };
  }

  test("goes on where something was mended, and tells what both have done", async () => {
    const { ended, count, lines } = await runs(1, [thing("new", 101)]);
    expect(ended).toEqual({ changes: { same: 3, create: 3 }, unchanged: false, outputs: {} });
    expect(count).toBe(2);
    expect(lines.at(-1)).toBe("bringing dev up goes on");
  });

  test("ends with its own error where nothing was mended, where it was broken off, and after five runs", async () => {
    expect(await runs(1, [])).toMatchObject({ ended: failing, count: 1 });
    expect(await runs(1, [thing("new", 101)], true)).toMatchObject({ ended: failing, count: 1 });
    expect(await runs(9, [thing("new", 101)])).toMatchObject({ ended: failing, count: 5 });
  });
});
