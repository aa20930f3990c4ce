import type { MigrationFacts } from "../../report";
import type { EnvironmentDatabase } from "../database/database";
import { knownHarm, proofState } from "../database/proof";
import { recordsOn } from "../database/records";
import { databaseOf, migrationsOf } from "../database/rehearsal/of-origin";
import { newestRehearsal } from "../database/rehearsal/record";
import type { StackConfig } from "../stack-config";

/** What has to be asked for. */
export interface MigrationSources {
  readonly stack: string;
  readonly config: () => Promise<Pick<StackConfig, "settings">>;
  readonly database: (name: string) => Promise<EnvironmentDatabase>;
}

/**
 * What is known of an origin's next migrations, and of the restores that were tried of its database. Where that cannot be
 * asked the facts say so: nothing is thrown.
 *
 * @param days how old a proof may be
 */
export async function migrationFacts(
  origin: string,
  { config, database, stack }: MigrationSources,
  days: number,
  now = new Date(),
): Promise<MigrationFacts> {
  try {
    const { settings } = await config();
    const name = databaseOf(settings, origin);
    // Databases elsewhere are backed up by who runs them, and nobody here can tell.
    if (name === undefined) return { origin, unknown: "its database is in no container of a host" };
    const opened = await database(name);
    try {
      const { drills, rehearsals, secret } = await recordsOn(opened);
      const rehearsal = newestRehearsal(rehearsals, secret, { stack, database: name });
      const harm = knownHarm({ ...migrationsOf(settings, opened, origin), now, rehearsal });
      const { says, state } = proofState(drills, { secret, stack, database: name, days, now });
      return { origin, harm, proof: { isFresh: state === "fresh", says } };
    } finally {
      await opened.close();
    }
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    return { origin, unknown: line };
  }
}
