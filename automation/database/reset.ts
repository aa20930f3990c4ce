import { UserError } from "../../common/user-error";
import type { Environment, RunOptions } from "../environment";
import type { EnvironmentDatabase } from "./database";

/**
 * Says why a database may not be emptied.
 *
 * @throws UserError in production, and where the stack does not allow it
 */
export async function refuseReset(environment: Environment, database: EnvironmentDatabase): Promise<void> {
  const { settings } = await environment.config();
  if (settings.tier === "production") {
    throw new UserError({
      what: "a production database is not emptied by a command",
      value: `${database.name} of ${environment.name}`,
      allowed: "databases of other environments",
      next: "restore a backup into a new database instead",
    });
  }
  if (database.settings.allowReset) return;
  throw new UserError({
    what: "this database may not be emptied",
    value: `${database.name} of ${environment.name}`,
    allowed: `databases with allowReset: true`,
    next: `write allowReset: true to groundwork:databases.${database.name} in Pulumi.${environment.name}.yaml`,
  });
}

/**
 * Empties a database and makes it again as an `up` on a new server would: roles and grants, migrations, grants on what
 * they made. Whatever still runs loses its connections and comes back by itself. Cut short, it is put right by the same
 * again.
 */
export async function resetDatabase(
  environment: Environment,
  database: EnvironmentDatabase,
  options: RunOptions,
): Promise<void> {
  await refuseReset(environment, database);
  const { settings } = await environment.config();
  const migrating = Object.entries(settings.origins).flatMap(([name, origin]) =>
    origin.kind !== "external" && origin.migrations?.database === database.name ? [name] : [],
  );
  const steps = [`${database.name}-roles`, ...migrating.map((name) => `${name}-migrations`)];
  const again = `${database.name}-roles-after-migrations`;
  const replace = await environment.urnsOf((name) => steps.includes(name) || name.startsWith(again));
  await database.empty();
  await environment.up({ ...options, replace });
}
