import { randomBytes } from "node:crypto";
import { type DrillRecord, signRecord } from "../../../automation/database/drill-record";
import { knownHarm, proofState } from "../../../automation/database/proof";
import type { RehearsalRecord } from "../../../automation/database/rehearsal/record";
import type { RehearsedStatement } from "../../../automation/database/rehearsal/statements";
import { signAs } from "../../../automation/database/signed-record";
import { assertProved, proofsWanted, unprovedMigrations } from "../../../automation/database/unproved";
import type { Environment } from "../../../automation/environment";
import { UserError } from "../../../common/user-error";

const secret = randomBytes(24).toString("base64url");
const now = new Date("2026-03-31T12:00:00Z");
const drill: DrillRecord = {
  version: 1,
  stack: "prod",
  database: "main",
  repository: "/backups",
  backup: "0123abcd",
  backupAt: "2026-03-04T03:15:00Z",
  at: "2026-03-04T05:00:00.000Z",
  server: "own",
  tables: 3,
  rows: 10,
  differences: [],
  rpoSeconds: 6300,
  rtoSeconds: 12.5,
  seconds: { start: 2, restore: 8, compare: 1 },
  passed: true,
};
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
    ["never rehearsed", { ...asked, rehearsal: undefined }, []],
    ["another image", { ...asked, image: "acme/shop:v3" }, []],
    ["rehearsed too long ago", { ...asked, now: new Date("2026-04-06T12:00:01Z") }, []],
    ["rehearsed without harm", { ...asked, rehearsal: { ...rehearsal, dropped: [], statements: [] } }, []],
  ])("%s", (_what, question, expected) => {
    expect(knownHarm(question)).toEqual(expected);
  });
});

describe("migrations that want a proof", () => {
  const origins = (migrations: object = {}) =>
    ({
      api: {
        kind: "compose",
        services: { api: { image: "acme/shop:v2" } },
        migrations: { service: "api", breaking: false, ...migrations },
      },
      web: { kind: "compose", services: {} },
      away: { kind: "external" },
    }) as never;
  const databases = (backups: object | undefined) => ({ main: { kind: "container", backups } }) as never;
  const backups = { restoreTestDays: 30 };

  test.each([
    ["production", "prod", backups, ["api"]],
    ["production of an organisation", "acme/shop/prod", backups, ["api"]],
    ["production that was told not to", "prod", { ...backups, requireProof: false }, []],
    ["staging", "staging", backups, []],
    ["staging that was told to", "staging", { ...backups, requireProof: true }, ["api"]],
    ["production without backups", "prod", undefined, []],
  ])("%s", (_what, stack, given, expected) => {
    const wanted = proofsWanted({ databases: databases(given), origins: origins() }, stack);
    expect(wanted.map(({ origin }) => origin)).toEqual(expected);
  });

  test("a database that the origin does not migrate is none of its business", () => {
    const two = { main: { kind: "container", backups }, other: { kind: "container" } } as never;
    expect(proofsWanted({ databases: two, origins: origins({ database: "other" }) }, "prod")).toEqual([]);
    expect(proofsWanted({ databases: two, origins: origins({ database: "main" }) }, "prod")).toHaveLength(1);
  });

  /** An environment whose host has these records. */
  const withRecords = (drills: readonly object[], rehearsals: readonly object[]): Environment =>
    ({
      name: "prod",
      database: () =>
        Promise.resolve({
          backups: { recordKey: secret },
          hostStep: () => Promise.resolve({ drills, rehearsals }),
          close: () => Promise.resolve(),
        }),
    }) as unknown as Environment;
  const wanted = (changes: object = {}) =>
    proofsWanted({ databases: databases(backups), origins: origins(changes) }, "prod");
  const rehearsed = signAs("rehearsal", rehearsal, secret);

  test("are refused with what they do, what is missing, and the next command", async () => {
    const old = of({ at: "2026-01-01T00:00:00.000Z" });
    const unproved = await unprovedMigrations(withRecords([old], [rehearsed]), wanted(), { now });
    const refused = (): void => assertProved(unproved, "prod");
    expect(refused).toThrow(UserError);
    expect(refused).toThrow(
      /api: the migrations drop public\.pins \(about 3 rows\), rewrite public\.items; the last proved restore of main is of 2026-01-01, more than 30 days ago\n.*at most 30 days.*\n.*next: npx groundwork db drill -s prod, then/,
    );
  });

  test("go on with a fresh proof, and where they are not known to destroy anything", async () => {
    expect(await unprovedMigrations(withRecords([of()], [rehearsed]), wanted(), { now })).toEqual([]);
    expect(await unprovedMigrations(withRecords([], []), wanted(), { now })).toEqual([]);
    expect(() => assertProved([], "prod")).not.toThrow();
  });

  test("a host that does not answer takes nothing from what the stack file declares, and is said", async () => {
    const silent = { name: "prod", database: () => Promise.reject(new Error("no way there\nat all")) };
    const said: string[] = [];
    const ask = (changes: object) =>
      unprovedMigrations(silent as unknown as Environment, wanted(changes), {
        now,
        log: (line) => said.push(line),
      });
    expect(await ask({})).toEqual([]);
    expect(await ask({ breaking: true })).toMatchObject([
      { origin: "api", harm: ["are declared `breaking`"], proof: { state: "none" } },
    ]);
    expect(said[0]).toBe("records of restores and rehearsals of main could not be read: no way there");
  });
});
