import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Environment } from "../../automation/environment";
import { passphraseOf } from "../../automation/passphrase";
import { assertDescribed } from "../../automation/stack-files";
import { describedEnvironments } from "../../platform/stack-folder";
import { UserError } from "../../common/user-error";

const directory = mkdtempSync(join(tmpdir(), "gw-stack-files-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeAll(() => {
  for (const name of ["dev", "staging", "prod"]) writeFileSync(join(directory, `Pulumi.${name}.yaml`), "");
  writeFileSync(join(directory, "Pulumi.yaml"), "name: sample\nruntime: nodejs\n");
});

test("an environment is described by a stack file; a mistyped one is refused with the nearest, before anything is made", async () => {
  expect(describedEnvironments(directory)).toEqual(["dev", "prod", "staging"]);
  expect(() => assertDescribed("staging", directory)).not.toThrow();
  expect(() => assertDescribed("stagin", directory)).toThrow(
    /no environment of that name: stagin[\s\S]*allowed: dev, prod, staging[\s\S]*did you mean staging\?/,
  );
  expect(() => assertDescribed("pr-12", directory)).toThrow(/write Pulumi\.pr-12\.yaml/);
  await expect(Environment.open("stagin", { directory })).rejects.toThrow(/did you mean staging/);
});

test("a stack file that is named and not there is refused, whatever the environment's name", () => {
  const file = join(directory, "nowhere.yaml");
  expect(() => assertDescribed("dev", directory, file)).toThrow(
    /the stack file is not there: .*nowhere\.yaml/,
  );
});

test("the passphrase is taken from where the engine takes it; a file that is not there is a mistake of the user's", () => {
  const file = join(directory, "passphrase");
  writeFileSync(file, "of the file\n");
  expect(passphraseOf({ PULUMI_CONFIG_PASSPHRASE_FILE: file })).toBe("of the file");
  expect(passphraseOf({ PULUMI_CONFIG_PASSPHRASE: "own", PULUMI_CONFIG_PASSPHRASE_FILE: file })).toBe("own");
  expect(passphraseOf({})).toBeUndefined();
  const missing = (): unknown => passphraseOf({ PULUMI_CONFIG_PASSPHRASE_FILE: `${file}-not` });
  expect(missing).toThrow(UserError);
  expect(missing).toThrow(/passphrase-not \(ENOENT\)[\s\S]*next: correct PULUMI_CONFIG_PASSPHRASE_FILE/);
});
