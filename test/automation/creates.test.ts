import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { Beforehand } from "../../automation/creates/before";
import { isOfRuns, mendFailed, type MendedStack, removeTwins } from "../../automation/creates/mend";
import { runMended } from "../../automation/creates/run-mended";
import { CreateWatch } from "../../automation/creates/watch";
import type { HistoryEntry } from "../../automation/history";
import { type FoundThing, type KnownBefore, type Outcome, outcomeOf } from "../../automation/locks/examine";
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
function thing(id: string, second: number | undefined, more: Pick<FoundThing, "hasOwnKey" | "unfit"> = {}) {
  const found = {
    ...{ id, removed: false, ...more },
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
  known: {
    readonly history?: readonly HistoryEntry[];
    readonly resources?: readonly StateResource[];
    /** By names. */
    readonly before?: Readonly<Record<string, readonly string[]>>;
  } = {},
) {
  const taken: TakenIn[] = [];
  const lines: string[] = [];
  /** How what was there before has ended: what is kept. */
  const ends: unknown[] = [];
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
    before: {
      idsBefore: (urn) => known.before?.[urn.split("::").at(-1)!],
      close: () => Promise.resolve(void ends.push("closed")),
      keep: (open) => Promise.resolve(void ends.push(open.map((urn) => urn.split("::").at(-1)))),
    },
    log: (line) => lines.push(line),
  };
  return { stack, taken, lines, ends };
}

describe("what may be of a creation's making", () => {
  const isWithin = (madeAt: string): boolean => madeAt >= at(100);
  const secret = { unfit: "its secret was told to nobody" };
  const key = { hasOwnKey: true };

  interface Row {
    readonly found: readonly ReturnType<typeof thing>[] | undefined;
    /** Ids. @default nobody has looked */
    readonly before?: readonly string[];
    readonly comes: Outcome;
    /** Ids. @default none */
    readonly removed?: readonly string[];
  }

  test.each<[string, Row]>([
    [
      "the newest of its own is taken in, others of its own are removed, and another's stays",
      {
        found: [thing("first", 101), thing("old", 90), thing("new", 102)],
        comes: { id: "new" },
        removed: ["first"],
      },
    ],
    [
      "what lacks its secret is removed wholly",
      {
        found: [thing("first", 101, secret), thing("old", 90, secret), thing("new", 102, secret)],
        comes: { removed: "new", ...secret },
        removed: ["first", "new"],
      },
    ],
    ["another's alone is in doubt", { found: [thing("old", 90)], comes: undefined }],
    ["what cannot be listed is in doubt", { found: undefined, before: [], comes: undefined }],
    ["nothing is absent", { found: [], comes: "absent" }],
    [
      "what does not tell when it was made is in doubt where nobody has looked before",
      { found: [thing("pin", undefined), thing("secret", undefined, secret)], comes: undefined },
    ],
    [
      "it is another's where it was there before",
      {
        found: [thing("pin", undefined), thing("secret", undefined, secret)],
        before: ["pin", "secret"],
        comes: undefined,
      },
    ],
    [
      "it is its own where it was not",
      { found: [thing("pin", undefined), thing("mine", undefined)], before: ["pin"], comes: { id: "mine" } },
    ],
    [
      "of several that were not there before one is left",
      {
        found: [thing("mine", undefined), thing("twin", undefined)],
        before: [],
        comes: { id: "mine" },
        removed: ["twin"],
      },
    ],
    [
      "what can be no older than its new bucket is its own, whoever looked",
      { found: [thing("host", 101)], before: ["host"], comes: { id: "host" } },
    ],
    [
      "so it is in an old bucket where it was not there before",
      { found: [thing("host", 90)], before: [], comes: { id: "host" } },
    ],
    [
      "what has its own key is its own, whenever it was made",
      { found: [thing("signed", undefined, key)], before: ["signed"], comes: { id: "signed" } },
    ],
    [
      "of the same key, what is not as described is removed",
      {
        found: [thing("wrong", 102, { ...key, ...secret }), thing("right", 101, key)],
        comes: { id: "right" },
        removed: ["wrong"],
      },
    ],
  ])("%s", async (_, { found, before, comes, removed = [] }) => {
    expect(await outcomeOf(found, { isWithin, before })).toEqual(comes);
    expect((found ?? []).filter((each) => each.removed).map(({ id }) => id)).toEqual(removed);
  });
});

