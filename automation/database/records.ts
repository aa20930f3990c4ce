import type { EnvironmentDatabase } from "./database";
import type { SignedRecord } from "./signed-record";

/** What the host keeps of drills and rehearsals, signed or not. */
export interface DatabaseRecords {
  readonly drills: readonly SignedRecord[];
  readonly rehearsals: readonly SignedRecord[];
  /** What they are signed with. Secret. */
  readonly secret: string;
}

/** Reads them; there are none of a database without backups. */
export async function recordsOn(database: EnvironmentDatabase): Promise<DatabaseRecords> {
  if (database.backups === undefined) return { drills: [], rehearsals: [], secret: "" };
  const kept = await database.hostStep<Omit<DatabaseRecords, "secret">>("database-records", {
    name: database.name,
  });
  return { ...kept, secret: database.backups.recordKey };
}
