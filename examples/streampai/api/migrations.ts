import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";

/** One numbered file of SQL. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text, line ends normalised. */
  readonly checksum: string;
}

export interface MigrationReport {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Versions the database has and these files do not: the database is ahead, as after a rollback of the code. */
  readonly unknown: readonly number[];
}

export interface MigrateOptions {
  readonly databaseUrl: string;
  readonly migrations: readonly Migration[];
  /** Report what would be applied and apply nothing. Default false. */
  readonly dryRun?: boolean;
  /** How long to wait for another migrator, in milliseconds. Default 5 minutes. */
  readonly waitMs?: number;
  /** How long a statement waits for a lock before the migration is tried again, in milliseconds. Default 500. */
  readonly lockTimeoutMs?: number;
  /** How often a migration that met a lock is tried. Default 20. */
  readonly attempts?: number;
  readonly log?: (line: string) => void;
}

/** A mistake in the files, or files that disagree with what the database already has. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

/** Any fixed number: all migrators of this application ask for the same one. */
const lockKey = 7_331_902_145;
const historyTable = "schema_migrations";
const fileName = /^(\d{4})-([a-z0-9]+(?:-[a-z0-9]+)*)\.sql$/;

/**
 * Reads `NNNN-what-it-does.sql` from a folder, in order.
 * @throws MigrationError for a wrong name, a number used twice, a gap, or an empty file
 */
export function readMigrations(directory: string): Migration[] {
  const migrations = readdirSync(directory)
    .filter((name) => name.endsWith(".sql"))
    .sort()
    .map((file) => {
      const [, version, name] = fileName.exec(file) ?? [];
      if (version === undefined || name === undefined) {
        throw new MigrationError(`${file}: a migration is named like 0001-what-it-does.sql`);
      }
      const sql = readFileSync(join(directory, file), "utf8").replaceAll("\r\n", "\n");
      if (sql.trim() === "") throw new MigrationError(`${file} is empty`);
      return {
        version: Number(version),
        name: file.replace(/\.sql$/, ""),
        sql,
        checksum: createHash("sha256").update(sql).digest("hex"),
      };
    });
  migrations.forEach((migration, index) => {
    if (migration.version !== index + 1) {
      throw new MigrationError(
        `${migration.name}: expected number ${String(index + 1).padStart(4, "0")}: numbers have no gaps and are used once`,
      );
    }
  });
  return migrations;
}

/**
 * Brings a database to the newest migration. Any number of processes may do so at once: one works, the others wait
 * and then find nothing to do. Each migration is one transaction with its row in `schema_migrations`.
 * @throws MigrationError when an applied file was changed since, or another migrator does not finish in time
 */
export async function migrate(options: MigrateOptions): Promise<MigrationReport> {
  const log = options.log ?? (() => undefined);
  const client = new Client({
    connectionString: options.databaseUrl,
    application_name: "streampai-migrate",
    connectionTimeoutMillis: 10_000,
  });
  // A connection that breaks is reported by the query in flight.
  client.on("error", () => undefined);
  await client.connect();
  try {
    if (options.dryRun !== true) await lock(client, options.waitMs ?? 300_000);
    const history = await readHistory(client);
    verifyHistory(history, options.migrations);
    const known = new Set(options.migrations.map(({ version }) => version));
    const unknown = [...history.keys()].filter((version) => !known.has(version));
    const pending = options.migrations.filter(({ version }) => !history.has(version));
    const names = pending.map(({ name }) => name);
    if (options.dryRun === true) return { applied: [], pending: names, unknown };
    if (pending.length > 0) await createHistory(client);
    for (const migration of pending) {
      const started = Date.now();
      await applyWithRetries(client, migration, options);
      log(`applied ${migration.name} in ${Date.now() - started} ms`);
    }
    return { applied: names, pending: [], unknown };
  } finally {
    // Ends the session, and with it the advisory lock.
    await client.end().catch(() => undefined);
  }
}

async function lock(client: Client, waitMs: number): Promise<void> {
  try {
    await client.query(`set lock_timeout = ${Math.max(1, Math.trunc(waitMs))}`);
    await client.query("select pg_advisory_lock($1)", [lockKey]);
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    throw new MigrationError(`another migrator has not finished within ${waitMs} ms; run this again later`);
  }
}

async function readHistory(client: Client): Promise<Map<number, { name: string; checksum: string }>> {
  const exists = await client.query<{ found: string | null }>("select to_regclass($1) as found", [
    historyTable,
  ]);
  if (typeof exists.rows[0]?.found !== "string") return new Map();
  const { rows } = await client.query<{ version: string; name: string; checksum: string }>(
    `select version, name, checksum from ${historyTable} order by version`,
  );
  return new Map(rows.map(({ version, name, checksum }) => [Number(version), { name, checksum }]));
}

async function createHistory(client: Client): Promise<void> {
  await client.query(
    `create table if not exists ${historyTable} (
       version bigint primary key,
       name text not null,
       checksum text not null,
       applied_at timestamptz not null default now()
     )`,
  );
}

function verifyHistory(
  history: ReadonlyMap<number, { name: string; checksum: string }>,
  migrations: readonly Migration[],
): void {
  const changed = migrations.filter(({ version, checksum }) => {
    const applied = history.get(version);
    return applied !== undefined && applied.checksum !== checksum;
  });
  if (changed.length === 0) return;
  throw new MigrationError(
    `changed since it was applied: ${changed.map(({ name }) => name).join(", ")}; ` +
      "restore the file and write a new migration",
  );
}

async function applyWithRetries(
  client: Client,
  migration: Migration,
  options: MigrateOptions,
): Promise<void> {
  const attempts = options.attempts ?? 20;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await apply(client, migration, options.lockTimeoutMs ?? 500);
    } catch (error) {
      if (!isLockTimeout(error) || attempt >= attempts)
        throw new Error(`${migration.name}: ${text(error)}`, { cause: error });
      options.log?.(`${migration.name} met a lock, attempt ${attempt} of ${attempts}`);
      await new Promise((resolve) => setTimeout(resolve, Math.min(100 * 1.5 ** attempt, 3000)));
    }
  }
}

async function apply(client: Client, migration: Migration, lockTimeoutMs: number): Promise<void> {
  await client.query("begin");
  try {
    // Short: a waiting ALTER TABLE holds up every reader that comes after it.
    await client.query(`set local lock_timeout = ${lockTimeoutMs}`);
    await client.query(migration.sql);
    await client.query(`insert into ${historyTable} (version, name, checksum) values ($1, $2, $3)`, [
      migration.version,
      migration.name,
      migration.checksum,
    ]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

function isLockTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "55P03";
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
