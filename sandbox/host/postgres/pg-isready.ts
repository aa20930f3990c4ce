/** Stands in for `pg_isready` where the machine has none: 0 accepts, 1 rejects (starting up), 2 no answer. */
import { createConnection } from "node:net";
import { flag, isSet, parseArguments } from "../docker/arguments";
import { resolveTarget } from "./connection";
import { runReal } from "./run-real";

function main(args: readonly string[]): void {
  const parsed = parseArguments(args, {
    values: ["host", "port", "dbname", "username", "timeout"],
    booleans: ["quiet"],
    aliases: { h: "host", p: "port", d: "dbname", U: "username", t: "timeout", q: "quiet" },
  });
  const target = resolveTarget(
    {
      host: flag(parsed, "host"),
      port: flag(parsed, "port"),
      user: flag(parsed, "username"),
      database: flag(parsed, "dbname"),
    },
    process.env,
  );
  const end = (code: number, text: string): void => {
    if (!isSet(parsed, "quiet")) process.stdout.write(`${target.host}:${target.port} - ${text}\n`);
    process.exit(code);
  };
  const socket = target.host.startsWith("/")
    ? createConnection(`${target.host}/.s.PGSQL.${target.port}`)
    : createConnection(target.port, target.host);
  socket.setTimeout(Number(flag(parsed, "timeout") ?? 3) * 1000, () => end(2, "no response"));
  socket.once("error", () => end(2, "no response"));
  socket.once("connect", () => {
    const words = Buffer.from(`user\0${target.user}\0database\0${target.database}\0\0`);
    const head = Buffer.alloc(8);
    head.writeInt32BE(words.length + 8, 0);
    head.writeInt32BE(196_608, 4);
    socket.write(Buffer.concat([head, words]));
  });
  socket.once("data", (answer) => {
    // An error other than "the database system is starting up" still means: it takes connections.
    const starting = answer.toString("latin1", 0, 1) === "E" && answer.includes("C57P03\0");
    end(starting ? 1 : 0, starting ? "rejecting connections" : "accepting connections");
  });
}

const args = process.argv.slice(2);
if (!runReal("pg_isready", args)) main(args);
