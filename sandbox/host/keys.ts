import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { utils, type ParsedKey } from "ssh2";
import { generateSshKey } from "../../common/ssh-key";
import { UserError } from "../../common/user-error";
import { writeFileAtomically } from "./files";

/** An ed25519 key pair on disk: `<file>` (OpenSSH private key, 0600) and `<file>.pub`. */
export interface KeyPair {
  readonly privateKeyFile: string;
  /** PEM text of the private key. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA…`, without a comment: the form that `hostKey` and authorized_keys take. */
  readonly publicKey: string;
}

/** The key pair kept in a folder, made at the first call. A damaged private key is an error, never replaced. */
export function ensureKeyPair(directory: string, name: string): KeyPair {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const privateKeyFile = join(directory, name);
  if (!existsSync(privateKeyFile)) {
    const pair = generateSshKey(`sandbox-${name}`);
    writeFileAtomically(privateKeyFile, pair.private, 0o600);
    rmSync(`${privateKeyFile}.pub`, { force: true });
  }
  const privateKey = readFileSync(privateKeyFile, "utf8");
  const parsed = utils.parseKey(privateKey);
  if (parsed instanceof Error) {
    throw new UserError({
      what: "the sandbox's SSH key cannot be read",
      value: privateKeyFile,
      next: "remove this file; a new key is made at the next start",
      cause: parsed,
    });
  }
  const publicKey = publicKeyText(parsed);
  if (!existsSync(`${privateKeyFile}.pub`))
    writeFileAtomically(`${privateKeyFile}.pub`, `${publicKey}\n`, 0o644);
  return { privateKeyFile, privateKey, publicKey };
}

/** `<type> <base64>` of a key, as authorized_keys and known_hosts write it. */
export function publicKeyText(key: ParsedKey): string {
  return `${key.type} ${key.getPublicSSH().toString("base64")}`;
}

/** Reads a line of authorized_keys form (a comment is allowed). */
export function parsePublicKey(text: string): ParsedKey {
  const parsed = utils.parseKey(text.trim());
  if (parsed instanceof Error) {
    throw new UserError({
      what: "not an SSH public key",
      value: text.slice(0, 40),
      allowed: "one line of authorized_keys, such as `ssh-ed25519 AAAA…`",
      cause: parsed,
    });
  }
  return parsed;
}
