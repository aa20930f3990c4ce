import type { PostgresCommonArgs, PostgresRoleNames } from "./args";

/** Tables in which migration tools remember what they did: the application may read them. */
export const historyTables = [
  "schema_migrations",
  "alembic_version",
  "_prisma_migrations",
  "__drizzle_migrations",
  "flyway_schema_history",
  "knex_migrations",
  "goose_db_version",
];

/** The roles' names with the defaults filled in. */
export function roleNames(
  args: Pick<PostgresCommonArgs, "database" | "roles" | "replication">,
): PostgresRoleNames & { migrator: string; app: string } {
  const { database, roles = {}, replication } = args;
  const replicationName = roles.replication ?? (replication === undefined ? undefined : `${database}_repl`);
  return {
    ...roles,
    migrator: roles.migrator ?? `${database}_migrator`,
    app: roles.app ?? `${database}_app`,
    ...(replicationName === undefined ? {} : { replication: replicationName }),
  };
}

/** The application's two logins, of which one has the password of before. */
export function appLogins(app: string): readonly [a: string, b: string] {
  return [`${app}_a`, `${app}_b`];
}
