import { dropKept, restoreBackup } from "../../automation/database/restore";
import { UserError } from "../../common/user-error";
import { stackOption } from "../command";
import { chosen } from "../open";
import { ProgressLines } from "../progress";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { withDatabase } from "./with-database";

interface RestoreChoice extends DatabaseChoice {
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
          return context.print(`${options.dropKept} is gone`);
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
        const { backup, into } = options;
        const done = await restoreBackup(environment, database, {
          backup,
          into,
          onProgress: tell,
          signal: context.signal,
        });
        context.print(
          `${done.backup} of ${done.at} is restored as ${into ?? settings.database}: ${done.tables} tables, ${done.rows} rows, each as it was saved`,
        );
        if (done.kept === undefined) return;
        context.print(`what was there before is kept as ${done.kept}, closed to everybody`);
        context.print(
          `drop it with: npx groundwork db restore ${chosen(environment.name)} --drop-kept ${done.kept}`,
        );
      },
      { backups: true },
    );
  },
};
