import type { Environment } from "../automation/environment";
import { assertProved, proofsWanted, unprovedMigrations } from "../automation/database/unproved";
import type { Settings } from "../platform/settings";
import type { CommandContext } from "./command";
import { watchMigrations } from "./rehearsal-watch";

/**
 * Refuses, before anything is begun, migrations that are known to drop or rewrite while no restore was proved lately. The
 * engine is asked only where there are such: whether they run this time is what a preview tells.
 *
 * @throws UserError that names them
 */
export async function checkProofBefore(
  environment: Environment,
  settings: Settings,
  { say, signal }: CommandContext,
): Promise<void> {
  const wanted = proofsWanted(settings, environment.name);
  if (wanted.length === 0) return;
  const unproved = await unprovedMigrations(environment, wanted, { log: say });
  if (unproved.length === 0) return;
  const watch = watchMigrations();
  await environment.preview({ onEvent: watch.add, signal });
  assertProved(
    unproved.filter(({ origin }) => watch.migrating.has(origin)),
    environment.name,
  );
}
