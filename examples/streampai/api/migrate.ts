import { existsSync } from "node:fs";
import { join } from "node:path";
import { readDatabaseUrl } from "./config";
import { createLog, secretsOf } from "./log";
import { migrate, readMigrations } from "./migrations";

/**
 * `node migrate.js [--dry-run]`: brings the database to the newest migration, as the role that owns the tables.
 * Reads MIGRATION_DATABASE_URL, else DATABASE_URL; MIGRATIONS_DIRECTORY, else `migrations` beside the file.
 * Exit code 0: nothing is pending any more (or, with --dry-run, it was reported); 1: failed, nothing half done.
 */
async function main(): Promise<void> {
  const problems: string[] = [];
  const variable =
    (process.env["MIGRATION_DATABASE_URL"] ?? "") === "" ? "DATABASE_URL" : "MIGRATION_DATABASE_URL";
  const databaseUrl = readDatabaseUrl(process.env, problems, variable);
  const [argument, ...rest] = process.argv.slice(2);
  if (rest.length > 0 || (argument !== undefined && argument !== "--dry-run")) {
    problems.push("the only argument is --dry-run");
  }
  const directory = process.env["MIGRATIONS_DIRECTORY"] ?? join(__dirname, "migrations");
  if (!existsSync(directory)) problems.push("no migrations folder: set MIGRATIONS_DIRECTORY");
  if (problems.length > 0) {
    process.stderr.write(
      ["the migrator cannot start:", ...problems.map((each) => `  - ${each}`), ""].join("\n"),
    );
    process.exitCode = 1;
    return;
  }
  const log = createLog(secretsOf({ databaseUrl }));
  try {
    const report = await migrate({
      databaseUrl,
      migrations: readMigrations(directory),
      dryRun: argument === "--dry-run",
      log: (message) => log.info("migration", { message }),
    });
    if (report.unknown.length > 0) {
      log.warn("database_ahead", { versions: report.unknown.join(", ") });
    }
    log.info("migrated", { applied: report.applied.length, pending: report.pending.join(", ") });
  } catch (error) {
    log.error("migration_failed", error);
    process.exitCode = 1;
  }
}

void main();
