import { once } from "node:events";
import { UserError } from "../../common/user-error";
import { stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { roleOf, roleOption } from "./role";
import { databaseAtHand } from "./with-database";

interface TunnelOptions extends DatabaseChoice, JsonChoice {
  readonly as?: string;
  readonly port?: string;
  readonly showPassword?: boolean;
}

export const dbTunnel: DbCommand<TunnelOptions> = {
  name: "db tunnel",
  summary: "opens a port of this machine that leads to a database, for graphical tools, until Ctrl-C",
  example: "npx groundwork db tunnel -s staging --as read-only",
  options: [
    stackOption,
    ...databaseOptions,
    roleOption,
    { flags: "--port <number>", description: "of this machine (default: any free one)" },
    { flags: "--show-password", description: "prints the role's password as well" },
    jsonOption,
  ],
  async run(options, context) {
    const port = portOf(options.port);
    if (options.json === true && options.showPassword === true) {
      throw new UserError({
        what: "no answer as JSON holds a password",
        allowed: "--json or --show-password",
        next: "leave one of them out",
      });
    }
    const database = await databaseAtHand("db tunnel", options, context);
    try {
      const role = roleOf(options.as, database);
      const { password, user } = database.login(role);
      const { database: name, kind } = database.settings;
      if (kind === "external") {
        throw new UserError({
          what: "this database is reached directly: it needs no tunnel",
          value: `${database.settings.host}:${database.settings.port}/${name} as ${user}, TLS ${database.settings.tls}`,
          allowed: "databases in a container",
          next: `npx groundwork db psql -s ${database.stack}`,
        });
      }
      const place = await database.place(role, port);
      context.print(
        options.json === true
          ? jsonAnswer("db tunnel", { host: place.host, port: place.port, database: name, user }, 0)
          : `host ${place.host}, port ${place.port}, database ${name}, user ${user}`,
      );
      if (options.showPassword === true) context.print(`password ${password}`);
      context.say(
        options.showPassword === true
          ? "open until Ctrl-C"
          : "open until Ctrl-C; --show-password prints the password as well",
      );
      if (!context.signal.aborted) await once(context.signal, "abort");
    } finally {
      await database.close();
    }
  },
};

function portOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new UserError({
    what: "that is not a port",
    value: text,
    allowed: "1 to 65535",
    next: "npx groundwork db tunnel -s staging --port 15432",
  });
}
