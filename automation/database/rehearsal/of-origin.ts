/** Which origin migrates which database, as a preview's events and the settings tell it. */
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import type { Settings } from "../../../platform/settings";
import type { EnvironmentDatabase } from "../database";
import { migratingOrigin } from "./rehearse";

/** The origin whose migrations an event says will run again; undefined for all other events. */
export function migratesAgain({ resourcePreEvent: before }: EngineEvent): string | undefined {
  const [, origin] = /::([^:]+)-migrations$/.exec(before?.metadata.urn ?? "") ?? [];
  // One that is created now has no database yet that something could be lost of.
  return /^(update|replace|create-replacement)$/.test(before?.metadata.op ?? "") ? origin : undefined;
}

/** The database in a container that an origin migrates. */
export function databaseOf(
  { databases, origins }: Pick<Settings, "databases" | "origins">,
  origin: string,
): string | undefined {
  const settings = origins[origin];
  if (settings === undefined || settings.kind === "external" || settings.migrations === undefined)
    return undefined;
  const names = Object.keys(databases);
  const name = settings.migrations.database ?? (names.length === 1 ? names[0] : undefined);
  return name !== undefined && databases[name]?.kind === "container" ? name : undefined;
}

/** What the stack file says of an origin's migrations; `image`: undefined where only the compose file names it. */
export function migrationsOf(
  settings: Pick<Settings, "databases" | "origins">,
  database: EnvironmentDatabase,
  origin: string,
): { readonly image: string | undefined; readonly breaking: boolean } {
  const [, { migrations, services }] = migratingOrigin(settings, database, origin);
  return {
    image: migrations && services[migrations.service]?.image,
    breaking: migrations?.breaking ?? false,
  };
}
