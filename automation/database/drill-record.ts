/**
 * The record of a restore that was tried, signed by a key that follows from a secret of the stack and that no host has:
 * a record on a host cannot be forged there, nor one of another database be taken for it.
 */
import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign, verify } from "node:crypto";

/** What a drill came to. */
export interface DrillRecord {
  readonly version: 1;
  readonly stack: string;
  readonly database: string;
  readonly repository: string;
  readonly backup: string;
  /** When the backup was made, ISO 8601. */
  readonly backupAt: string;
  /** When the drill began, ISO 8601. */
  readonly at: string;
  /** Where it was restored: a server of its own, or beside the database on the same one. */
  readonly server: "own" | "same";
  readonly tables: number;
  readonly rows: number;
  /** What was not as recorded, one sentence each. */
  readonly differences: readonly string[];
  /** Age of the newest backup when the drill began: what a loss at that moment would have cost. Seconds. */
  readonly rpoSeconds: number;
  /** From the command to a database that is restored and compared. Seconds. */
  readonly rtoSeconds: number;
  /** Parts of it on the host, in whole seconds. */
  readonly seconds: { readonly start: number; readonly restore: number; readonly compare: number };
  /** Why it was not restored at all. */
  readonly failure?: string;
  readonly passed: boolean;
}

/** A record as it is kept. */
export interface SignedRecord {
  /** JSON of a {@link DrillRecord}, as it was signed. */
  readonly record: string;
  /** ed25519, base64. */
  readonly signature: string;
}

/** A drill that proves something. */
export type DrillProof = DrillRecord;

/** @param secret of the stack, at least 16 characters */
export function signRecord(record: DrillRecord, secret: string): SignedRecord {
  const text = JSON.stringify(record);
  return { record: text, signature: sign(null, Buffer.from(text), recordKey(secret)).toString("base64") };
}

/** The record, where its signature is right; else undefined. */
export function verifyRecord(signed: SignedRecord, secret: string): DrillRecord | undefined {
  try {
    const key = createPublicKey(recordKey(secret));
    const { record, signature } = signed;
    if (!verify(null, Buffer.from(record), key, Buffer.from(signature, "base64"))) return undefined;
    return JSON.parse(record) as DrillRecord;
  } catch {
    // What is no record at all was not signed either.
    return undefined;
  }
}

/** The newest record of a database that is signed and passed. */
export function newestProof(
  records: readonly SignedRecord[],
  secret: string,
  { stack, database }: { readonly stack: string; readonly database: string },
): DrillProof | undefined {
  return records
    .flatMap((signed) => verifyRecord(signed, secret) ?? [])
    .filter((record) => record.passed && record.stack === stack && record.database === database)
    .sort((one, other) => (one.at < other.at ? 1 : -1))[0];
}

/** The head of PKCS #8 for ed25519 (RFC 8410), before the 32 bytes of the key itself. */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");

function recordKey(secret: string): KeyObject {
  if (secret.length < 16) throw new Error("the secret of a drill's records is too short");
  const seed = Buffer.from(hkdfSync("sha256", secret, "", "groundwork drill record", 32));
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: "der", type: "pkcs8" });
}
