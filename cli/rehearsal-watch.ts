import { lastRehearsal, migratingOrigin } from "../automation/database/rehearsal/rehearse";
import { proofsWanted, unprovedMigrations, unprovedSentence } from "../automation/database/unproved";
import { rehearsalSection } from "../automation/database/rehearsal/record";
import type { Environment, RunOptions } from "../automation/environment";
import type { Sections } from "../report";

/** Sees by a preview's events which origins are going to migrate, and says afterwards what was rehearsed of that. */
export interface RehearsalWatch {
  readonly add: NonNullable<RunOptions["onEvent"]>;
  /** The report's section; nothing where nothing is migrated that could be rehearsed. */
  readonly section: () => Promise<Pick<Sections, "rehearsal">>;
}

/** Sees by a preview's events which origins, brought up before, are going to migrate. */
export function watchMigrations(): Pick<RehearsalWatch, "add"> & { readonly migrating: ReadonlySet<string> } {
  const migrating = new Set<string>();
  return {
    migrating,
    add: ({ resourcePreEvent: before }) => {
      const [, origin] = /::([^:]+)-migrations$/.exec(before?.metadata.urn ?? "") ?? [];
      // One that is created now has no database yet that could be copied.
      if (origin !== undefined && /^(update|replace|create-replacement)$/.test(before?.metadata.op ?? "")) {
        migrating.add(origin);
      }
    },
  };
}

/**
 * Asks a host only where an origin that was brought up before is going to migrate. A host that does not answer keeps no
 * preview back: the section says so.
 */
export function watchRehearsal(environment: Environment): RehearsalWatch {
  const { add, migrating } = watchMigrations();
  return {
    add,
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
      const [, { migrations, services }] = migratingOrigin(settings, database, origin);
      const image = migrations && services[migrations.service]?.image;
      const section = rehearsalSection(await lastRehearsal(database), { image, stack: environment.name });
      return {
        rehearsal: {
          ...section,
          notes: [...section.notes, ...(await refusals(environment, settings, origin))],
        },
      };
    } finally {
      await database.close();
    }
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    return skipped(`what was rehearsed could not be asked: ${line}`);
  }
}

/** What `up` is going to say: see proof-check.ts. */
async function refusals(environment: Environment, settings: Settings, origin: string): Promise<string[]> {
  const wanted = proofsWanted(settings, environment.name).filter((each) => each.origin === origin);
  const unproved = await unprovedMigrations(environment, wanted);
  return unproved.map(
    (each) => `up will refuse: ${unprovedSentence(each)}: npx groundwork db drill -s ${environment.name}`,
  );
}

type Settings = Awaited<ReturnType<Environment["config"]>>["settings"];

/** The database in a container that an origin migrates. */
function databaseOf({ databases, origins }: Settings, origin: string): string | undefined {
  const settings = origins[origin];
  if (settings === undefined || settings.kind === "external" || settings.migrations === undefined)
    return undefined;
  const names = Object.keys(databases);
  const name = settings.migrations.database ?? (names.length === 1 ? names[0] : undefined);
  return name !== undefined && databases[name]?.kind === "container" ? name : undefined;
}
