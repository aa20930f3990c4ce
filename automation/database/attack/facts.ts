import type { Client } from "pg";
import { identifier } from "../../../components/database/quoting";
import type { AttackTarget } from "./connect";
import type { Facts } from "./rows";

/** Extensions that do nothing by themselves, to be tried within a transaction that is rolled back. */
const trusted = ["hstore", "citext", "pg_trgm", "pgcrypto", "btree_gin", "unaccent", "isn"];
const untrusted = ["dblink", "pageinspect", "file_fdw", "pg_buffercache", "pg_freespacemap", "pgstattuple"];

/** Looks at the database, as the migrator. */
export async function findFacts(migrator: Client, target: AttackTarget): Promise<Facts> {
  const names = async (sql: string, values: unknown[] = []): Promise<string[]> =>
    (await migrator.query<{ name: string }>(sql, values)).rows.map(({ name }) => name);
  const extension = async (list: readonly string[], isTrusted: boolean) =>
    (
      await names(
        `SELECT DISTINCT v.name FROM pg_available_extension_versions v JOIN pg_available_extensions e
           ON e.name = v.name AND e.default_version = v.version
         WHERE v.trusted = $2 AND v.requires IS NULL AND v.name = ANY ($1)
           AND NOT EXISTS (SELECT FROM pg_extension x WHERE x.extname = v.name)`,
        [list, isTrusted],
      )
    )[0];
  const others = await names(
    "SELECT datname AS name FROM pg_database WHERE datallowconn AND datname <> current_database() ORDER BY datname",
  );
  const [{ pid } = { pid: 0 }] = (await migrator.query<{ pid: number }>("SELECT pg_backend_pid() AS pid"))
    .rows;
  const readOnlyTables = await relations(migrator, target.schemas, target.readOnlyTables);
  const hidden = await relations(migrator, target.schemas, target.hiddenRelations);
  return {
    database: target.database,
    app: target.app.user,
    group: target.group,
    migrator: target.migrator.user,
    schemas: target.schemas,
    readOnlyTables,
    hiddenRelations: hidden.map(({ named }) => named),
    otherDatabases: others.filter((name) => target.otherDatabases?.includes(name) ?? true),
    superusers: await names("SELECT rolname AS name FROM pg_roles WHERE rolsuper ORDER BY oid"),
    verifierViews: await verifierViews(migrator),
    trustedExtension: await extension(trusted, true),
    untrustedExtension: await extension(untrusted, false),
    migratorProcess: pid,
  };
}

/** The relations of a list that exist: `schema.name`, or a name in each schema. */
async function relations(
  migrator: Client,
  schemas: readonly string[],
  wanted: readonly string[],
): Promise<{ named: string; column: string }[]> {
  const { rows } = await migrator.query<{ schema: string; name: string; attribute: string }>(
    `SELECT n.nspname AS schema, c.relname AS name, (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid
         AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
         ORDER BY a.attnum LIMIT 1) AS attribute
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
         AND (n.nspname || '.' || c.relname = ANY ($2) OR n.nspname = ANY ($1) AND c.relname = ANY ($2))`,
    [schemas, wanted],
  );
  return rows.map(({ schema, name, attribute }) => ({
    named: `${identifier(schema)}.${identifier(name)}`,
    column: identifier(attribute),
  }));
}

/** Views made of pg_authid or pg_shadow, directly or by other views. No dependency on those is recorded: the rule names them. */
async function verifierViews(migrator: Client): Promise<string[]> {
  const { rows } = await migrator.query<{ schema: string; name: string }>(
    `WITH RECURSIVE views AS (
       SELECT r.ev_class AS oid, r.ev_action::text AS action, n.nspname AS schema, c.relname AS name
       FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')),
     made (oid) AS (
       SELECT unnest(ARRAY['pg_catalog.pg_authid', 'pg_catalog.pg_shadow']::regclass[])::oid
       UNION SELECT views.oid FROM made JOIN views ON strpos(views.action, ':relid ' || made.oid || ' ') > 0)
     SELECT DISTINCT schema, name FROM made JOIN views ON views.oid = made.oid`,
  );
  return rows.map(({ schema, name }) => `${identifier(schema)}.${identifier(name)}`);
}
