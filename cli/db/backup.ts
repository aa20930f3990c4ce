import { makeBackup } from "../../automation/database/backups";
import { bytes } from "../../automation/database/status";
import { stackOption } from "../command";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { withDatabase } from "./with-database";

export const dbBackup: DbCommand<DatabaseChoice & { readonly json?: boolean }> = {
  name: "db backup",
  summary:
    "makes a backup of a database now: encrypted, with the rows and checksums that a restore is held against",
  example: "npx groundwork db backup -s prod",
  options: [stackOption, ...databaseOptions, { flags: "--json", description: "prints it as JSON" }],
  async run(options, context) {
    await withDatabase(
      "db backup",
      options,
      "back up the database",
      context,
      async (database) => {
        context.say(`backing up ${database.name} of ${database.stack}`);
        const made = await makeBackup(database);
        if (options.json === true) return context.print(JSON.stringify(made, undefined, 2));
        const { added, backup, rows, seconds, tables } = made;
        if (made.made) context.say("the repository was made with it");
        context.print(
          `backup ${backup}: ${tables} tables, ${rows} rows, ${bytes(made.bytes)}, ${bytes(added)} new in the repository, ${seconds} s`,
        );
      },
      { backups: true },
    );
  },
};
