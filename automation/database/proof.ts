/**
 * Whether a restore was proved lately enough, and whether migrations are known to destroy what only a restore would bring
 * back. Pure.
 */
import { type DrillProof, type DrillRecord, verifyRecord } from "./drill-record";
import { freshDays, type RehearsalRecord } from "./rehearsal/record";
import type { SignedRecord } from "./signed-record";

/** What is known of the restores that were tried of a database. */
export interface ProofState {
  /**
   * `fresh`: one was proved lately enough; `old`: not for too long; `failed`: none ever passed, the newest one failed;
   * `unsigned`: there are records alone that this stack has not signed, or of another database; `none`: there are none.
   */
  readonly state: "fresh" | "old" | "failed" | "unsigned" | "none";
  /** The newest that passed. */
  readonly proof?: DrillProof;
  /** One that was tried after it and failed. */
  readonly failedSince?: DrillRecord;
  /** The state in a sentence. */
  readonly says: string;
}

/** What a proof is judged by. */
export interface ProofQuestion {
  /** What the records are signed with. */
  readonly secret: string;
  readonly stack: string;
  readonly database: string;
  /** How old it may be. Days. */
  readonly days: number;
  readonly now: Date;
}

/**
 * A later drill that failed takes nothing from one that passed and is fresh: it may be of an older backup, or have been cut
 * off; `groundwork db backups` tells of it.
 *
 * @example
 * proofState(records, { secret, stack: "prod", database: "main", days: 30, now: new Date() }).state; // "fresh"
 */
export function proofState(
  records: readonly SignedRecord[],
  { database, days, now, secret, stack }: ProofQuestion,
): ProofState {
  if (records.length === 0) return { state: "none", says: `no restore of ${database} was ever tried` };
  const signed = records
    .flatMap((record) => verifyRecord(record, secret) ?? [])
    // One from the future was made by a clock that is wrong, and would stay fresh for ever.
    .filter((each) => each.stack === stack && each.database === database && Date.parse(each.at) <= ahead(now))
    .sort((one, other) => (one.at < other.at ? 1 : -1));
  const [newest] = signed;
  if (newest === undefined) {
    return {
      state: "unsigned",
      says: `no record of a restore of ${database} is signed by this stack: what others wrote proves nothing`,
    };
  }
  const proof = signed.find(({ passed }) => passed);
  if (proof === undefined)
    return { state: "failed", says: `the restore of ${database} that was tried on ${day(newest.at)} failed` };
  const isFresh = now.getTime() - Date.parse(proof.at) <= days * dayMs;
  const says = `the last proved restore of ${database} is of ${day(proof.at)}`;
  const known = { proof, ...(newest.passed ? {} : { failedSince: newest }) };
  return isFresh
    ? { state: "fresh", ...known, says }
    : { state: "old", ...known, says: `${says}, more than ${days} ${days === 1 ? "day" : "days"} ago` };
}

/**
 * Why migrations destroy what is there, one phrase each: what the stack file declares, and what a rehearsal of this very
 * image, at most {@link freshDays} old, has dropped and rewritten. Empty where a rehearsal has seen that they do not.
 *
 * @param rehearsal the newest one
 * @returns undefined where nobody knows
 */
export function knownHarm({
  breaking,
  image,
  now,
  rehearsal,
}: {
  readonly breaking: boolean;
  readonly image: string | undefined;
  readonly now: Date;
  readonly rehearsal: RehearsalRecord | undefined;
}): string[] | undefined {
  const counts =
    rehearsal !== undefined &&
    rehearsal.image === image &&
    now.getTime() - Date.parse(rehearsal.at) <= freshDays * dayMs;
  const rewritten = counts
    ? new Set(rehearsal.statements.flatMap(({ rewrites }) => rewrites.map(({ relation }) => relation)))
    : [];
  const harm = [
    ...(breaking ? ["are declared `breaking`"] : []),
    ...(counts ? rehearsal.dropped.map((table) => `drop ${table}`) : []),
    ...[...rewritten].map((relation) => `rewrite ${relation}`),
  ];
  const sawAll = counts && rehearsal.passed && rehearsal.statementsLeftOut === 0;
  return harm.length > 0 || sawAll ? harm : undefined;
}

const dayMs = 86_400_000;

function day(at: string): string {
  return at.slice(0, 10);
}

/** Clocks differ a little. */
function ahead(now: Date): number {
  return now.getTime() + 300_000;
}
