import * as fc from "fast-check";
import {
  ledgerLine,
  ledgerOf,
  localTime,
  longestGap,
  noisyControl,
  percentile,
  type ProbeRecord,
  type ProbeSample,
  readLedger,
  shouldAbort,
  switchGuardMs,
} from "../../../components/origin/ledger";

const start = 1_700_000_000_000;

/** A prober that asks each 100 ms, with what was wrong from when to when. */
function recordOf(
  options: {
    readonly seconds?: number;
    readonly switchAfter?: number | undefined;
    readonly armedAfter?: number | undefined;
    readonly failing?: readonly (readonly [from: number, to: number])[];
    readonly sockets?: ProbeRecord["sockets"];
  } = {},
): ProbeRecord {
  const { seconds = 10, switchAfter = 5_000, failing = [] } = options;
  const samples = Array.from({ length: seconds * 10 }, (_, index): ProbeSample => {
    const after = index * 100;
    const failed = failing.some(([from, to]) => after >= from && after < to);
    return { at: start + after, ms: 5, ...(failed ? { failure: "HTTP 502" } : {}) };
  });
  return {
    release: "r2",
    url: "https://api.example.com/health",
    intervalMs: 100,
    startedAt: start,
    endedAt: start + seconds * 1_000,
    armedAt:
      "armedAfter" in options && options.armedAfter === undefined
        ? undefined
        : start + (options.armedAfter ?? 300),
    switchedAt:
      "switchAfter" in options && options.switchAfter === undefined ? undefined : start + switchAfter,
    samples,
    sockets: options.sockets ?? [],
  };
}

describe("a ledger", () => {
  test("of a release that loses nothing", () => {
    expect(ledgerOf(recordOf())).toEqual({
      version: 1,
      release: "r2",
      url: "https://api.example.com/health",
      startedAt: new Date(start).toISOString(),
      switchedAt: new Date(start + 5_000).toISOString(),
      seconds: 10,
      intervalMs: 100,
      armed: true,
      before: { requests: 44, failures: 0, p50: 5, p99: 5, longestGap: 100 },
      after: { requests: 53, failures: 0, p50: 5, p99: 5, longestGap: 100 },
      lost: 0,
      lostAs: {},
      sockets: { opened: 0, closed: 0, dropped: 0 },
      aborted: false,
      reconnects: 0,
      notes: [],
    });
  });

  test("counts what is lost after the switch, and how long nothing good came", () => {
    const ledger = ledgerOf(recordOf({ failing: [[5_000, 5_700]] }));
    expect(ledger.lost).toBe(7);
    expect(ledger.lostAs).toEqual({ "HTTP 502": 7 });
    expect(ledger.after.longestGap).toBe(800);
    expect(ledger.before.failures).toBe(0);
  });

  test("does not hold failures before the switch against the release", () => {
    const ledger = ledgerOf(recordOf({ failing: [[2_000, 3_000]] }));
    expect(ledger.lost).toBe(0);
    expect(ledger.before).toMatchObject({ failures: 10, longestGap: 1_100 });
    expect(ledger.after.longestGap).toBe(100);
  });

  test("takes a failure just before the switch was heard of as the release's", () => {
    expect(ledgerOf(recordOf({ failing: [[4_800, 4_900]] })).lost).toBe(1);
    expect(ledgerOf(recordOf({ failing: [[4_600, 4_650]] })).lost).toBe(0);
  });

  test("a gap over the switch belongs to what comes after it", () => {
    const ledger = ledgerOf(recordOf({ failing: [[4_000, 6_000]] }));
    expect(ledger.after.longestGap).toBe(2_100);
  });

  test("counts nothing where the address did not answer before the switch", () => {
    const never = ledgerOf(recordOf({ armedAfter: undefined, failing: [[0, 10_000]] }));
    expect(never).toMatchObject({ armed: false, lost: 0, before: { requests: 0 }, after: { requests: 0 } });
    const late = ledgerOf(recordOf({ armedAfter: 6_000, failing: [[7_000, 8_000]] }));
    expect(late).toMatchObject({ armed: false, lost: 0 });
  });

  test("where it is not known when the switch was, all is before it", () => {
    const ledger = ledgerOf(recordOf({ switchAfter: undefined, failing: [[6_000, 6_500]] }));
    expect(ledger).toMatchObject({ lost: 0, before: { failures: 5 }, after: { requests: 0 } });
    expect(ledger.switchedAt).toBeUndefined();
  });

  test("tells sockets that were closed with a frame from those that were cut, and how long they were kept", () => {
    const at = (after: number) => start + after;
    const ledger = ledgerOf(
      recordOf({
        sockets: [
          { openedAt: at(100), closedAt: at(9_000), code: 1012 },
          { openedAt: at(100), closedAt: at(9_400), code: 1001 },
          { openedAt: at(200), closedAt: at(2_000), code: 1006 },
          { openedAt: at(2_500), closedAt: at(6_000), code: 1006 },
          { openedAt: at(9_500) },
        ],
      }),
    );
    expect(ledger.sockets).toEqual({ opened: 5, closed: 2, dropped: 1, keptMs: 1_000 });
  });

  test("is one line for people", () => {
    const ledger = ledgerOf(
      recordOf({
        failing: [[5_000, 5_300]],
        sockets: [{ openedAt: start, closedAt: start + 8_000, code: 1012 }],
      }),
    );
    expect(ledgerLine(ledger)).toBe(
      "97 requests, 3 lost (3 × HTTP 502), p50 5 ms, p99 5 ms, longest gap 400 ms (100 ms before the switch), " +
        "1 socket opened, 0 dropped, 1 closed with a frame after 3.0 s",
    );
    expect(
      ledgerLine(ledgerOf({ ...recordOf({ armedAfter: undefined }), notes: ["nobody was there"] })),
    ).toBe("0 requests; nobody was there");
  });
});

