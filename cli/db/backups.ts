import colours from "picocolors";
import { type BackupList, listBackups } from "../../automation/database/backups";
import type { DrillProof } from "../../automation/database/drill-record";
import { bytes } from "../../automation/database/status";
import { UserError } from "../../common/user-error";
import { stackOption } from "../command";
import { chosen } from "../open";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { compactTable } from "./table";
import { withDatabase } from "./with-database";

interface BackupsChoice extends DatabaseChoice, JsonChoice {
  readonly check?: boolean;
}

export const dbBackups: DbCommand<BackupsChoice> = {
  name: "db backups",
  summary:
    "lists a database's backups; fails where the newest is late, so that a schedule elsewhere can watch",
  example: "npx groundwork db backups -s prod",
  options: [
    stackOption,
    ...databaseOptions,
    { flags: "--check", description: "reads all of the repository and checks it for damage" },
    jsonOption,
  ],
  async run(options, context) {
    await withDatabase(
      "db backups",
      options,
      "look at the backups",
      context,
      async (database, environment) => {
        const list = await listBackups(database, { check: options.check === true });
        if (options.json === true) context.print(jsonAnswer("db backups", list));
        else for (const line of backupLines(list, environment.name)) context.print(line);
        if (options.check === true) context.say("the repository was read whole, and is not damaged");
        if (list.late === undefined) return;
        throw new UserError({
          what: "the newest backup is late",
          value: list.late,
          next: `npx groundwork db backup ${chosen(environment.name)} makes one now and says what stands in its way`,
        });
      },
      { backups: true },
    );
  },
};

/** What is printed of a database's backups. */
export function backupLines(
  { backups, kept, repository, restore, warnings }: BackupList,
  stack: string,
): string[] {
  const table = compactTable(["backup", "made", "tables", "rows", "size"]);
  for (const { at, backup, bytes: size, rows, tables } of backups) {
    table.push([backup, at.slice(0, 16).replace("T", " "), tables, rows, bytes(size)]);
  }
  return [
    `repository ${repository}`,
    ...(backups.length === 0 ? ["no backups"] : table.toString().split("\n")),
    ...kept.map((name) => `${name} was replaced by a restore and is kept: db restore --drop-kept ${name}`),
    ...(restore.proof === undefined ? [] : [proofLine(restore.proof)]),
    ...(restore.state === "fresh"
      ? []
      : [colours.yellow(`! ${restore.says}: npx groundwork db drill ${chosen(stack)}`)]),
    ...warnings.map((warning) => colours.yellow(`! ${warning}`)),
  ];
}

function proofLine({ at, backup, rtoSeconds }: DrillProof): string {
  return `restored as a test on ${at.slice(0, 10)}: ${backup}, in ${rtoSeconds} s`;
}
