import { passphraseOf } from "../automation/passphrase";
import type { StackConfig } from "../automation/stack-config";

/** Texts that no report may show. */
export function knownSecrets(config: StackConfig | undefined): string[] {
  const own = ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN", "CLOUDFLARE_API_TOKEN"].map(
    (name) => process.env[name],
  );
  return [...own, passphraseInFile(), ...Object.values(config?.secrets ?? {})].filter(
    (text) => text !== undefined && text !== "",
  ) as string[];
}

/** Where the file cannot be read, the engine cannot read it either: no text of it can be shown. */
function passphraseInFile(): string | undefined {
  try {
    return passphraseOf({ PULUMI_CONFIG_PASSPHRASE_FILE: process.env["PULUMI_CONFIG_PASSPHRASE_FILE"] });
  } catch {
    return undefined;
  }
}
