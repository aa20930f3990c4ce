import { makeBackup } from "../../automation/database/backups";
import { bytes as sizeOf } from "../../automation/database/status";
import { stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { withDatabase } from "./with-database";

export const dbBackup: DbCommand<DatabaseChoice & JsonChoice> = {
  name: "db backup",
  summary:
    "makes a backup of a database now: encrypted, with the rows and checksums that a restore is held against",
  example: "npx groundwork db backup -s prod",
  options: [stackOption, ...databaseOptions, jsonOption],
  async run(options, context) {
    await withDatabase(
      "db backup",
      options,
      "back up the database",
      context,
      async (database) => {
        context.say(`backing up ${database.name} of ${database.stack}`);
        // What the host says, without what every step says beside it.
        const { added, backup, bytes, made, rows, seconds, tables } = await makeBackup(database);
        if (made) context.say("the repository was made with it");
        context.print(
          options.json === true
            ? jsonAnswer("db backup", { backup, tables, rows, bytes, added, seconds, made })
            : `backup ${backup}: ${tables} tables, ${rows} rows, ${sizeOf(bytes)}, ${sizeOf(added)} new in the repository, ${seconds} s`,
        );
      },
      { backups: true },
    );
  },
};
