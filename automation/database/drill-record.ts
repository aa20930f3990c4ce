/**
 * The record of a restore that was tried, signed by a key that follows from a secret of the stack and that no host has:
 * a record on a host cannot be forged there, nor one of another database be taken for it.
 */
import { signAs, type SignedRecord, verifyAs } from "./signed-record";

export type { SignedRecord } from "./signed-record";

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

/** A drill that proves something. */
export type DrillProof = DrillRecord;

/** @param secret of the stack, at least 16 characters */
export function signRecord(record: DrillRecord, secret: string): SignedRecord {
  return signAs("drill", record, secret);
}

/** The record, where its signature is right; else undefined. */
export function verifyRecord(signed: SignedRecord, secret: string): DrillRecord | undefined {
  return verifyAs("drill", signed, secret) as DrillRecord | undefined;
}
