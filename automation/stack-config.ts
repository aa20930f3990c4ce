import { existsSync, readFileSync } from "node:fs";
import { type Settings, SettingsError, settingsFromConfig } from "../platform/settings";

/** A stack's settings and secrets, read without running its program. */
export interface StackConfig {
  readonly stack: string;
  readonly settings: Settings;
  /** By the names that settings give them. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** One entry of `pulumi config --json --show-secrets`. */
interface ConfigEntry {
  readonly value?: string;
  readonly secret: boolean;
}

/**
 * Reads what the engine decrypted.
 *
 * @param json output of `pulumi config --json --show-secrets`
 * @param file the stack file: it gives messages their line numbers
 * @throws SettingsError with every mistake at once
 */
export function stackConfigOf(
  json: string,
  { stack, file }: { readonly stack: string; readonly file: string },
): StackConfig {
  const entries = JSON.parse(json) as Readonly<Record<string, ConfigEntry>>;
  const config = Object.fromEntries(
    Object.entries(entries).flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value]])),
  );
  const result = settingsFromConfig({
    config,
    secretKeys: Object.keys(entries).filter((key) => entries[key]?.secret === true),
    stack,
    source: existsSync(file) ? { file, text: readFileSync(file, "utf8") } : undefined,
    apiToken: process.env["CLOUDFLARE_API_TOKEN"],
  });
  if ("issues" in result) throw new SettingsError(result.issues);
  return { stack, settings: result.settings, secrets: result.secrets };
}

/** Where a stack asks Cloudflare, and by which token: the environment's is among its secrets where it has none of its own. */
export function cloudflareAccess({ settings: { cloudflare }, secrets }: StackConfig): {
  readonly apiUrl: string | undefined;
  readonly apiToken: string;
} {
  return { apiUrl: cloudflare.apiUrl, apiToken: secrets[cloudflare.apiTokenSecret] ?? "" };
}
