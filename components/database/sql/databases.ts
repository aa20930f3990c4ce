import { block, identifier, literal } from "../quoting";
import type { RoleStatementsArgs } from "./types";

/** Who may connect where. */
export function databases(args: RoleStatementsArgs): string[] {
  const database = identifier(args.database);
  const guests = [args.readOnly, args.backup, args.monitor].filter((role) => role !== undefined);
  const logins = args.appLogins.map(({ name }) => name);
  const isolate = block(
    `FOR other IN SELECT datname FROM pg_database\n` +
      `  WHERE datallowconn AND datname <> ${literal(args.database)} AND pg_has_role(datdba, 'USAGE')\n` +
      `LOOP\n  EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', other);\nEND LOOP;`,
    "other name;",
  );
  return [
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC;`,
    `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${database} TO ${identifier(args.migrator.name)};`,
    `REVOKE ALL ON DATABASE ${database} FROM ${[args.appGroup, ...logins].map(identifier).join(", ")};`,
    `GRANT CONNECT ON DATABASE ${database} TO ${identifier(args.appGroup)};`,
    ...args.furtherMigrators.map((name) => `GRANT CONNECT ON DATABASE ${database} TO ${identifier(name)};`),
    ...guests.map(({ name }) => `GRANT CONNECT ON DATABASE ${database} TO ${identifier(name)};`),
    ...(args.isolateDatabases ? [isolate] : []),
  ];
}
