import { drill } from "../../automation/database/drill";
import type { DrillRecord } from "../../automation/database/drill-record";
import { UserError } from "../../common/user-error";
import { stackOption } from "../command";
import { chosen } from "../open";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { withDatabase } from "./with-database";

interface DrillChoice extends DatabaseChoice, JsonChoice {
  readonly backup?: string;
  readonly beside?: boolean;
}

export const dbDrill: DbCommand<DrillChoice> = {
  name: "db drill",
  summary:
    "proves that a backup restores: into a disposable server, each table held against what was recorded, timed and signed",
  example: "npx groundwork db drill -s prod",
  options: [
    stackOption,
    ...databaseOptions,
    { flags: "--backup <name>", description: "which one, as db backups lists them (default: the newest)" },
    {
      flags: "--beside",
      description: "in a disposable database on the same server, where no other container can be started",
    },
    jsonOption,
  ],
  async run(options, context) {
    await withDatabase(
      "db drill",
      options,
      "try a restore",
      context,
      async (database, environment) => {
        const { backup, beside } = options;
        const record = await drill(database, { backup, beside, log: context.say });
        if (options.json === true) context.print(jsonAnswer("db drill", record));
        else for (const line of drillLines(record)) context.print(line);
        if (record.passed) return;
        throw new UserError({
          what: "the backup does not bring back what was saved",
          value: record.failure ?? `${record.differences.length} differences`,
          next: `npx groundwork db backups ${chosen(environment.name)} --check looks for damage; npx groundwork db backup ${chosen(environment.name)} makes another one`,
        });
      },
      { backups: true },
    );
  },
};

/** What is printed of a drill. */
export function drillLines(record: DrillRecord): string[] {
  const { backup, backupAt, differences, failure, rows, rpoSeconds, rtoSeconds, seconds, server, tables } =
    record;
  return [
    `backup ${backup} of ${backupAt}, restored ${server === "own" ? "into a server of its own" : "beside the database"}`,
    ...(failure === undefined
      ? [
          differences.length === 0
            ? `${tables} tables with ${rows} rows: each as it was recorded`
            : `${tables} tables with ${rows} rows were recorded:`,
          ...differences.map((difference) => `  ${difference}`),
        ]
      : [failure]),
    `RPO ${duration(rpoSeconds)}: what a loss now would have cost`,
    `RTO ${duration(rtoSeconds)}: start ${seconds.start} s, restore ${seconds.restore} s, compare ${seconds.compare} s`,
  ];
}

/** `2 h 5 min` and the like. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
