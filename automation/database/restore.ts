/** Restoring: into the database's place, or beside it. */
import { UserError } from "../../common/user-error";
import type { Environment, RunOptions } from "../environment";
import { backupStep } from "./backups";
import type { EnvironmentDatabase } from "./database";
import { isRoleStep } from "./role-steps";

/** What the host says of a restore. */
export interface HostRestore {
  readonly backup: string;
  /** When the backup was made, ISO 8601. */
  readonly at: string;
  readonly database: string;
  /** The name of what was there before. */
  readonly kept?: string;
  readonly tables: number;
  readonly rows: number;
  readonly differences: readonly string[];
  readonly seconds: { readonly start: number; readonly restore: number; readonly compare: number };
}

/** Options of {@link restoreBackup}. */
export interface RestoreOptions extends RunOptions {
  /** Which one, by its name. @default the newest */
  readonly backup?: string | undefined;
  /** Stays beside the database under this name, closed to nobody who may read it. @default takes the database's place */
  readonly into?: string | undefined;
}

/**
 * Restores a backup into a new database, compares it with what was recorded, and puts it in the place of the one that
 * serves, which is kept. Roles and grants are made once more by an `up`, as the stack wants them by now.
 *
 * @throws UserError where it cannot be restored or is not what was saved: what serves is untouched then
 */
export async function restoreBackup(
  environment: Environment,
  database: EnvironmentDatabase,
  { backup, into, ...run }: RestoreOptions = {},
): Promise<HostRestore> {
  const restored = await backupStep<HostRestore>(database, "database-restore", {
    ...restoredFrom(backup),
    ...(into === undefined ? { into: "swap" } : { into: "new", target: newName(into) }),
  });
  if (into !== undefined) return restored;
  const replace = await environment.urnsOf((name) => isRoleStep(database.name, name));
  await environment.up({ ...run, replace });
  return restored;
}

/** Drops a database that a restore has replaced and kept. */
export async function dropKept(database: EnvironmentDatabase, kept: string): Promise<void> {
  const cut = database.settings.database.slice(0, 40);
  if (!new RegExp(`^${cut}_before_\\d{8}t\\d{6}$`).test(kept)) {
    throw new UserError({
      what: "that is no database that a restore has kept",
      value: kept,
      allowed: `${cut}_before_<time>, as groundwork db backups lists them`,
      next: `npx groundwork db backups -s ${database.stack}`,
    });
  }
  await database.hostStep("database-drop-kept", { kept });
}

/** @throws UserError for what is no name of a backup */
export function restoredFrom(backup: string | undefined): { readonly backup?: string } {
  if (backup === undefined) return {};
  if (/^[0-9a-f]{6,64}$/.test(backup)) return { backup };
  throw new UserError({
    what: "that is no name of a backup",
    value: backup,
    allowed: "hexadecimal digits, as groundwork db backups lists them",
    next: "npx groundwork db backups -s dev",
  });
}

function newName(name: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(name) && !/^(postgres|template[01]|pg_.*)$/.test(name)) return name;
  throw new UserError({
    what: "that is no name for a new database",
    value: name,
    allowed: "lower-case letters, digits and underscores, at most 63, starting with a letter",
    next: "npx groundwork db restore -s dev --into app_yesterday",
  });
}
