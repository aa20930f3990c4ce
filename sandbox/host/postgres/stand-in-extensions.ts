import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Extensions that npm's PostgreSQL has not got, so that a database that asks for them can be provisioned here. They
 * have the functions that migrations call, and none of the real thing behind them: a hypertable stays a plain table.
 */
const standIns: Readonly<Record<string, { readonly comment: string; readonly sql: string }>> = {
  timescaledb: {
    comment: "stand-in of the sandbox for TimescaleDB: hypertables stay plain tables",
    sql: `
CREATE FUNCTION create_hypertable(
  relation regclass, time_column_name name, partitioning_column name DEFAULT NULL, number_partitions integer DEFAULT NULL,
  associated_schema_name name DEFAULT NULL, associated_table_prefix name DEFAULT NULL,
  chunk_time_interval anyelement DEFAULT NULL::bigint, create_default_indexes boolean DEFAULT true,
  if_not_exists boolean DEFAULT false, partitioning_func regproc DEFAULT NULL, migrate_data boolean DEFAULT false
) RETURNS TABLE (hypertable_id integer, schema_name name, table_name name, created boolean) LANGUAGE sql AS $$
  SELECT 0, nspname, relname, false FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE pg_class.oid = relation
$$;
CREATE FUNCTION timescaledb_is_stand_in() RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;
`,
  },
};

/** Names of the extensions that are stand-ins here. */
export const standInExtensions = Object.keys(standIns);

/** Adds the stand-ins to a copy of PostgreSQL. An extension that is there already is left alone. */
export function addStandInExtensions(postgres: string): void {
  const folder = join(postgres, "share", "postgresql", "extension");
  for (const [name, { comment, sql }] of Object.entries(standIns)) {
    const control = join(folder, `${name}.control`);
    if (existsSync(control)) continue;
    writeFileSync(join(folder, `${name}--0.0.sql`), sql);
    writeFileSync(
      control,
      `comment = '${comment}'\ndefault_version = '0.0'\nrelocatable = true\ntrusted = false\n`,
    );
  }
}
