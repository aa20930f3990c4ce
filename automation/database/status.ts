import { createHash } from "node:crypto";
import { scramVerifier } from "../../components/database/scram";
import type { EnvironmentDatabase } from "./database";

/** A replication slot. */
export interface SlotStatus {
  readonly name: string;
  readonly plugin: string | null;
  readonly active: boolean;
  /** Bytes of the write-ahead log that it keeps on the disk. */
  readonly retained: number;
  /** Since when nobody reads it, ISO 8601. Undefined where it is read, or where the server (before 17) does not tell. */
  readonly inactiveSince?: string;
}

/** Connections of one role. */
export interface RoleConnections {
  readonly role: string;
  readonly active: number;
  readonly idle: number;
  readonly idleInTransaction: number;
  /** How many it may hold; -1 = any number. */
  readonly limit: number;
}

export interface TableSize {
  readonly table: string;
  /** Bytes, with its indexes. */
  readonly size: number;
  /** By the statistics; null before they are made. */
  readonly rows: number | null;
}

/** What a database is like now. */
export interface DatabaseStatus {
  readonly database: string;
  /** Such as `18.4`. */
  readonly server: string;
  /** Bytes. */
  readonly size: number;
  /** KiB of the host's disk. Undefined where the server is somebody else's. */
  readonly disk?: { readonly size: number; readonly free: number };
  readonly maxConnections: number;
  readonly connections: readonly RoleConnections[];
  readonly tables: readonly TableSize[];
  readonly slots: readonly SlotStatus[];
  /** What somebody should look at, one sentence each. */
  readonly warnings: readonly string[];
}

interface Row {
  readonly server: string;
  readonly size: number;
  readonly max_connections: number;
  readonly connections: readonly RoleConnections[];
  readonly tables: readonly TableSize[];
  readonly slots: readonly (Omit<SlotStatus, "inactiveSince"> & { readonly since: string | null })[];
  readonly slot_limit: string;
  readonly invalid_indexes: readonly string[];
  readonly extensions: readonly string[];
  /** Iterations and salt of each verifier, and a hash of the whole; null where they are not ours to see. */
  readonly verifiers: readonly {
    readonly role: string;
    readonly salt: string | null;
    readonly hash: string | null;
  }[];
}

/** Since 17 the server says since when a slot is not read. */
const inactiveSince = (version: number) => (version >= 17 ? "s.inactive_since" : "NULL");

/** The least patch level without known holes that an application's input can reach, by major version. */
const leastPatch: Readonly<Record<number, number>> = { 14: 23, 15: 18, 16: 14, 17: 10, 18: 4 };

/** Looks at a database as its administrator. */
export async function databaseStatus(database: EnvironmentDatabase): Promise<DatabaseStatus> {
  const { settings } = database;
  const isContainer = settings.kind === "container";
  const version = await majorVersion(database);
  const { disk, rows } = await database.ask<Row>(statusQuery(version, isContainer));
  const [row] = rows;
  if (row === undefined) throw new Error("a query without rows");
  const slots = row.slots.map(({ since, ...slot }) => ({
    ...slot,
    ...(since === null ? {} : { inactiveSince: since }),
  }));
  return {
    database: settings.database,
    server: row.server,
    size: row.size,
    ...(disk === undefined ? {} : { disk }),
    maxConnections: row.max_connections,
    connections: row.connections,
    tables: row.tables,
    slots,
    warnings: warnings(database, row, disk),
  };
}

export async function majorVersion(database: EnvironmentDatabase): Promise<number> {
  const { rows } = await database.ask<{ version: number }>(
    "SELECT current_setting('server_version_num')::int / 10000 AS version",
  );
  return rows[0]?.version ?? 0;
}

/** The slots of a database, by a query of its own. */
export function slotsQuery(version: number): string {
  return `SELECT s.slot_name AS name, s.plugin, s.active, ${inactiveSince(version)} AS since,
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0)::bigint AS retained
    FROM pg_replication_slots s WHERE s.database = current_database() OR s.database IS NULL ORDER BY s.slot_name`;
}

