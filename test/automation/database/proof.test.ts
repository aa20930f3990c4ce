import { randomBytes } from "node:crypto";
import { type DrillRecord, signRecord } from "../../../automation/database/drill-record";
import { knownHarm, proofState } from "../../../automation/database/proof";
import type { RehearsalRecord } from "../../../automation/database/rehearsal/record";
import { signAs } from "../../../automation/database/signed-record";
import { passedDrill as drill } from "../../support/drill-record";
import type { RehearsedStatement } from "../../../automation/database/rehearsal/statements";

const secret = randomBytes(24).toString("base64url");
const now = new Date("2026-03-31T12:00:00Z");
const of = (changes: Partial<DrillRecord> = {}, by = secret) => signRecord({ ...drill, ...changes }, by);
const failed = { passed: false, at: "2026-03-20T05:00:00.000Z" };
const forger = randomBytes(24).toString("base64url");

describe("a proof of restore", () => {
  test.each([
    ["nothing was ever tried", [], "none", /^no restore of main was ever tried$/],
    ["one of 27 days ago passed", [of()], "fresh", /is of 2026-03-04$/],
    ["to the very minute", [of({ at: "2026-03-01T12:00:00.000Z" })], "fresh", /is of 2026-03-01$/],
    [
      "a minute too late",
      [of({ at: "2026-03-01T11:59:00.000Z" })],
      "old",
      /2026-03-01, more than 30 days ago$/,
    ],
    [
      "an old one, then one that failed",
      [of({ at: "2026-01-01T00:00:00.000Z" }), of(failed)],
      "old",
      /01-01/,
    ],
    ["a fresh one, then one that failed", [of(), of(failed)], "fresh", /03-04/],
    ["only one that failed", [of(failed)], "failed", /tried on 2026-03-20 failed$/],
    ["another's signature", [of({}, forger)], "unsigned", /signed by this stack/],
    ["changed by hand", [{ ...of(failed), record: JSON.stringify(drill) }], "unsigned", /proves nothing$/],
    ["of another stack", [of({ stack: "staging" })], "unsigned", /signed by this stack/],
    ["of another database", [of({ database: "other" })], "unsigned", /signed by this stack/],
    ["a rehearsal's signature", [signAs("rehearsal", drill, secret)], "unsigned", /signed by this stack/],
    ["from the future", [of({ at: "2036-03-04T05:00:00.000Z" })], "unsigned", /signed by this stack/],
    ["no records at all, but text", [{ record: "x", signature: "y" }], "unsigned", /signed/],
  ] as const)("%s: %s", (_what, records, state, says) => {
    const found = proofState(records, { secret, stack: "prod", database: "main", days: 30, now });
    expect(found.state).toBe(state);
    expect(found.says).toMatch(says);
    expect(found.proof?.at).toBe(state === "fresh" || state === "old" ? found.proof?.at : undefined);
  });
});

test("the newest that passed is the proof, of this database alone; one that failed after it is told", () => {
  const all = [
    of({ at: "2026-03-04T05:00:00.000Z" }),
    of({ at: "2026-03-05T05:00:00.000Z" }),
    of({ at: "2026-03-07T05:00:00.000Z", stack: "dev" }),
    of({ at: "2026-03-08T05:00:00.000Z", database: "other" }),
  ];
  const question = { secret, stack: "prod", database: "main", days: 30, now };
  const found = proofState(all, question);
  expect(found.proof?.at).toBe("2026-03-05T05:00:00.000Z");
  expect(found.failedSince).toBeUndefined();
  expect(proofState([...all, of(failed)], question)).toMatchObject({ ...found, failedSince: failed });
});

const statement = (relation: string): RehearsedStatement => ({
  statement: `alter table ${relation} …`,
  milliseconds: 2,
  locks: [],
  rewrites: [{ relation, rows: 5, bytes: 8192 }],
});

const rehearsal = {
  version: 1,
  stack: "prod",
  database: "main",
  origin: "api",
  at: "2026-03-30T12:00:00.000Z",
  image: "acme/shop:v2",
  statements: [statement("public.items"), statement("public.items")],
  dropped: ["public.pins (about 3 rows)"],
} as unknown as RehearsalRecord;

describe("what migrations are known to destroy", () => {
  const harmless = { ...rehearsal, dropped: [], statements: [], passed: true, statementsLeftOut: 0 };
  const asked = { breaking: false, image: "acme/shop:v2", now, rehearsal };
  test.each([
    [
      "a rehearsal that dropped and rewrote",
      asked,
      ["drop public.pins (about 3 rows)", "rewrite public.items"],
    ],
    [
      "declared breaking, never rehearsed",
      { ...asked, breaking: true, rehearsal: undefined },
      ["are declared `breaking`"],
    ],
    ["never rehearsed", { ...asked, rehearsal: undefined }, undefined],
    ["another image", { ...asked, image: "acme/shop:v3" }, undefined],
    ["rehearsed too long ago", { ...asked, now: new Date("2026-04-06T12:00:01Z") }, undefined],
    ["rehearsed without harm", { ...asked, rehearsal: harmless }, []],
    ["a rehearsal that failed", { ...asked, rehearsal: { ...harmless, passed: false } }, undefined],
    [
      "more statements than it has room for",
      { ...asked, rehearsal: { ...harmless, statementsLeftOut: 1 } },
      undefined,
    ],
  ])("%s", (_what, question, expected) => {
    expect(knownHarm(question)).toEqual(expected);
  });
});
