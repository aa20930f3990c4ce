import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

const iterations = 4096;

/**
 * What PostgreSQL stores of a password (RFC 5803): given instead of the password, so that the server, its log and its
 * statistics never see that. The same salt gives the same verifier. Passwords must be printable ASCII: others would need SASLprep.
 */
export function scramVerifier(password: string, salt: Buffer): string {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new Error("a password of a role must be printable ASCII");
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const storedKey = createHash("sha256").update(clientKey).digest("base64");
  const serverKey = createHmac("sha256", salted).update("Server Key").digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

/** A role's salt: 16 bytes out of the database's one random seed, so that equal passwords still look different. */
export function roleSalt(seed: string, role: string, version: number): Buffer {
  return createHmac("sha256", seed).update(`${role}\n${version}`).digest().subarray(0, 16);
}
