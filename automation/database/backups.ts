/** Backups of a database: made, listed, looked at with an eye on those that are late. */
import { lastDue, parseCron } from "../../common/cron";
import { UserError } from "../../common/user-error";
import type { BackupAccessOutputs } from "../../components/database-backups";
import type { Frames } from "../../remote/framing";
import type { RemoteStep } from "../../remote/scripts";
import type { EnvironmentDatabase } from "./database";
import { type ProofState, proofState } from "./proof";
import type { SignedRecord } from "./signed-record";

/** Where a database's backups are and what opens them: the stack's output `backups`, by database. Secret. */
export type BackupAccess = BackupAccessOutputs;

/** A backup that was just made. */
export interface BackupMade {
  /** Its name, eight hexadecimal digits. */
  readonly backup: string;
  readonly tables: number;
  readonly rows: number;
  /** Of the dump. */
  readonly bytes: number;
  /** That the repository has grown by. */
  readonly added: number;
  readonly seconds: number;
  /** Whether the repository was made with it. */
  readonly made: boolean;
}

/** A backup in the repository. */
export interface Backup {
  readonly backup: string;
  /** ISO 8601. */
  readonly at: string;
  readonly bytes: number;
  readonly tables: number;
  readonly rows: number;
}

/** What there is of a database's backups. */
export interface BackupList {
  readonly repository: string;
  /** The newest first. */
  readonly backups: readonly Backup[];
  /** Databases that a restore has replaced and kept. */
  readonly kept: readonly string[];
  /** Why the newest one is late, one sentence. Undefined where it is not. */
  readonly late: string | undefined;
  /** Whether a restore was proved lately enough. */
  readonly restore: ProofState;
  /** What else somebody should look at, one sentence each. */
  readonly warnings: readonly string[];
}

/** How long after its time a scheduled backup may come. */
export const graceMinutes = 60;

interface Listed {
  readonly repository: string;
  readonly snapshots: readonly {
    readonly short_id: string;
    readonly time: string;
    readonly tags?: readonly string[];
    readonly summary?: { readonly total_bytes_processed?: number };
  }[];
  readonly kept: readonly string[];
  readonly failed: { readonly at: string; readonly error: string } | null;
  readonly drills: readonly SignedRecord[];
}

/** Makes a backup now. What the retention rule does not keep is forgotten. */
export async function makeBackup(database: EnvironmentDatabase): Promise<BackupMade> {
  const { keep } = backupSettings(database);
  return backupStep<BackupMade>(database, "database-backup", {
    keep_daily: keep.daily,
    keep_weekly: keep.weekly,
    keep_monthly: keep.monthly,
  });
}

/**
 * Lists a database's backups.
 *
 * @param options.check reads all of the repository and checks it. @default false
 */
export async function listBackups(
  database: EnvironmentDatabase,
  { check = false, now = new Date() }: { readonly check?: boolean; readonly now?: Date } = {},
): Promise<BackupList> {
  const listed = await backupStep<Listed>(database, "database-backups", check ? { check: "data" } : {});
  const backups = listed.snapshots
    .map(({ short_id: backup, summary, tags = [], time }): Backup => ({
      backup,
      at: new Date(time).toISOString(),
      bytes: summary?.total_bytes_processed ?? 0,
      tables: numberOf(tags, "tables"),
      rows: numberOf(tags, "rows"),
    }))
    .sort((one, other) => (one.at < other.at ? 1 : -1));
  const settings = backupSettings(database);
  const { recordKey: secret } = backupAccess(database);
  const question = { secret, days: settings.restoreTestDays, now, ...place(database) };
  const restore = proofState(listed.drills, question);
  const { failed } = listed;
  return {
    repository: listed.repository,
    backups,
    kept: listed.kept,
    late: lateness(settings.schedule, backups[0]?.at, now),
    restore,
    warnings: [
      ...(failed === null ? [] : [`the scheduled backup of ${failed.at} failed: ${failed.error}`]),
      ...(restore.failedSince === undefined
        ? []
        : [`a restore that was tried since the last proved one, on ${restore.failedSince.at}, failed`]),
      ...collapse(backups),
    ],
  };
}

/** A backup of far fewer rows than the one before is a sign of a loss that the retention rule would carry on. */
function collapse([newest, before]: readonly Backup[]): string[] {
  if (newest === undefined || before === undefined || newest.rows * 2 >= before.rows) return [];
  return [
    `the newest backup has ${newest.rows} rows, the one before ${before.rows}: look before ${before.backup} is forgotten`,
  ];
}

/**
 * Why the newest backup is late; undefined where it is not.
 *
 * @param schedule a cron line, UTC
 * @param newest when the newest one was made, ISO 8601
 */
export function lateness(schedule: string, newest: string | undefined, now: Date): string | undefined {
  if (newest === undefined) return "there is no backup yet";
  const parsed = parseCron(schedule);
  const due = parsed && lastDue(parsed, new Date(now.getTime() - graceMinutes * 60_000));
  // Made a little before its time, by hand or by a clock that runs fast, it counts as well.
  if (due === undefined || Date.parse(newest) >= due.getTime() - graceMinutes * 60_000) return undefined;
  return `a backup was due at ${due.toISOString().slice(0, 16)}Z, and the newest is of ${newest.slice(0, 16)}Z`;
}

/** Where in a signed record a database is named, so that no other's record proves anything for it. */
export function place(database: EnvironmentDatabase): { readonly stack: string; readonly database: string } {
  return { stack: database.stack, database: database.name };
}

/** @throws UserError where the stack has no backups of the database */
export function backupSettings(database: EnvironmentDatabase) {
  const { settings, name, stack } = database;
  if (settings.backups !== undefined) return settings.backups;
  throw new UserError({
    what: "the stack says nothing of backups of this database",
    value: `${name} of ${stack}`,
    allowed: "a database with backups",
    next: `write backups: {schedule: "15 3 * * *"} to groundwork:databases.${name}, then npx groundwork up -s ${stack}`,
  });
}

/** @throws UserError where the stack was not brought up with the backups yet */
export function backupAccess(database: EnvironmentDatabase): BackupAccess {
  backupSettings(database);
  const { backups, name, stack } = database;
  if (backups !== undefined) return backups;
  throw new UserError({
    what: "the stack was not brought up yet with the backups of this database",
    value: `${name} of ${stack}`,
    next: `npx groundwork up -s ${stack}`,
  });
}

/** Runs a step about backups on the database's host and returns its line of JSON. */
export async function backupStep<T>(
  database: EnvironmentDatabase,
  step: RemoteStep,
  frames: Frames = {},
  redact: readonly string[] = [],
): Promise<T> {
  const access = backupAccess(database);
  const { accessKeyId, password, region, repository, secretAccessKey } = access;
  const secrets = [password, secretAccessKey].filter((text) => text !== undefined);
  return database.hostStep<T>(
    step,
    {
      name: database.name,
      password,
      ...(repository === undefined ? {} : { repository }),
      ...(accessKeyId === undefined ? {} : { access_key_id: accessKeyId }),
      ...(secretAccessKey === undefined ? {} : { secret_access_key: secretAccessKey }),
      ...(region === undefined ? {} : { region }),
      ...frames,
    },
    [...secrets, ...redact],
  );
}

function numberOf(tags: readonly string[], name: string): number {
  return Number(tags.find((tag) => tag.startsWith(`${name}=`))?.slice(name.length + 1) ?? 0);
}
