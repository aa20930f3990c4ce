import { refuseReset, resetDatabase } from "../../automation/database/reset";
import { UserError } from "../../common/user-error";
import { stackOption } from "../command";
import { ProgressLines } from "../progress";
import { chosen } from "../open";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { withDatabase } from "./with-database";

export const dbReset: DbCommand<DatabaseChoice & JsonChoice & { readonly yes?: boolean }> = {
  name: "db reset",
  summary:
    "empties a database and makes it anew by roles and migrations, where the stack allows it; never in production",
  example: "npx groundwork db reset -s dev --yes",
  options: [
    stackOption,
    ...databaseOptions,
    { flags: "--yes", description: "does it: everything in the database is gone then" },
    jsonOption,
  ],
  async run(options, context) {
    await withDatabase("db reset", options, "empty the database", context, async (database, environment) => {
      await refuseReset(environment, database);
      if (options.yes !== true) {
        throw new UserError({
          what: "everything in the database would be gone",
          value: `${database.name} of ${environment.name}`,
          allowed: "the same with --yes",
          next: `npx groundwork db reset ${chosen(environment.name)} --yes`,
        });
      }
      context.say(`emptying ${database.name} of ${environment.name}`);
      const { tell } = new ProgressLines(context.say);
      await resetDatabase(environment, database, { onProgress: tell, signal: context.signal });
      context.print(
        options.json === true
          ? jsonAnswer("db reset", { stack: environment.name, database: database.name })
          : `${database.settings.database} is empty and has been migrated anew`,
      );
    });
  },
};