function statusQuery(version: number, isContainer: boolean): string {
  const list = (query: string) => `(SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]'::jsonb) FROM (${query}) x)`;
  const names = (query: string) => `(SELECT coalesce(jsonb_agg(x.name), '[]'::jsonb) FROM (${query}) x)`;
  const verifier = (expression: string) => (isContainer ? expression : "NULL");
  return `SELECT split_part(current_setting('server_version'), ' ', 1) AS server,
    pg_database_size(current_database()) AS size, current_setting('max_connections')::int AS max_connections,
    ${list(`SELECT r.rolname AS role, r.rolconnlimit AS "limit", count(*) FILTER (WHERE a.state = 'active') AS active,
      count(*) FILTER (WHERE a.state = 'idle') AS idle,
      count(*) FILTER (WHERE a.state LIKE 'idle in transaction%') AS "idleInTransaction"
      FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
      WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() GROUP BY r.rolname, r.rolconnlimit ORDER BY 1`)} AS connections,
    ${list(`SELECT c.oid::regclass::text AS table, pg_total_relation_size(c.oid) AS size, nullif(c.reltuples, -1)::bigint AS rows
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^(pg_|information_schema$)' ORDER BY 2 DESC LIMIT 5`)} AS tables,
    ${list(slotsQuery(version))} AS slots, current_setting('max_slot_wal_keep_size') AS slot_limit,
    ${names("SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid")} AS invalid_indexes,
    ${names("SELECT extname AS name FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1")} AS extensions,
    ${list(`SELECT rolname AS role, ${verifier("split_part(rolpassword, '$', 2)")} AS salt,
      ${verifier("encode(sha256(rolpassword::bytea), 'hex')")} AS hash
      FROM ${isContainer ? "pg_authid" : "pg_roles"} WHERE rolcanlogin`)} AS verifiers`;
}

function warnings(database: EnvironmentDatabase, row: Row, disk: DatabaseStatus["disk"]): string[] {
  const found: string[] = [];
  const [major = 0, patch = 0] = row.server.split(".").map(Number);
  const least = leastPatch[major];
  if (least !== undefined && patch < least)
    found.push(`PostgreSQL ${row.server} has known holes: ${major}.${least} mends them`);
  if (major < 14) found.push(`PostgreSQL ${major} gets no more corrections`);
  if (disk !== undefined && disk.free * 10 < disk.size) {
    found.push(`${percent(disk.free, disk.size)} of the disk are left`);
  }
  const held = row.connections.reduce(
    (sum, { active, idle, idleInTransaction }) => sum + active + idle + idleInTransaction,
    0,
  );
  if (held * 5 > row.max_connections * 4)
    found.push(`${held} of ${row.max_connections} connections are in use`);
  for (const { active, idle, idleInTransaction, limit, role } of row.connections) {
    const own = active + idle + idleInTransaction;
    if (limit >= 0 && own * 5 > limit * 4) found.push(`${role} holds ${own} of its ${limit} connections`);
  }
  for (const { active, name, retained } of row.slots) {
    if (!active && retained > 0) {
      found.push(
        `nobody reads the slot ${name}, which keeps ${bytes(retained)} on the disk: npx groundwork db slots`,
      );
    }
  }
  if (row.slots.length > 0 && row.slot_limit === "-1") {
    found.push("a slot that is not read can fill the disk: set max_slot_wal_keep_size");
  }
  for (const index of row.invalid_indexes)
    found.push(`the index ${index} is invalid: drop it and make it again`);
  const listed = new Set(database.settings.extensions.map((entry) => entry.split("@")[0]));
  for (const name of row.extensions) {
    if (!listed.has(name))
      found.push(
        `the extension ${name} is there and not in groundwork:databases.${database.name}.extensions`,
      );
  }
  found.push(...changedPasswords(database, row));
  return found;
}

/** A role may change its own password, which no grant prevents: found by holding the verifier against the record. */
function changedPasswords(database: EnvironmentDatabase, { verifiers }: Row): string[] {
  return database.roles.flatMap((role) => {
    const { password, user } = database.login(role);
    const stored = verifiers.find((entry) => entry.role === user);
    if (stored === undefined) return [`the role ${user} cannot log in, or is not there`];
    if (stored.hash === null || stored.salt === null) return [];
    const [, salt = ""] = stored.salt.split(":");
    const expected = scramVerifier(password, Buffer.from(salt, "base64"));
    if (createHash("sha256").update(expected).digest("hex") === stored.hash) return [];
    return [`the password of ${user} is not the recorded one: somebody has changed it on the server`];
  });
}

/** `1.5 GB` and the like. */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ""}`;
}

function percent(part: number, whole: number): string {
  return `${Math.round((part / whole) * 100)} %`;
}
