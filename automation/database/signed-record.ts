/**
 * Records that a host keeps and cannot forge: signed by a key that follows from a secret of the stack. Each kind of record
 * has a key of its own, so that none is taken for another.
 */
import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign, verify } from "node:crypto";

/** A record as it is kept. */
export interface SignedRecord {
  /** JSON, as it was signed. */
  readonly record: string;
  /** ed25519, base64. */
  readonly signature: string;
}

export type RecordKind = "drill" | "rehearsal";

/** @param secret of the stack, at least 16 characters */
export function signAs(kind: RecordKind, record: object, secret: string): SignedRecord {
  const text = JSON.stringify(record);
  return {
    record: text,
    signature: sign(null, Buffer.from(text), recordKey(kind, secret)).toString("base64"),
  };
}

/** What was signed, where the signature is right; else undefined. */
export function verifyAs(kind: RecordKind, signed: SignedRecord, secret: string): unknown {
  try {
    const key = createPublicKey(recordKey(kind, secret));
    const { record, signature } = signed;
    if (!verify(null, Buffer.from(record), key, Buffer.from(signature, "base64"))) return undefined;
    return JSON.parse(record);
  } catch {
    // What is no record at all was not signed either.
    return undefined;
  }
}

/** The head of PKCS #8 for ed25519 (RFC 8410), before the 32 bytes of the key itself. */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");

function recordKey(kind: RecordKind, secret: string): KeyObject {
  if (secret.length < 16) throw new Error("the secret of the records is too short");
  const seed = Buffer.from(hkdfSync("sha256", secret, "", `groundwork ${kind} record`, 32));
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: "der", type: "pkcs8" });
}