const sample = fc.record(
  {
    at: fc.integer({ min: start, max: start + 20_000 }),
    ms: fc.integer({ min: 0, max: 5_000 }),
    failure: fc.constantFrom("HTTP 502", "ECONNRESET", "timeout"),
  },
  { requiredKeys: ["at", "ms"] },
);
const socket = fc.record(
  {
    openedAt: fc.integer({ min: start, max: start + 10_000 }),
    closedAt: fc.integer({ min: start, max: start + 25_000 }),
    code: fc.constantFrom(1000, 1001, 1006, 1012),
  },
  { requiredKeys: ["openedAt"] },
);
const anyRecord: fc.Arbitrary<ProbeRecord> = fc.record({
  release: fc.constant("r2"),
  url: fc.constant("https://api.example.com/health"),
  intervalMs: fc.constant(100),
  startedAt: fc.constant(start),
  endedAt: fc.constant(start + 25_000),
  armedAt: fc.option(fc.integer({ min: start, max: start + 20_000 }), { nil: undefined }),
  switchedAt: fc.option(fc.integer({ min: start, max: start + 20_000 }), { nil: undefined }),
  samples: fc.array(sample, { maxLength: 60 }),
  sockets: fc.array(socket, { maxLength: 6 }),
});

describe("whatever was seen", () => {
  test("each counted request stands in one of both spans, and a failure is lost only after the switch", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const ledger = ledgerOf(record);
        const { before, after } = ledger;
        const from = record.armedAt ?? record.endedAt;
        const counted = record.samples.filter(({ at, ms }) => at + ms >= from);
        expect(before.requests + after.requests).toBe(
          record.switchedAt === undefined
            ? counted.filter(({ at, ms }) => at + ms < record.endedAt).length
            : counted.length,
        );
        expect(ledger.lost).toBe(ledger.armed ? after.failures : 0);
        expect(Object.values(ledger.lostAs).reduce((sum, count) => sum + count, 0)).toBe(ledger.lost);
        for (const span of [before, after]) {
          expect(span.failures).toBeLessThanOrEqual(span.requests);
          expect(span.p50 === undefined).toBe(span.requests === span.failures);
          if (span.p50 !== undefined && span.p99 !== undefined)
            expect(span.p50).toBeLessThanOrEqual(span.p99);
        }
        expect(ledger.sockets.closed + ledger.sockets.dropped).toBeLessThanOrEqual(ledger.sockets.opened);
      }),
    );
  });

  test("the order in which answers came does not matter", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const turned = {
          ...record,
          samples: [...record.samples].reverse(),
          sockets: [...record.sockets].reverse(),
        };
        expect(ledgerOf(turned)).toEqual({ ...ledgerOf(record), lostAs: ledgerOf(turned).lostAs });
      }),
    );
  });

  test("a further failure after the switch makes one more lost, and never a shorter gap", () => {
    fc.assert(
      fc.property(anyRecord, fc.integer({ min: 0, max: 4_000 }), (record, later) => {
        fc.pre(
          record.switchedAt !== undefined &&
            record.armedAt !== undefined &&
            record.armedAt <= record.switchedAt,
        );
        const failed = { at: (record.switchedAt ?? 0) + later, ms: 1, failure: "HTTP 500" };
        const [one, more] = [ledgerOf(record), ledgerOf({ ...record, samples: [...record.samples, failed] })];
        expect(more.lost).toBe(one.lost + 1);
        expect(more.after.longestGap).toBeGreaterThanOrEqual(one.after.longestGap);
      }),
    );
  });

  test("a good answer more never makes a gap longer", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 2 }),
        fc.integer({ min: 0, max: 10_000 }),
        (moments, one) => {
          const sorted = [...moments].sort((a, b) => a - b);
          fc.pre(one >= (sorted[0] ?? 0) && one <= (sorted.at(-1) ?? 0));
          expect(longestGap([...moments, one])).toBeLessThanOrEqual(longestGap(moments));
        },
      ),
    );
  });

  test("a percentile is one of the values, with so many below it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1 }),
        fc.integer({ min: 1, max: 100 }),
        (values, percent) => {
          const sorted = [...values].sort((a, b) => a - b);
          const value = percentile(sorted, percent);
          expect(sorted).toContain(value);
          expect(sorted.filter((each) => each <= value).length).toBeGreaterThanOrEqual(
            (percent / 100) * sorted.length,
          );
        },
      ),
    );
  });

  test("a ledger survives JSON; anything else is none", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const ledger = ledgerOf(record);
        expect(readLedger(JSON.parse(JSON.stringify(ledger)))).toEqual(ledger);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(readLedger(value)).toBeUndefined();
      }),
    );
  });
});

