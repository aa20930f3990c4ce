import { readFileSync } from "node:fs";
import { UserError, withCode } from "../common/user-error";

/** Environment variables: those of this process, with what stands over them. */
export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The passphrase of the stacks' secrets, from where the engine takes it: PULUMI_CONFIG_PASSPHRASE, else the file that
 * PULUMI_CONFIG_PASSPHRASE_FILE names. Undefined where neither is set, as with a backend that keeps the key.
 *
 * @throws UserError where the file cannot be read
 */
export function passphraseOf(variables: Variables): string | undefined {
  const { PULUMI_CONFIG_PASSPHRASE: own, PULUMI_CONFIG_PASSPHRASE_FILE: file } = variables;
  if (own !== undefined && own !== "") return own;
  if (file === undefined || file === "") return undefined;
  try {
    return readFileSync(file, "utf8").trim() || undefined;
  } catch (cause) {
    throw new UserError({
      what: "the passphrase's file cannot be read",
      value: withCode(`PULUMI_CONFIG_PASSPHRASE_FILE=${file}`, cause),
      allowed: "a file with the passphrase that the stack's secrets were encrypted with",
      next: "correct PULUMI_CONFIG_PASSPHRASE_FILE, or set PULUMI_CONFIG_PASSPHRASE, and run the same command again",
      cause,
    });
  }
}
