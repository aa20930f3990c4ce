import { databaseOf, migratesAgain, migrationsOf } from "../automation/database/rehearsal/of-origin";
import { lastRehearsal } from "../automation/database/rehearsal/rehearse";
import { rehearsalSection } from "../automation/database/rehearsal/record";
import type { Environment, RunOptions } from "../automation/environment";
import type { Sections } from "../report";

/** Sees by a preview's events which origins are going to migrate, and says afterwards what was rehearsed of that. */
export interface RehearsalWatch {
  readonly add: NonNullable<RunOptions["onEvent"]>;
  /** The report's section; nothing where nothing is migrated that could be rehearsed. */
  readonly section: () => Promise<Pick<Sections, "rehearsal">>;
}

/**
 * Asks a host only where an origin that was brought up before is going to migrate. A host that does not answer keeps no
 * preview back: the section says so.
 */
export function watchRehearsal(environment: Environment): RehearsalWatch {
  const migrating = new Set<string>();
  return {
    add: (event) => {
      const origin = migratesAgain(event);
      if (origin !== undefined) migrating.add(origin);
    },
    section: async () => {
      const [origin] = migrating;
      return origin === undefined ? {} : sectionOf(environment, origin);
    },
  };
}

async function sectionOf(environment: Environment, origin: string): Promise<Pick<Sections, "rehearsal">> {
  const skipped = (note: string) => ({ rehearsal: { state: "skipped" as const, notes: [note] } });
  try {
    const { settings } = await environment.config();
    const name = databaseOf(settings, origin);
    if (name === undefined) return {};
    const database = await environment.database(name);
    try {
      const { image } = migrationsOf(settings, database, origin);
      return {
        rehearsal: rehearsalSection(await lastRehearsal(database), { image, stack: environment.name }),
      };
    } finally {
      await database.close();
    }
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    return skipped(`what was rehearsed could not be asked: ${line}`);
  }
}
