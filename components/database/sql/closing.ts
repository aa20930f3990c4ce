import { block, identifier, literal, textArray } from "../quoting";
import type { RoleStatementsArgs } from "./types";

/** Functions that anybody may call by default and that nobody here needs: large objects, messages in the WAL. */
export const closedFunctions = [
  "pg_logical_emit_message",
  "lo_create",
  "lo_creat",
  "lo_from_bytea",
  "lo_put",
] as const;

/** What PUBLIC could do by PostgreSQL's own defaults, and those of extensions. */
export function closing(args: RoleStatementsArgs): string[] {
  const owners = [args.migrator.name, ...args.furtherMigrators];
  return [
    // Without IN SCHEMA: the form with it does not take the built-in grant away.
    ...owners.map(
      (owner) =>
        `ALTER DEFAULT PRIVILEGES FOR ROLE ${identifier(owner)} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;`,
    ),
    block(
      `IF current_setting('is_superuser') <> 'on' THEN RETURN; END IF;
FOR item IN SELECT oid::regprocedure::text AS named FROM pg_proc
  WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY (${textArray(closedFunctions)})
LOOP
  EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', item.named);
  EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', item.named, ${literal(args.migrator.name)});
END LOOP;`,
      "item record;",
    ),
    chunks(args),
  ];
}

/**
 * TimescaleDB lets everybody into the schema of its chunks and hands a table's grants on to them, but not its row
 * security: read by its own name, a chunk would show every tenant's rows. Through the table nobody needs the schema.
 */
function chunks(args: RoleStatementsArgs): string {
  const granted = [args.migrator, args.backup].filter((role) => role !== undefined);
  const grants = granted.map(
    ({ name }) => `GRANT USAGE ON SCHEMA _timescaledb_internal TO ${identifier(name)};`,
  );
  return block(
    `IF EXISTS (SELECT FROM pg_namespace WHERE nspname = '_timescaledb_internal' AND pg_has_role(nspowner, 'USAGE')) THEN
  REVOKE USAGE ON SCHEMA _timescaledb_internal FROM PUBLIC, ${identifier(args.appGroup)};
  ${grants.join("\n  ")}
END IF;`,
  );
}
