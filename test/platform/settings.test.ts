import { formatIssue, type SettingsIssue, validateStackFile } from "../../platform/settings";
import { fake, wrongFiles } from "./settings/wrong-files";

const file = "Pulumi.staging.yaml";

function issuesOf(text: string, stack: string): readonly SettingsIssue[] {
  const result = validateStackFile({ file, text, stack });
  return "issues" in result ? result.issues : [];
}

describe("wrong stack files", () => {
  test("there are at least sixty, each with a name of its own", () => {
    expect(wrongFiles.length).toBeGreaterThanOrEqual(60);
    expect(new Set(wrongFiles.map(({ name }) => name)).size).toBe(wrongFiles.length);
  });

  test.each(wrongFiles.map((wrong) => [wrong.name, wrong] as const))(
    "%s",
    (_name, { text, stack = "staging", issues }) => {
      const found = issuesOf(text, stack);
      const shown = found.map(formatIssue).join("\n\n");
      expect({ shown, paths: found.map(({ path }) => path).sort() }).toEqual({
        shown,
        paths: issues.map(({ path }) => path).sort(),
      });
      for (const expected of issues) {
        const whats = [expected.what].flat();
        const match = found.find(
          ({ path, what }) => path === expected.path && whats.every((part) => what.includes(part)),
        );
        expect({ shown, expected, match }).toEqual({
          shown,
          expected,
          match: expect.objectContaining({ file }) as unknown,
        });
        expect(match?.fix).toContain(expected.fix);
        if (expected.allowed !== undefined) expect(match?.allowed).toContain(expected.allowed);
        if (expected.line !== undefined)
          expect(text.split("\n")[(match?.line ?? 0) - 1]?.trim()).toBe(expected.line);
      }
      for (const issue of found) {
        expect(issue.fix).not.toBe("");
        if (text !== "" && !text.startsWith("- ")) expect(issue.line).toBeGreaterThan(0);
      }
      for (const secret of [fake.token, fake.password, fake.databaseUrl, fake.privateKey]) {
        expect(JSON.stringify(found) + shown).not.toContain(secret);
      }
    },
  );
});
