import { block, identifier, literal, textArray } from "../quoting";
import { extensionName } from "./extensions";
import type { RoleStatementsArgs } from "./types";

/** Settings of the logins: a group's would not be inherited. */
export function settings(args: RoleStatementsArgs): string[] {
  const path = args.schemas.map(identifier).join(", ");
  const set = (role: string, values: Readonly<Record<string, string | number>>) =>
    Object.entries(values).map(
      ([name, value]) =>
        `ALTER ROLE ${identifier(role)} IN DATABASE ${identifier(args.database)} SET ${name} = ${value};`,
    );
  const limits = {
    statement_timeout: args.statementTimeout,
    lock_timeout: args.lockTimeout,
    idle_in_transaction_session_timeout: args.idleInTransactionTimeout,
  };
  const withPath = [args.migrator, ...args.appLogins, args.readOnly].filter((role) => role !== undefined);
  return [
    ...set(args.migrator.name, { search_path: path, lock_timeout: args.migratorLockTimeout }),
    ...args.appLogins.flatMap(({ name }) => set(name, { search_path: path, ...limits })),
    ...(args.readOnly === undefined
      ? []
      : set(args.readOnly.name, { search_path: path, default_transaction_read_only: "on", ...limits })),
    ...(args.extensions.length === 0 ? [] : withPath.map(({ name }) => extensionsReached(name, path, args))),
  ];
}

/**
 * An extension goes where the administrator's path leads, mostly to `public`: with other schemas its types would not be
 * found, and its operators silently be others'. Only where not everybody can put something there as well.
 */
function extensionsReached(
  role: string,
  path: string,
  { database, extensions, schemas }: RoleStatementsArgs,
): string {
  const statement = `ALTER ROLE ${identifier(role)} IN DATABASE ${identifier(database)} SET search_path = ${path}`;
  return block(
    `SELECT string_agg(', ' || quote_ident(n.nspname), '' ORDER BY n.nspname) INTO more FROM pg_namespace n
  WHERE n.oid IN (SELECT extnamespace FROM pg_extension WHERE extname = ANY (${textArray(extensions.map(extensionName))}))
    AND n.nspname <> ALL (${textArray([...schemas, "pg_catalog"])}) AND NOT has_schema_privilege('public', n.oid, 'CREATE');
IF more IS NOT NULL THEN
  EXECUTE ${literal(statement)} || more;
END IF;`,
    "more text;",
  );
}
