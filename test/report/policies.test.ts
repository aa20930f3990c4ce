import { brokenRules, type MigrationFacts, type PolicyRules } from "../../report/policies";
import type { Change } from "../../report/model";

const proof = { level: "mandatory" } as const;

function change(kind: string, level: string, text: string): Change {
  return { title: "R2 bucket media", urn: "urn:a::b", risks: [{ kind, level, text }] } as unknown as Change;
}
const broken = (rules: Partial<PolicyRules>, changes: Change[], migrations: MigrationFacts[] = []) =>
  brokenRules({ changes, stack: "prod" }, { risks: {}, ...rules }, migrations);

describe("dangers of a change", () => {
  const lost = change("data loss", "danger", "everything in it is lost");

  test("the one that a rule names is told with its level, its resource and what would happen", () => {
    expect(broken({ risks: { dataLoss: "mandatory" } }, [lost])).toEqual([
      {
        ...{ policy: "risks.dataLoss", pack: "groundwork", level: "mandatory", urn: "urn:a::b" },
        text: "R2 bucket media: everything in it is lost",
      },
    ]);
    expect(broken({ risks: { dataLoss: "advisory" } }, [lost])).toMatchObject([{ level: "advisory" }]);
  });

  test("a kind that no rule names, and what is no danger, break nothing", () => {
    expect(broken({ risks: { dns: "mandatory" } }, [lost])).toEqual([]);
    expect(broken({}, [lost])).toEqual([]);
    expect(
      broken({ risks: { dataLoss: "mandatory" } }, [change("data loss", "warning", "may be lost")]),
    ).toEqual([]);
  });

  test.each([
    ["downtime", "downtime"],
    ["accessOpened", "access opened"],
    ["certificate", "certificate"],
    ["dns", "DNS"],
  ] as const)("%s is the report's %s", (rule, kind) => {
    expect(broken({ risks: { [rule]: "mandatory" } }, [change(kind, "danger", "x")])).toHaveLength(1);
  });
});

describe("a migration wants a proof of restore", () => {
  const none = { isFresh: false, says: "no restore of main was ever tried" };
  const facts = (more: Partial<MigrationFacts>): MigrationFacts => ({
    ...{ origin: "api", harm: ["drop public.old"], proof: none },
    ...more,
  });
  const text = (more: Partial<MigrationFacts>): string | undefined =>
    broken({ proofOfRestore: proof }, [], [facts(more)])[0]?.text;

  test("that destroys something, and no restore was proved lately", () => {
    expect(text({})).toBe(
      "the migrations of api drop public.old, and no restore of main was ever tried: npx groundwork db drill -s prod",
    );
    expect(
      text({ proof: { isFresh: true, says: "the last proved restore of main is of today" } }),
    ).toBeUndefined();
  });

  test("of much that is destroyed the first is told", () => {
    const harm = Array.from({ length: 9 }, (_unused, index) => `drop t${index}`);
    expect(text({ harm })).toMatch(/drop t3, drop t4, 4 more, and no restore/);
  });

  test("one that was rehearsed and neither drops nor rewrites wants none; one that was not rehearsed counts as one that may", () => {
    expect(text({ harm: [] })).toBeUndefined();
    expect(text({ harm: undefined })).toMatch(/may drop or rewrite something, as they were not rehearsed/);
  });

  test("where nobody can be asked nothing is taken for granted", () => {
    expect(text({ harm: [], unknown: "no SSH server answers" })).toMatch(
      /could not be asked \(no SSH server answers\)/,
    );
  });

  test("no migration, no question", () => {
    expect(broken({ proofOfRestore: proof }, [], [])).toEqual([]);
  });
});
