import { block } from "./quoting";
import { closing } from "./sql/closing";
import { databases } from "./sql/databases";
import { excess } from "./sql/excess";
import { extensions } from "./sql/extensions";
import { relations } from "./sql/relations";
import { replication } from "./sql/replication";
import { retired } from "./sql/retired";
import { migratorExists, roles } from "./sql/roles";
import { publicClosed, schemaStatements } from "./sql/schemas";
import { settings } from "./sql/settings";
import type { RoleStatementsArgs } from "./sql/types";

export type { LoginRole, RoleStatementsArgs } from "./sql/types";

/** Any number that nobody else is likely to lock by. */
export const advisoryLock = 7_401_533_928;

/**
 * The statements that make roles and grants what they should be, whatever they were: to be run in one transaction in the
 * application's database, again and again, by a superuser or (elsewhere) a role that may create roles.
 *
 * The migrator owns what is there and what will be made. The application's group may read and write rows, and nothing
 * else; its two logins alternate when passwords are rotated. A role of ours that has more rights than it may is named,
 * and nothing is changed, unless `reduceRoles` says to take them away.
 */
export function roleStatements(args: RoleStatementsArgs): string {
  return [
    "SET LOCAL client_min_messages = warning;",
    // Two runs at once would end each other with "tuple concurrently updated".
    block(`PERFORM pg_advisory_xact_lock(${advisoryLock});`),
    migratorExists(args),
    ...excess(args),
    ...roles(args),
    ...retired(args),
    ...databases(args),
    ...extensions(args),
    publicClosed,
    ...args.schemas.flatMap((schema) => schemaStatements(schema, args)),
    ...relations(args),
    ...closing(args),
    ...settings(args),
    ...replication(args),
    "",
  ].join("\n");
}
