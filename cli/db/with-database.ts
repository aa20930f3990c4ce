import type { EnvironmentDatabase } from "../../automation/database/database";
import type { Environment } from "../../automation/environment";
import { findRestic } from "../../sandbox/engine/restic";
import { atHand } from "../at-hand";
import type { CommandContext } from "../command";
import { stackOf } from "../open";
import type { DatabaseChoice } from "./options";

/**
 * Does `work` on the database that the options name, and closes it.
 *
 * @param needs with `backups`, what the sandbox makes them with is built before, which is told
 */
export async function withDatabase<T>(
  command: string,
  options: DatabaseChoice,
  doing: string,
  context: CommandContext,
  work: (database: EnvironmentDatabase, environment: Environment) => Promise<T>,
  needs: { readonly backups?: boolean } = {},
): Promise<T> {
  const stack = stackOf(options, command);
  return atHand(stack, options, `${doing} of ${stack}`, context, async (environment, sandboxed) => {
    const database = await environment.database(options.database);
    try {
      if (needs.backups === true && sandboxed && database.backups !== undefined)
        await findRestic(context.say);
      return await work(database, environment);
    } finally {
      await database.close();
    }
  });
}

/** The database, for work that takes as long as the user wants: other commands are not kept waiting for its end. */
export async function databaseAtHand(
  command: string,
  options: DatabaseChoice,
  context: CommandContext,
): Promise<EnvironmentDatabase> {
  const stack = stackOf(options, command);
  return atHand(stack, options, `look at the database of ${stack}`, context, (environment) =>
    environment.database(options.database),
  );
}