describe("made by which run", () => {
  const own = (second: number, history: HistoryEntry[], ended?: number): boolean =>
    isOfRuns({ begun: 100_000, ...(ended === undefined ? {} : { ended }) }, history)(at(second));

  test("since the creation was begun, and until it ended where it did", () => {
    expect([90, 98, 99, 100, 500].map((second) => own(second, []))).toEqual([false, false, true, true, true]);
    expect([101, 105, 110].map((second) => own(second, [], 103_000))).toEqual([true, true, false]);
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

  test("a run before that did not fail counts, also where the clock was put back since", () => {
    expect(own(82, [runOf(95, 103), runOf(104, 108, "succeeded"), runOf(80, 85)])).toBe(false);
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
    expect(await mendFailed(watch, stack)).toEqual({ isMended: true, open: [] });
    expect(taken.map(({ urn, id }) => [urn, id])).toEqual([
      [urnOf("media"), "second"],
      [urnOf("logs"), "first"],
    ]);
    expect(lines[0]).toBe("creating media was not answered: it was made (second), and is taken in");
    expect(things.some(({ removed }) => removed)).toBe(false);
  });

  test("what was there before is left alone, which is told; so is what could not be looked for", async () => {
    const there = {
      ...{ hand: [thing("old", 90)], pin: [thing("pin", undefined)], known: [thing("known", undefined)] },
      none: [],
    };
    const { stack, taken, lines } = stackOf(there, { before: { known: ["known"] } });
    const watch = watchOf([...Object.keys(there), "broken"].map((name) => ({ name, failed: true })));
    expect(await mendFailed(watch, stack)).toEqual({ isMended: false, open: [urnOf("broken")] });
    expect(taken).toEqual([]);
    expect(lines).toEqual([
      "creating hand failed; what is like it was there before, and is left alone (old)",
      expect.stringMatching(/^creating pin failed; .* does not tell when it was made, .*\(pin\)/),
      "creating known failed; what is like it was there before, and is left alone (known)",
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

  test("so it is where nobody tells when it was made, and of the stack's own key", async () => {
    const there = {
      ...{ api: [thing("twin", undefined), thing("hand", undefined)] },
      ...{ unknown: [thing("undated", undefined)], signed: [thing("older", undefined, { hasOwnKey: true })] },
    };
    const { stack, lines } = stackOf(there, { before: { api: ["hand"] } });
    await removeTwins(
      watchOf(Object.keys(there).map((name) => ({ name, type: tokenType, id: `of-${name}` }))),
      stack,
    );
    const all = Object.values(there).flat();
    expect(all.filter(({ removed }) => removed).map(({ id }) => id)).toEqual(["twin", "older"]);
    expect(lines).toHaveLength(4);
    expect(lines[1]).toBe("creating api: what is like it was there before, and is left alone (hand)");
    expect(lines[2]).toMatch(/^creating unknown: .* does not tell when it was made, .*\(undated\)/);
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

describe("what was there before", () => {
  const of = (name: string) => ({ urn: urnOf(name), type: bucketType, newInputs: { name } });

  /** A stack's record, which outlives runs. */
  function recordOf(record: KnownBefore = {}) {
    const kept = { record };
    const read = () => Promise.resolve(kept.record);
    const write = (known: KnownBefore) => Promise.resolve(void (kept.record = known));
    return { kept, read, write };
  }
  const look = ({ urn }: StateResource) => Promise.resolve([`before ${urn.split("::").at(-1)!}`]);
  const [one, two, three] = [urnOf("one"), urnOf("two"), urnOf("three")];

  test("is looked for once, and stays on record until it is known what came of the creation", async () => {
    const looks = jest.fn(look);
    const record = recordOf({ [three]: ["earlier"] });
    const before = new Beforehand(looks, record);
    await before.keep([]);
    expect(record.kept.record).toEqual({ [three]: ["earlier"] });
    await Promise.all(["one", "two"].map((name) => before.lookBefore(of(name))));
    await before.lookBefore(of("one"));
    expect(looks.mock.calls.map(([{ inputs }]) => inputs)).toEqual([{ name: "one" }, { name: "two" }]);
    expect(before.idsBefore(one)).toEqual(["before one"]);
    const all = { [one]: ["before one"], [two]: ["before two"], [three]: ["earlier"] };
    expect(record.kept.record).toEqual(all);
    await before.keep([two]);
    expect(record.kept.record).toEqual({ [two]: ["before two"], [three]: ["earlier"] });
    // The run goes on, and makes it once more.
    await before.lookBefore(of("one"));
    expect(record.kept.record).toMatchObject({ [one]: ["before one"] });
    expect(looks).toHaveBeenCalledTimes(2);
    await before.close();
    expect(record.kept.record).toEqual({});
  });

  test("what an earlier run has left open is taken from the record: a new look would find what that one has made", async () => {
    const before = new Beforehand(look, recordOf({ [one]: [] }));
    await before.lookBefore(of("one"));
    expect(before.idsBefore(one)).toEqual([]);
  });

  test("a look that fails, and a record that cannot be read or written, hold nothing up", async () => {
    const failing = () => Promise.reject(new Error("nobody answers"));
    const blind = new Beforehand(failing, recordOf());
    await blind.lookBefore(of("one"));
    expect(blind.idsBefore(one)).toBeUndefined();
    const mute = new Beforehand(look, { read: failing, write: failing });
    await mute.lookBefore(of("one"));
    await mute.close();
    expect(mute.idsBefore(one)).toEqual(["before one"]);
  });
});

describe("a run that failed", () => {
  const failing = new Error("the run's own");
  const result = { changes: { same: 3, create: 1 }, unchanged: false, outputs: {} };

  /** Runs of which the first so many are not answered. */
  async function runs(failures: number, found: readonly FoundThing[] | undefined, aborted = false) {
    let count = 0;
    const { stack, lines, ends } = stackOf(found === undefined ? {} : { media: found });
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
    return { ended, count, lines, ends };
  }

  test("goes on where something was mended, and tells what both have done", async () => {
    const { ended, count, lines } = await runs(1, [thing("new", 101)]);
    expect(ended).toEqual({ changes: { same: 3, create: 3 }, unchanged: false, outputs: {} });
    expect(count).toBe(2);
    expect(lines.at(-1)).toBe("bringing dev up goes on");
  });

  test("of what was there before, only what nobody could look for is kept", async () => {
    expect((await runs(0, [])).ends).toEqual(["closed"]);
    expect((await runs(1, [thing("new", 101)])).ends).toEqual([[], "closed"]);
    expect((await runs(1, [])).ends).toEqual([[]]);
    expect((await runs(1, undefined)).ends).toEqual([["media"]]);
    // The next run looks.
    expect((await runs(1, [], true)).ends).toEqual([]);
  });

  test("ends with its own error where nothing was mended, where it was broken off, and after five runs", async () => {
    expect(await runs(1, [])).toMatchObject({ ended: failing, count: 1 });
    expect(await runs(1, [thing("new", 101)], true)).toMatchObject({ ended: failing, count: 1 });
    expect(await runs(9, [thing("new", 101)])).toMatchObject({ ended: failing, count: 5 });
  });
});
