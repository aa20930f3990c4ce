import { isIP } from "node:net";
import { isHostname, isPort, isVariableName, Issues } from "../shared/validation";
import type { PostgresWithAppUserArgs } from "./args";
import { appLogins, roleNames } from "./names";

/** Every mistake in the arguments. */
export function postgresIssues(args: PostgresWithAppUserArgs): Issues {
  const issues = new Issues();
  const plain = /^[a-z_][a-z0-9_]*$/;
  const nameRule = "lower-case letters, digits and underscores, at most 63, not starting with pg_";
  const isName = (value: string) => plain.test(value) && value.length <= 63 && !value.startsWith("pg_");
  issues.check("database", args.database, isName, "is not a name", nameRule);
  const names = roleNames(args);
  const used = new Map<string, string>();
  const [appA, appB] = appLogins(names.app);
  for (const [role, value] of Object.entries({ ...names, appA, appB })) {
    if (value === undefined) continue;
    issues.check(`roles.${role}`, value, isName, "is not a name", nameRule);
    const other = used.get(value);
    if (other !== undefined) issues.add(`roles.${role}`, `is the name of roles.${other} as well`, { value });
    used.set(value, role);
  }
  const { schemas = ["public"] } = args;
  if (schemas.length === 0) issues.add("schemas", "is empty");
  schemas.forEach((schema, index) =>
    issues.check(`schemas[${index}]`, schema, isName, "is not a name", nameRule),
  );
  (args.furtherMigrators ?? []).forEach((role, index) => {
    const path = `furtherMigrators[${index}]`;
    issues.check(path, role, isName, "is not a name", nameRule);
    const other = used.get(role);
    if (other !== undefined) issues.add(path, `is the name of roles.${other} as well`, { value: role });
  });
  (args.extensions ?? []).forEach((extension, index) =>
    issues.check(
      `extensions[${index}]`,
      extension,
      (value) => /^[a-z_][a-z0-9_-]*(@[A-Za-z0-9._-]+)?$/.test(value),
      "is not an extension",
    ),
  );
  for (const kind of ["readOnlyTables", "hiddenRelations"] as const) {
    (args[kind] ?? []).forEach((table, index) =>
      issues.check(
        `${kind}[${index}]`,
        table,
        (value) => value.split(".").length <= 2 && value !== "",
        "is not schema.table or table",
      ),
    );
  }
  const whole = (least: number) => (value: number) => Number.isInteger(value) && value >= least;
  issues.check("connectionLimit", args.connectionLimit, whole(1), "is not a whole number from 1");
  issues.check("passwordVersion", args.passwordVersion, whole(1), "is not a whole number from 1");
  for (const kind of [
    "statementTimeout",
    "lockTimeout",
    "idleInTransactionTimeout",
    "migratorLockTimeout",
  ] as const) {
    issues.check(kind, args[kind], whole(0), "is not a number of milliseconds");
  }
  issues.check("port", args.port, isPort, "is not a port", "1 to 65535");
  if (args.kind === "container") {
    issues.check(
      "project",
      args.project,
      (value) => /^[a-z0-9][a-z0-9_-]*$/.test(value),
      "is not a compose project",
    );
    issues.check(
      "service",
      args.service,
      (value) => /^[A-Za-z0-9._-]+$/.test(value),
      "is not a compose service",
    );
    issues.check(
      "adminPasswordVariable",
      args.adminPasswordVariable,
      isVariableName,
      "is not the name of a variable",
    );
  } else {
    issues.check(
      "address",
      args.address,
      (value) => isIP(value) !== 0 || isHostname(value),
      "is not a host name or address (not a connection string)",
    );
  }
  return issues;
}
