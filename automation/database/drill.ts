/** Proof that a backup restores. */
import { UserError } from "../../common/user-error";
import { backupAccess, backupStep, listBackups, place } from "./backups";
import { type EnvironmentDatabase, HostStepError } from "./database";
import { type DrillRecord, signRecord } from "./drill-record";
import { type HostRestore, restoredFrom } from "./restore";

/** Options of {@link drill}. */
export interface DrillOptions {
  /** Which backup. @default the newest */
  readonly backup?: string | undefined;
  /** Into a database beside the one that serves, on the same server. @default into a server of its own */
  readonly beside?: boolean | undefined;
  /** Told what happens. @default nobody */
  readonly log?: (line: string) => void;
}

/**
 * Restores a backup into a disposable server, compares it with what was recorded when it was made, measures what a loss
 * would have cost (RPO) and how long a restore takes (RTO), and keeps a signed record on the host. A drill that finds
 * something, or fails, is recorded as well.
 *
 * @throws UserError where nothing could be tried at all: the host or the repository is not to be reached
 */
export async function drill(
  database: EnvironmentDatabase,
  { backup, beside = false, log = () => undefined }: DrillOptions = {},
): Promise<DrillRecord> {
  const { recordKey } = backupAccess(database);
  const chosen = restoredFrom(backup);
  const began = new Date();
  const { backups, repository } = await listBackups(database, { now: began });
  const [newest] = backups;
  const meant =
    backup === undefined ? newest : backups.find((each) => each.backup.startsWith(backup.slice(0, 8)));
  if (newest === undefined || meant === undefined) {
    throw new UserError({
      what: newest === undefined ? "there is no backup yet" : "there is no such backup",
      value: backup ?? repository,
      next:
        newest === undefined
          ? `npx groundwork db backup -s ${database.stack}`
          : `npx groundwork db backups -s ${database.stack}`,
    });
  }
  log(`restoring ${meant.backup} of ${meant.at} into a disposable ${beside ? "database" : "server"}`);
  const common = {
    version: 1 as const,
    ...place(database),
    repository,
    backup: meant.backup,
    backupAt: meant.at,
    at: began.toISOString(),
    server: beside ? ("same" as const) : ("own" as const),
    rpoSeconds: Math.max(0, Math.round((began.getTime() - Date.parse(newest.at)) / 1000)),
  };
  const started = Date.now();
  const since = (): number => Math.round((Date.now() - started) / 100) / 10;
  let record: DrillRecord;
  try {
    const into = beside ? "drill-beside" : "drill";
    const done = await backupStep<HostRestore>(database, "database-restore", {
      ...chosen,
      backup: meant.backup,
      into,
    });
    record = {
      ...common,
      backupAt: done.at,
      tables: done.tables,
      rows: done.rows,
      differences: done.differences,
      rtoSeconds: since(),
      seconds: done.seconds,
      passed: done.differences.length === 0,
    };
  } catch (error) {
    // Anything but 20 says that nothing was tried: no connection, a lock, a full disk.
    if (!(error instanceof HostStepError) || error.code !== 20) throw error;
    const failure = error.parts.value ?? error.parts.what;
    // Its place, not the backup, was at fault: nothing was proved, for good or ill.
    if (/cannot (start a|ask for the image)|does not start|bad name/.test(failure))
      throw withoutServer(database, error);
    record = {
      ...common,
      tables: meant.tables,
      rows: meant.rows,
      differences: [],
      rtoSeconds: since(),
      seconds: { start: 0, restore: 0, compare: 0 },
      failure: failure.split("\n")[0] ?? "",
      passed: false,
    };
  }
  const signed = signRecord(record, recordKey);
  await database.hostStep("database-drill-record", { name: database.name, record: JSON.stringify(signed) });
  return record;
}

function withoutServer(database: EnvironmentDatabase, error: UserError): UserError {
  return new UserError({
    ...error.parts,
    what: "no disposable server can be had on the database's host",
    next: `npx groundwork db drill -s ${database.stack} --beside restores into a disposable database on the same server`,
  });
}
