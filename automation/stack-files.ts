import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../common/user-error";
import { describedEnvironments } from "../platform/stack-folder";
import { listOf, nearest } from "../platform/settings/nearest";

/** The stack file that is used instead of the environment's own, as it was asked for; undefined where none was. */
export function namedStackFile(
  configFile: string | undefined,
  variables: Readonly<Record<string, string | undefined>>,
): string | undefined {
  return configFile ?? variables["PULUMI_OPTION_CONFIG_FILE"] ?? process.env["PULUMI_OPTION_CONFIG_FILE"];
}

/**
 * Makes sure that an environment is described by a stack file: a mistyped name must not make a stack.
 *
 * @param file the stack file where it is another one than the folder's Pulumi.<name>.yaml
 * @throws UserError that names the nearest of those there are
 */
export function assertDescribed(name: string, directory: string, file?: string): void {
  const wanted = file ?? join(directory, `Pulumi.${name}.yaml`);
  if (existsSync(wanted) || (file === undefined && existsSync(join(directory, `Pulumi.${name}.yml`)))) return;
  const all = describedEnvironments(directory);
  const meant = file === undefined ? nearest(name, all) : undefined;
  throw new UserError({
    what: file === undefined ? "there is no environment of that name" : "the stack file is not there",
    value: file ?? `${name} (no Pulumi.${name}.yaml)`,
    allowed: all.length === 0 ? "an environment with a stack file" : listOf(all),
    next:
      meant === undefined
        ? `write Pulumi.${name}.yaml: docs/settings.md says how`
        : `did you mean ${meant}? The same command with -s ${meant}`,
  });
}
