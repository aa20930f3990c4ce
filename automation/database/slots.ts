import { UserError } from "../../common/user-error";
import { literal } from "../../components/database/quoting";
import type { EnvironmentDatabase } from "./database";
import { majorVersion, type SlotStatus, slotsQuery } from "./status";

/** The replication slots of a database. */
export async function listSlots(database: EnvironmentDatabase): Promise<SlotStatus[]> {
  const version = await majorVersion(database);
  const { rows } = await database.ask<Omit<SlotStatus, "inactiveSince"> & { since: string | null }>(
    slotsQuery(version),
  );
  return rows.map(({ since, ...slot }) => ({ ...slot, ...(since === null ? {} : { inactiveSince: since }) }));
}

/**
 * Drops a slot that nobody reads; its consumer begins anew when it comes back.
 *
 * @throws UserError where there is none of that name, or it is being read: an active one is never dropped
 */
export async function dropSlot(database: EnvironmentDatabase, name: string): Promise<void> {
  const slots = await listSlots(database);
  const found = slots.find((slot) => slot.name === name);
  if (found === undefined) {
    throw new UserError({
      what: "there is no slot of that name",
      value: name,
      allowed: slots.map((slot) => slot.name).join(", ") || "none: the database has no slots",
      next: `npx groundwork db slots -s ${database.stack}`,
    });
  }
  if (found.active) {
    throw new UserError({
      what: "the slot is being read, and an active one is not dropped",
      value: name,
      allowed: "a slot that nobody reads",
      next: "stop its consumer first",
    });
  }
  // The server itself refuses one that has become active meanwhile.
  await database.ask(
    `SELECT pg_drop_replication_slot(slot_name)::text FROM pg_replication_slots WHERE slot_name = ${literal(name)} AND NOT active`,
  );
}

/** Slots that nobody has read for so many hours. Servers before 17 do not tell since when: none is orphaned there. */
export function orphanedSlots(slots: readonly SlotStatus[], hours: number, now = Date.now()): SlotStatus[] {
  return slots.filter(
    ({ active, inactiveSince }) =>
      !active && inactiveSince !== undefined && now - Date.parse(inactiveSince) >= hours * 3_600_000,
  );
}
