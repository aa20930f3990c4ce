/** What the drawing says of databases and their roles. */
import { type Component, objectOf, own } from "./component";
import type { DatabaseRole } from "./model";
import { plainText } from "./plain";

/** Where the server is. */
export function databasePlace(component: Component): string {
  if (plainText(own(component, "kind")) === "external") {
    const address = plainText(own(component, "address"));
    return address === undefined ? "PostgreSQL elsewhere" : `PostgreSQL at ${address}`;
  }
  return `PostgreSQL in ${plainText(own(component, "service")) ?? "db"}`;
}

/** Names of a database and of its two main roles. */
export function databaseOf(
  component: Component,
  outputs: Readonly<Record<string, unknown>> | undefined,
): { database: string; app: string | undefined; migrator: string | undefined } {
  const said = objectOf(objectOf(outputs?.["databases"])[component.name]);
  const text = (output: string, property: string) =>
    plainText(said[output]) ?? plainText(own(component, property));
  return {
    database: text("database", "databaseName") ?? component.name,
    app: text("appUser", "appUser"),
    migrator: text("migratorUser", "migratorUser"),
  };
}

const furtherRoles: readonly (readonly [string, string, string])[] = [
  ["readOnlyUser", "reports", "SELECT"],
  ["backupUser", "backups", "reads everything (pg_read_all_data)"],
  ["monitorUser", "monitoring", "statistics (pg_monitor)"],
  ["replicationUser", "logical replication", "REPLICATION, SELECT on published tables"],
];

/** Every role, with what it may. */
export function rolesOf(
  components: readonly Component[],
  outputs: Readonly<Record<string, unknown>> | undefined,
): DatabaseRole[] {
  return components
    .filter(({ type }) => type === "PostgresWithAppUser")
    .flatMap((component) => {
      const { database, app, migrator } = databaseOf(component, outputs);
      const said = objectOf(objectOf(outputs?.["databases"])[component.name]);
      const roles: (DatabaseRole | undefined)[] = [
        app === undefined
          ? undefined
          : { database, role: app, purpose: "application", rights: "SELECT, INSERT, UPDATE, DELETE" },
        migrator === undefined
          ? undefined
          : { database, role: migrator, purpose: "migrations", rights: "owns the schema" },
        ...furtherRoles.map(([key, purpose, rights]) => {
          const role = plainText(said[key]) ?? plainText(own(component, key));
          return role === undefined ? undefined : { database, role, purpose, rights };
        }),
      ];
      return roles.filter((role) => role !== undefined);
    });
}
