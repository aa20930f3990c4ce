import { type Log, silent } from "../../common/log";
import { UserError } from "../../common/user-error";
import type { BackupPrograms } from "../host/login";
import { findPostgresClients } from "./postgres-clients";
import { findRestic } from "./restic";

/**
 * What the sandbox's host makes backups with: the machine's own where that serves, else built or fetched once. Without
 * programs for dumps, which is said, all but the backups themselves runs.
 */
export async function findBackupPrograms(log: Log = silent): Promise<BackupPrograms> {
  const restic = await findRestic(log);
  try {
    return { restic, postgres: await findPostgresClients(log) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    log(`no backups can be made here: ${error.message}`);
    return { restic, postgres: undefined };
  }
}
