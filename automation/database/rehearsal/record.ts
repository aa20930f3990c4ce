/** What a rehearsal came to, as it is kept and signed, and what is made of it. Pure. */
import { type SignedRecord, signAs, verifyAs } from "../signed-record";
import type { RehearsedStatement } from "./statements";

/** What was tried of the release that serves, on the schema that the migrations have made. */
export interface RollbackCheck {
  /** `health`: a service was started until it is healthy; `smoke`: the smoke command was run. */
  readonly what: "health" | "smoke";
  readonly service: string;
  readonly ok: boolean;
  /** What it came to, such as `/api/health answers 200`. */
  readonly detail: string;
}

/** What a rehearsal came to. */
export interface RehearsalRecord {
  readonly version: 1;
  readonly stack: string;
  readonly database: string;
  readonly origin: string;
  /** When it began, ISO 8601. */
  readonly at: string;
  /** What was copied: a backup, or, where there is none, the database as it was. */
  readonly source: "backup" | "live";
  /** The backup's name. */
  readonly backup?: string;
  /** Of when the copy is, ISO 8601. */
  readonly copyAt: string;
  /** The image whose migrations ran, as it is written; undefined where only the compose file names it. */
  readonly image?: string;
  /** What that was on the host. */
  readonly imageId?: string;
  /** Milliseconds that ACCESS EXCLUSIVE may be held. */
  readonly limitMs: number;
  /** Whether every commit's locks were seen. False: those of statements that are no DDL may be missing. */
  readonly exact: boolean;
  readonly statements: readonly RehearsedStatement[];
  /** Further statements, which the record has no room for. */
  readonly statementsLeftOut: number;
  /** Tables that were there before and are not any more. */
  readonly dropped: readonly string[];
  /** The release that serves and was tried; undefined where nothing was tried. */
  readonly previous?: string;
  readonly checks: readonly RollbackCheck[];
  readonly seconds: {
    readonly start: number;
    readonly restore: number;
    readonly migrate: number;
    readonly previous: number;
  };
  /** Why it is red, one sentence each. */
  readonly problems: readonly string[];
  /** What somebody should know, one sentence each. */
  readonly warnings: readonly string[];
  readonly passed: boolean;
}

export function signRehearsal(record: RehearsalRecord, secret: string): SignedRecord {
  return signAs("rehearsal", record, secret);
}

/** The newest record of a database that is signed, whatever it came to. */
export function newestRehearsal(
  records: readonly SignedRecord[],
  secret: string,
  { stack, database }: { readonly stack: string; readonly database: string },
): RehearsalRecord | undefined {
  return records
    .flatMap((signed) => (verifyAs("rehearsal", signed, secret) as RehearsalRecord | undefined) ?? [])
    .filter((record) => record.stack === stack && record.database === database)
    .sort((one, other) => (one.at < other.at ? 1 : -1))[0];
}

/** Days after which a rehearsal says nothing any more: the data, and what else was migrated, have changed meanwhile. */
export const freshDays = 7;

/** A report's section. */
export interface RehearsalSection {
  readonly state: "passed" | "failed" | "skipped";
  readonly notes: string[];
  readonly seconds?: number;
}

/**
 * What a preview says of the migrations that it is going to run.
 *
 * @param record the newest one
 * @param wanted the image that the preview is about
 */
export function rehearsalSection(
  record: RehearsalRecord | undefined,
  { image, stack, now = new Date() }: { image: string | undefined; stack: string; now?: Date },
): RehearsalSection {
  const next = `npx groundwork db rehearse -s ${stack}`;
  if (record === undefined)
    return { state: "skipped", notes: [`these migrations were not rehearsed: ${next}`] };
  if (record.image !== image) {
    return {
      state: "skipped",
      notes: [
        `the last rehearsal was of ${record.image ?? "another image"}, not of ${image ?? "this one"}: ${next}`,
      ],
    };
  }
  if (now.getTime() - Date.parse(record.at) > freshDays * 86_400_000) {
    return { state: "skipped", notes: [`the last rehearsal is of ${record.at.slice(0, 16)}Z: ${next}`] };
  }
  const { checks, milliseconds, problems, source, warnings } = {
    ...record,
    milliseconds: migrationMs(record),
  };
  return {
    state: record.passed ? "passed" : "failed",
    notes: [
      `rehearsed ${record.at.slice(0, 16)}Z on ${source === "backup" ? `backup ${record.backup ?? ""}` : "a copy of the database"}: ` +
        `${record.statements.length + record.statementsLeftOut} statements in ${milliseconds} ms`,
      ...problems,
      ...warnings,
      ...(checks.length > 0 && checks.every(({ ok }) => ok)
        ? [`a rollback is possible: release ${record.previous ?? ""} is well on the new schema`]
        : []),
    ],
    seconds: Object.values(record.seconds).reduce((sum, each) => sum + each, 0),
  };
}

/** What all statements together took. Milliseconds. */
export function migrationMs({ statements }: Pick<RehearsalRecord, "statements">): number {
  return Math.round(statements.reduce((sum, { milliseconds }) => sum + milliseconds, 0));
}
