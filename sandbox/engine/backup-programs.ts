import { type Log, silent } from "../../common/log";
import type { BackupPrograms } from "../host/login";
import { findPostgresClients } from "./postgres-clients";
import { findRestic } from "./restic";

/** What the sandbox's host makes backups with: the machine's own where that serves, else built or fetched once. */
export async function findBackupPrograms(log: Log = silent): Promise<BackupPrograms> {
  return { restic: await findRestic(log), postgres: await findPostgresClients(log) };
}
