import { stackOption } from "../command";
import { runPsql } from "../../automation/database/psql";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { roleOf, roleOption } from "./role";
import { databaseAtHand } from "./with-database";

export const dbPsql: DbCommand<DatabaseChoice & { readonly as?: string }> = {
  name: "db psql",
  summary: "opens psql on a database, as one of its roles; what follows -- is psql's own",
  example: 'npx groundwork db psql -s staging -- -c "select count(*) from users"',
  arguments: [{ name: "[arguments...]", description: "options of psql, after --" }],
  options: [stackOption, ...databaseOptions, roleOption],
  async run(options, context, positional) {
    const database = await databaseAtHand("db psql", options, context);
    try {
      const role = roleOf(options.as, database);
      context.say(`as ${database.login(role).user} on ${database.settings.database}`);
      await runPsql(database, role, positional, context);
    } finally {
      await database.close();
    }
  },
};
