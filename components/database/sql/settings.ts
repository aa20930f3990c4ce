import { identifier } from "../quoting";
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
  return [
    ...set(args.migrator.name, { search_path: path, lock_timeout: args.migratorLockTimeout }),
    ...args.appLogins.flatMap(({ name }) => set(name, { search_path: path, ...limits })),
    ...(args.readOnly === undefined
      ? []
      : set(args.readOnly.name, { search_path: path, default_transaction_read_only: "on", ...limits })),
  ];
}
