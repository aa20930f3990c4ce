import { dropSlot, listSlots, orphanedSlots } from "../../automation/database/slots";
import { bytes, type SlotStatus } from "../../automation/database/status";
import { UserError } from "../../common/user-error";
import { stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { compactTable } from "./table";
import { withDatabase } from "./with-database";

interface SlotOptions extends DatabaseChoice, JsonChoice {
  readonly drop?: string;
  readonly dropOrphaned?: boolean;
  readonly hours?: string;
}

export const dbSlots: DbCommand<SlotOptions> = {
  name: "db slots",
  summary:
    "lists replication slots and what they keep on the disk; drops those that nobody reads, never an active one",
  example: "npx groundwork db slots -s prod --drop-orphaned",
  options: [
    stackOption,
    ...databaseOptions,
    { flags: "--drop <name>", description: "drops this one, if nobody reads it" },
    { flags: "--drop-orphaned", description: "drops those that nobody has read for --hours" },
    { flags: "--hours <count>", description: "after how many hours a slot is orphaned", default: "24" },
    jsonOption,
  ],
  async run(options, context) {
    // An unset variable of a script's would be no hours at all, and drop what is only being connected anew.
    const hours = options.hours?.trim() === "" ? NaN : Number(options.hours);
    if (!(hours >= 0)) {
      throw new UserError({
        what: "that is no number of hours",
        value: options.hours ?? "",
        allowed: "0 or more",
        next: "npx groundwork db slots -s prod --drop-orphaned --hours 24",
      });
    }
    await withDatabase("db slots", options, "look at the slots", context, async (database) => {
      const before = await listSlots(database);
      const orphaned =
        options.dropOrphaned === true ? orphanedSlots(before, hours).map(({ name }) => name) : [];
      const dropped = options.drop === undefined ? orphaned : [options.drop, ...orphaned];
      for (const name of new Set(dropped)) {
        await dropSlot(database, name);
        context.say(`dropped the slot ${name}`);
      }
      const slots = dropped.length === 0 ? before : await listSlots(database);
      if (options.json === true) context.print(jsonAnswer("db slots", slots));
      else for (const line of slotLines(slots)) context.print(line);
      const unknown = slots.filter(({ active, inactiveSince }) => !active && inactiveSince === undefined);
      if (options.dropOrphaned === true && unknown.length > 0) {
        context.say(
          "this server does not tell since when a slot is not read: name those that you know, with --drop",
        );
      }
    });
  },
};

function slotLines(slots: readonly SlotStatus[]): string[] {
  if (slots.length === 0) return ["no replication slots"];
  const table = compactTable(["slot", "plugin", "read", "keeps", "not read since"]);
  for (const { active, inactiveSince, name, plugin, retained } of slots) {
    table.push([name, plugin ?? "(physical)", active ? "yes" : "no", bytes(retained), inactiveSince ?? ""]);
  }
  return table.toString().split("\n");
}
