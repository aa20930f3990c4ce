import { dropKept, restoreBackup } from "../../automation/database/restore";
import { UserError } from "../../common/user-error";
import { stackOption } from "../command";
import { chosen } from "../open";
import { ProgressLines } from "../progress";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { withDatabase } from "./with-database";

interface RestoreChoice extends DatabaseChoice, JsonChoice {
  readonly backup?: string;
  readonly into?: string;
  readonly dropKept?: string;
  readonly yes?: boolean;
}

export const dbRestore: DbCommand<RestoreChoice> = {
  name: "db restore",
  summary:
    "restores a backup into a new database, checks it, and puts it in the place of the one that serves, which is kept",
  example: "npx groundwork db restore -s staging --yes",
  options: [
    stackOption,
    ...databaseOptions,
    { flags: "--backup <name>", description: "which one, as db backups lists them (default: the newest)" },
    { flags: "--into <name>", description: "leaves it beside the database that serves, under this name" },
    {
      flags: "--drop-kept <name>",
      description: "drops a database that a restore has replaced, and restores nothing",
    },
    { flags: "--yes", description: "does it: the application goes on with what the backup holds" },
    jsonOption,
  ],
  async run(options, context) {
    await withDatabase(
      "db restore",
      options,
      "restore the database",
      context,
      async (database, environment) => {
        const { name, settings } = database;
        if (options.dropKept !== undefined) {
          await dropKept(database, options.dropKept);
          return context.print(
            options.json === true
              ? jsonAnswer("db restore --drop-kept", { dropped: options.dropKept })
              : `${options.dropKept} is gone`,
          );
        }
        if (options.into === undefined && options.yes !== true) {
          throw new UserError({
            what: "the application would go on with what the backup holds; what was written since would be kept aside",
            value: `${name} of ${environment.name}`,
            allowed: "the same with --yes, or --into with the name of a new database",
            next: `npx groundwork db restore ${chosen(environment.name)} --yes`,
          });
        }
        context.say(`restoring ${name} of ${environment.name}`);
        const { tell } = new ProgressLines(context.say);
        const { into } = options;
        const { at, backup, kept, rows, tables } = await restoreBackup(environment, database, {
          backup: options.backup,
          into,
          onProgress: tell,
          signal: context.signal,
        });
        const restored = into ?? settings.database;
        if (options.json === true) {
          context.print(jsonAnswer("db restore", { backup, at, database: restored, kept, tables, rows }));
          return;
        }
        context.print(
          `${backup} of ${at} is restored as ${restored}: ${tables} tables, ${rows} rows, each as it was saved`,
        );
        if (kept === undefined) return;
        context.print(`what was there before is kept as ${kept}, closed to everybody`);
        context.print(
          `drop it with: npx groundwork db restore ${chosen(environment.name)} --drop-kept ${kept}`,
        );
      },
      { backups: true },
    );
  },
};
