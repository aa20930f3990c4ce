import colours from "picocolors";
import { bytes, databaseStatus, type DatabaseStatus } from "../../automation/database/status";
import { stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { compactTable } from "./table";
import { withDatabase } from "./with-database";

export const dbStatus: DbCommand<DatabaseChoice & JsonChoice> = {
  name: "db status",
  summary: "shows a database's size, disk, connections and slots, and what somebody should look at",
  example: "npx groundwork db status -s prod",
  options: [stackOption, ...databaseOptions, jsonOption],
  async run(options, context) {
    await withDatabase("db status", options, "look at the database", context, async (database) => {
      const status = await databaseStatus(database);
      if (options.json === true) context.print(jsonAnswer("db status", status));
      else for (const line of statusLines(status)) context.print(line);
    });
  },
};

/** What is printed of a database. */
export function statusLines(status: DatabaseStatus): string[] {
  const { connections, database, disk, maxConnections, server, size, slots, tables, warnings } = status;
  const room =
    disk === undefined ? "" : `, ${bytes(disk.free * 1024)} of ${bytes(disk.size * 1024)} free on its disk`;
  const roles = compactTable(["role", "active", "idle", "in transaction", "may hold"]);
  for (const { active, idle, idleInTransaction, limit, role } of connections) {
    roles.push([
      role,
      active,
      idle,
      idleInTransaction,
      limit < 0 ? `${maxConnections} (the server's)` : limit,
    ]);
  }
  const largest = compactTable(["table", "size", "rows"]);
  for (const { rows, size: own, table } of tables)
    largest.push([table, bytes(own), rows === null ? "" : `about ${rows}`]);
  return [
    `${database}: PostgreSQL ${server}, ${bytes(size)}${room}`,
    ...(connections.length === 0 ? ["nobody is connected"] : roles.toString().split("\n")),
    ...(tables.length === 0 ? ["no tables"] : largest.toString().split("\n")),
    ...slots.map(
      ({ active, name, retained }) =>
        `slot ${name}: ${active ? "being read" : "not read"}, keeps ${bytes(retained)}`,
    ),
    ...warnings.map((warning) => colours.yellow(`! ${warning}`)),
  ];
}