describe("switching back", () => {
  const question = (record: ProbeRecord, abortAfter = 5) => ({
    armedAt: record.armedAt,
    switchedAt: record.switchedAt,
    samples: record.samples,
    abortAfter,
  });

  test("after so many failures in a row, and not before", () => {
    const upTo = (after: number) => {
      const record = recordOf({ failing: [[5_000, 9_000]] });
      return { ...record, samples: record.samples.filter(({ at }) => at < start + after) };
    };
    expect(shouldAbort(question(upTo(5_400)))).toBe(false);
    expect(shouldAbort(question(upTo(5_500)))).toBe(true);
    expect(shouldAbort(question(upTo(5_500), 0))).toBe(false);
  });

  test("not where a good answer is among them", () => {
    expect(
      shouldAbort(
        question(
          recordOf({
            failing: [
              [5_000, 9_400],
              [9_500, 10_000],
            ],
          }),
          6,
        ),
      ),
    ).toBe(false);
  });

  test("never for failures that began before the switch, or an address that did not answer, or one that lost as many before", () => {
    expect(shouldAbort(question(recordOf({ switchAfter: 9_800, failing: [[9_000, 10_000]] })))).toBe(false);
    expect(shouldAbort(question(recordOf({ armedAfter: undefined, failing: [[0, 10_000]] })))).toBe(false);
    expect(
      shouldAbort(
        question(
          recordOf({
            failing: [
              [1_000, 1_000 + 5_000 * noisyControl * 2],
              [5_000, 10_000],
            ],
          }),
        ),
      ),
    ).toBe(false);
    expect(shouldAbort(question(recordOf({ switchAfter: undefined, failing: [[5_000, 10_000]] })))).toBe(
      false,
    );
  });

  test("whatever was seen: only with so many failures after a known switch", () => {
    fc.assert(
      fc.property(anyRecord, fc.integer({ min: 0, max: 8 }), (record, abortAfter) => {
        if (!shouldAbort(question(record, abortAfter))) return;
        const after = record.samples.filter(
          ({ at, failure }) => failure !== undefined && at >= (record.switchedAt ?? 0),
        );
        expect(after.length).toBeGreaterThanOrEqual(abortAfter);
        expect(abortAfter).toBeGreaterThan(0);
      }),
    );
  });
});

test("the host's clock may be any: the switch is put into the time here to within the fastest message", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -1e9, max: 1e9 }),
      fc.array(
        fc.record({ at: fc.integer({ min: 0, max: 60_000 }), delay: fc.integer({ min: 5, max: 2_000 }) }),
        {
          minLength: 1,
        },
      ),
      (skew, sent) => {
        const events = sent.map(({ at, delay }) => ({ at: at + skew, heardAt: at + delay }));
        const fastest = Math.min(...sent.map(({ delay }) => delay));
        expect(localTime(30_000 + skew, events)).toBe(30_000 + fastest);
      },
    ),
  );
  expect(switchGuardMs).toBeGreaterThan(100);
});
