import { backupFindings } from "../../../automation/doctor/backups";
import { certificateFindings } from "../../../automation/doctor/certificates";
import { endingFinding, type Finding, isWell } from "../../../automation/doctor/finding";
import { doctorLines } from "../../../cli/commands/doctor";
import { jsonSchemas } from "../../../cli/json/schemas";

const now = new Date("2026-03-31T12:00:00Z");
const list: Parameters<typeof backupFindings>[1] = {
  backups: [{ backup: "0123abcd", at: "2026-03-31T03:15:00.000Z", bytes: 10, tables: 1, rows: 1 }],
  late: undefined,
  restore: { state: "fresh", says: "the last proved restore of main is of 2026-03-04" },
  warnings: [],
};

describe("what ends", () => {
  test.each([
    ["never", undefined, "well", "does not expire"],
    ["far away", "2026-04-15T00:00:00Z", "well", "is valid until 2026-04-15"],
    ["to the day", "2026-04-14T12:00:00Z", "well", "is valid until 2026-04-14"],
    ["near", "2026-04-14T11:59:00Z", "look", "expires on 2026-04-14, in 13 days"],
    ["tomorrow", "2026-04-01T23:00:00Z", "look", "expires on 2026-04-01, in 1 day"],
    ["at this moment", "2026-03-31T12:00:00Z", "bad", "has expired on 2026-03-31"],
    ["long ago", "2020-01-01T00:00:00Z", "bad", "has expired on 2020-01-01"],
    ["no time at all", "soon", "unknown", "ends at a time that is none: soon"],
  ])("%s", (_what, at, state, says) => {
    const found = endingFinding("it", at, { now, soonDays: 14, next: "make another" });
    expect(found).toMatchObject({ subject: "it", state, says });
    expect(found.next).toBe(state === "well" ? undefined : "make another");
  });
});

test("certificates of origins by the state, in Cloudflare's own way to write a time; nothing else counts", () => {
  const of = (type: string, name: string, expiresOn?: string) => ({
    urn: `urn:pulumi:prod::groundwork::groundwork:x$${type}::${name}`,
    type,
    outputs: { expiresOn },
  });
  const certificate = "cloudflare:index/originCaCertificate:OriginCaCertificate";
  const resources = [
    of(certificate, "api-certificate", "2041-01-01 05:20:00 +0000 UTC"),
    of(certificate, "old-certificate", "2026-03-30 05:20:00 +0000 UTC"),
    of(certificate, "not-made-yet"),
    of("cloudflare:index/accountToken:AccountToken", "token", "2020-01-01T00:00:00Z"),
  ];
  expect(certificateFindings({ resources }, now, "prod")).toMatchObject([
    { subject: "certificate api-certificate", state: "well", says: "is valid until 2041-01-01" },
    {
      subject: "certificate old-certificate",
      state: "bad",
      says: "has expired on 2026-03-30",
      next: expect.stringContaining("--replace 'urn:pulumi:prod::") as string,
    },
  ]);
  expect(certificateFindings({}, now, "prod")).toEqual([]);
});

describe("backups", () => {
  test.each([
    ["made and proved", {}, ["well", "well"], true],
    ["late", { late: "a backup was due" }, ["bad", "well"], false],
    ["none", { backups: [], late: "there is no backup yet" }, ["bad", "well"], false],
    ["proved too long ago", { restore: { state: "old", says: "…" } }, ["well", "bad"], false],
    ["never tried", { restore: { state: "none", says: "…" } }, ["well", "bad"], false],
    ["with records of others", { restore: { state: "unsigned", says: "…" } }, ["well", "bad"], false],
    ["with a warning", { warnings: ["the newest backup has 1 rows"] }, ["well", "well", "look"], true],
  ] as const)("%s", (_what, changes, expected, well) => {
    const found = backupFindings("main", { ...list, ...changes }, "prod");
    expect(found.map((each) => each.state)).toEqual(expected);
    expect(isWell(found)).toBe(well);
  });

  test("each that is bad says the next command", () => {
    const found = backupFindings(
      "main",
      { ...list, late: "due", restore: { state: "none", says: "never" } },
      "prod",
    );
    expect(found.map(({ next }) => next)).toEqual([
      "npx groundwork db backup -s prod --database main",
      "npx groundwork db drill -s prod --database main",
    ]);
  });
});

test("what could not be asked is not well, and all is printed with what to do next", () => {
  const findings: Finding[] = [
    { subject: "API token", state: "well", says: "does not expire", next: "nothing" },
    { subject: "database main", state: "look", says: "10 % of the disk are left" },
    { subject: "host web", state: "unknown", says: "no answer", next: "start it" },
  ];
  expect(isWell(findings)).toBe(false);
  expect(doctorLines(findings)).toEqual([
    expect.stringMatching(/ok +.*API token: does not expire$/),
    expect.stringMatching(/look +.*database main: 10 % of the disk are left$/),
    expect.stringMatching(/unknown.*host web: no answer$/),
    expect.stringContaining("next: start it"),
  ]);
  expect(jsonSchemas.doctor.parse(findings)).toEqual(findings);
});
