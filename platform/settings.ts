/**
 * The settings of one environment: the only reader of `pulumi.Config`. One schema (settings/schema) describes
 * everything in a stack file; docs/settings.md and schemas/stack.schema.json are made from it.
 */
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { projectRoot } from "../common/project-root";
import { UserError } from "../common/user-error";
import { sharedByOthers } from "./settings/across";
import { settingsFromConfig } from "./settings/from-config";
import { SettingsError } from "./settings/issue";
import { requiredSecretsOf } from "./settings/required-secrets";
import type { Settings } from "./settings/settings-type";
import { stackNameOf } from "./settings/tier";
import { describedEnvironments } from "./stack-folder";
import { inspectStackFile, type StackFile, validateStackFile } from "./settings/validate";

export type { AccessSettings } from "./settings/schema/access";
export type { BucketSettings } from "./settings/schema/buckets";
export type { CloudflareSettings, ZoneSettings } from "./settings/schema/cloudflare";
export type { Environment, EnvironmentValue } from "./settings/schema/environment";
export type { HostSettings } from "./settings/schema/hosts";
export type {
  ComposeOriginSettings,
  ExternalOriginSettings,
  OriginSettings,
  ServiceSettings,
  TunnelOriginSettings,
} from "./settings/schema/origins";
export type { CookieSettings, DevSettings, ReleaseSettings, TokenSettings } from "./settings/schema/others";
export type { SiteSettings } from "./settings/schema/sites";
export type { TunnelSettings } from "./settings/schema/tunnels";
export type * from "./settings/settings-type";
export { type ValidatedAll, validateStackFiles } from "./settings/across";
export { type FromConfig, type ProgramConfig, settingsFromConfig } from "./settings/from-config";
export { formatIssue, SettingsError, type SettingsIssue } from "./settings/issue";
export { OUTPUTS, type Reference, resolveReference } from "./settings/references";
export { type ResolveEntry, parseResolve } from "./settings/resolve";
export { configKey as settingName } from "./settings/paths";
export { beyondPlan, type PlanName, planNames } from "./settings/rules/plan";
export { setSecretCommand } from "./settings/rules/secrets";
export { stackNameOf, tierOf } from "./settings/tier";
export { type StackFile, type Validated, type ValidateOptions, validateStackFile } from "./settings/validate";

/** The running stack's settings, and its secrets by name. */
export interface LoadedSettings {
  readonly settings: Settings;
  /** A secret of groundwork:secrets, as a Pulumi secret. @throws Error for a name that is not in `requiredSecrets`. */
  readonly secrets: (name: string) => pulumi.Output<string>;
  /** The same secrets as they are, for what is asked before anything is made. */
  readonly plainSecrets: Readonly<Record<string, string>>;
}

/**
 * Reads the running program's configuration. Where it is that of the folder's own stack file, nothing in it may be another
 * stack's.
 *
 * @param directory the project's folder: its stack file gives messages their line numbers.
 * @param configFile a stack file that is used instead. Default: PULUMI_OPTION_CONFIG_FILE, else none
 * @throws SettingsError with every mistake at once.
 */
export function loadSettings(
  directory: string = projectRoot(),
  configFile = process.env.PULUMI_OPTION_CONFIG_FILE,
): LoadedSettings {
  const config = pulumi.runtime.allConfig();
  const stack = pulumi.getStack();
  const source = findStackFile(stack, directory, configFile);
  const result = settingsFromConfig({
    config,
    secretKeys: Object.keys(config).filter(isConfigSecret),
    stack,
    source,
    apiToken: process.env["CLOUDFLARE_API_TOKEN"],
  });
  if ("issues" in result) throw new SettingsError(result.issues);
  if (source !== undefined && configFile === undefined) {
    const name = stackNameOf(stack);
    const shared = sharedByOthers({ stack: name, ...source }, otherStackFiles(name, directory));
    if (shared.length > 0) throw new SettingsError(shared);
  }
  const secrets = Object.fromEntries(
    Object.entries(result.secrets).map(([name, value]) => [name, pulumi.secret(value)]),
  );
  return {
    settings: result.settings,
    secrets: (name) => {
      const secret = secrets[name];
      if (secret === undefined) throw new Error(`no setting names the secret ${name}`);
      return secret;
    },
    plainSecrets: result.secrets,
  };
}

/** The SDK has this function, but its types keep it to itself. */
function isConfigSecret(key: string): boolean {
  const runtime = pulumi.runtime as unknown as { isConfigSecret?: (key: string) => boolean };
  return runtime.isConfigSecret?.(key) ?? false;
}

/** The file that the engine read, where it can be told: only for line numbers in messages. */
function findStackFile(
  stack: string,
  directory: string,
  named: string | undefined,
): { readonly file: string; readonly text: string } | undefined {
  const file = named ?? join(directory, `Pulumi.${stackNameOf(stack)}.yaml`);
  if (!existsSync(file)) return undefined;
  const shown = relative(process.cwd(), file);
  return { file: shown.startsWith("..") ? file : shown, text: readFileSync(file, "utf8") };
}

function otherStackFiles(stack: string, directory: string): StackFile[] {
  return describedEnvironments(directory).flatMap((other) => {
    const found = other === stack ? undefined : findStackFile(other, directory, undefined);
    return found === undefined ? [] : [{ stack: other, ...found }];
  });
}

/**
 * Reads a stack file outside of a program; its secrets may be missing, as nobody can decrypt them here.
 *
 * @throws UserError where there is no such file; SettingsError with every mistake in it.
 */
export async function readSettings(file: string, stack: string): Promise<Settings> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new UserError({
      what: "the stack file cannot be read",
      value: file,
      next: `write it: docs/settings.md says how, and Pulumi.${stackNameOf(stack)}.yaml is where it is looked for`,
      cause,
    });
  }
  const result = validateStackFile({ file, text, stack }, { secrets: "optional" });
  if ("issues" in result) throw new SettingsError(result.issues);
  return result.settings;
}

/** The names of all secrets that a stack file's settings need, even where the file has mistakes. */
export function secretNamesOf(text: string): string[] {
  const { values } = inspectStackFile({ file: "", text, stack: "dev" }, { secrets: "optional" });
  return requiredSecretsOf(values).map(({ name }) => name);
}
