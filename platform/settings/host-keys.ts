import type { Complaint } from "./schema/field";

const ALLOWED =
  "one key as in authorized_keys: `ssh-ed25519 AAAA…` or `ecdsa-sha2-nistp256 AAAA…`, comment optional";
const ACCEPTED = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];

/** Why `value` cannot pin a host; undefined if it can. */
export function complainAboutHostKey(value: string): Complaint | undefined {
  const complain = (what: string, fix?: string): Complaint => ({
    what,
    allowed: ALLOWED,
    fix:
      fix ??
      "ssh-keyscan -t ed25519 <address>, checked against the host's console; leave the first column out",
  });
  if (/-----BEGIN/.test(value)) {
    return complain("this is a private key or a certificate; the host's public key belongs here");
  }
  if (/^(SHA256|MD5):/.test(value.trim())) {
    return complain("this is a fingerprint, from which the key cannot be told");
  }
  if (value.trim().includes("\n")) return complain("there are several lines; one key belongs here");
  const words = value.trim().split(/\s+/);
  const typeAt = words.findIndex((word) => /^(ssh-|ecdsa-|sk-)/.test(word));
  if (typeAt === -1) return complain("this is not an SSH public key");
  if (typeAt > 0) {
    return complain(
      "the line starts with a host name column, as in known_hosts",
      `write from ${words[typeAt] ?? "the type"} on: leave the first column out`,
    );
  }
  const [type, body] = words;
  if (type === "ssh-rsa" || type === "rsa-sha2-256" || type === "rsa-sha2-512") {
    return complain("an RSA host key: pinning one does not work against a current OpenSSH server");
  }
  if (type === undefined || !ACCEPTED.includes(type)) return complain("a key of this type cannot pin a host");
  if (body === undefined || !holdsType(body, type)) {
    return complain("the key is cut off or not in base64, or not of the type that its first word says");
  }
  return undefined;
}

/** The body repeats the type, with its length in front; an ed25519 key has 32 bytes after it. */
function holdsType(body: string, type: string): boolean {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(body)) return false;
  const bytes = Buffer.from(body, "base64");
  if (bytes.length < 4 + type.length || bytes.readUInt32BE(0) !== type.length) return false;
  if (bytes.toString("latin1", 4, 4 + type.length) !== type) return false;
  const rest = bytes.subarray(4 + type.length);
  if (type !== "ssh-ed25519") return rest.length > 64;
  return rest.length === 36 && rest.readUInt32BE(0) === 32;
}
