import { UserError } from "../../common/user-error";
import type { Environment, RunOptions } from "../environment";
import { nameOf, type StackState, urnsOf } from "../state";
import type { EnvironmentDatabase } from "./database";
import { isGrantAfterMigrations, isRoleStep } from "./role-steps";

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
  const replace = stepsAnew(await environment.state(), database.name);
  await database.empty();
  await environment.up({ ...options, replace });
}

/**
 * URNs of the steps that make a database anew: its roles, the migrations of each origin that migrates it, the grants on what those
 * made. Who migrates it is told by those grants, which come after the migrations, also where the settings only imply it.
 */
function stepsAnew(state: StackState, database: string): string[] {
  const migrations = (state.resources ?? [])
    .filter(({ urn }) => isGrantAfterMigrations(database, nameOf(urn)))
    .flatMap(({ dependencies = [] }) => dependencies.map(nameOf))
    .filter((name) => name.endsWith("-migrations"));
  return urnsOf(state, (name) => migrations.includes(name) || isRoleStep(database, name));
}
