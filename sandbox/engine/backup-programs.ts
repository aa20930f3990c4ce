import { type Log, silent } from "../../common/log";
import { UserError } from "../../common/user-error";
import type { BackupPrograms } from "../host/login";
import { findPostgresClients } from "./postgres-clients";
import { resticToCome } from "./restic";

/**
 * What the sandbox's host makes backups with: the machine's own where that serves, else programs for dumps that are
 * fetched once, and a restic that is built at the first backup. Without programs for dumps, which is said, all but the
 * backups themselves runs.
 */
export async function findBackupPrograms(log: Log = silent): Promise<BackupPrograms> {
  const restic = await resticToCome();
  try {
    return { restic, postgres: await findPostgresClients(log) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    log(`no backups can be made here: ${error.message}`);
    return { restic, postgres: undefined };
  }
}
