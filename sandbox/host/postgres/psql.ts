/**
 * Stands in for `psql` where the machine has none (said once on stderr when a terminal looks): the flags that scripts
 * use, variables, `\set`, `\echo`, `\getenv` and `\q`. No other backslash command, no COPY from standard input.
 * Exit codes as psql's: 1 a fatal mistake or a failed `-c`, 2 no connection, 3 a failed script with ON_ERROR_STOP.
 */
import type { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { Client, DatabaseError, type QueryArrayResult } from "pg";
import { isSet, parseArguments, flag } from "../docker/arguments";
import { resolveTarget } from "./connection";
import { runReal } from "./run-real";
import { splitScript } from "../../../common/split-sql";

interface Look {
  readonly aligned: boolean;
  readonly tuplesOnly: boolean;
  readonly quiet: boolean;
  readonly separator: string;
  readonly record: string;
  readonly nullText: string;
}

async function main(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, {
    values: [
      "host",
      "port",
      "username",
      "dbname",
      "command",
      "file",
      "set",
      "field-separator",
      "record-separator",
      "pset",
      "output",
    ],
    booleans: [
      "no-psqlrc",
      "no-password",
      "quiet",
      "no-align",
      "tuples-only",
      "single-transaction",
      "csv",
      "echo-errors",
      "expanded",
      "version",
      "password",
    ],
    aliases: {
      h: "host",
      p: "port",
      U: "username",
      d: "dbname",
      c: "command",
      f: "file",
      v: "set",
      variable: "set",
      F: "field-separator",
      R: "record-separator",
      P: "pset",
      X: "no-psqlrc",
      w: "no-password",
      q: "quiet",
      A: "no-align",
      t: "tuples-only",
      "1": "single-transaction",
      b: "echo-errors",
      x: "expanded",
      V: "version",
      W: "password",
      o: "output",
    },
  });
  if (isSet(parsed, "version")) {
    process.stdout.write("psql (PostgreSQL) 18.4 (stand-in of the Groundwork sandbox)\n");
    return 0;
  }
  for (const name of ["csv", "expanded", "output"]) {
    if (parsed.flags[name] !== undefined)
      throw new Error(`--${name} is not supported by the sandbox's stand-in`);
  }
  const variables = new Map<string, string>();
  for (const entry of parsed.flags["set"] ?? []) {
    const at = entry.indexOf("=");
    variables.set(at === -1 ? entry : entry.slice(0, at), at === -1 ? "" : entry.slice(at + 1));
  }
  const psets = new Map(
    (parsed.flags["pset"] ?? []).map((entry) => [entry.split("=")[0], entry.slice(entry.indexOf("=") + 1)]),
  );
  const look: Look = {
    aligned: !isSet(parsed, "no-align") && psets.get("format") !== "unaligned",
    tuplesOnly: isSet(parsed, "tuples-only") || psets.get("tuples_only") === "on",
    quiet: isSet(parsed, "quiet"),
    separator: flag(parsed, "field-separator") ?? "|",
    record: flag(parsed, "record-separator") ?? "\n",
    nullText: psets.get("null") ?? "",
  };
  const target = resolveTarget(
    {
      host: flag(parsed, "host"),
      port: flag(parsed, "port"),
      user: flag(parsed, "username") ?? parsed.words[1],
      database: flag(parsed, "dbname") ?? parsed.words[0],
    },
    process.env,
  );
  const client = new Client({ ...target, connectionTimeoutMillis: 30_000 });
  client.on("error", () => undefined);
  client.on("notice", (notice) =>
    process.stderr.write(`${notice.severity ?? "NOTICE"}:  ${notice.message ?? ""}\n`),
  );
  try {
    await client.connect();
  } catch (error) {
    const where = target.host.startsWith("/")
      ? `on socket "${target.host}/.s.PGSQL.${target.port}"`
      : `at "${target.host}", port ${target.port}`;
    const severity = error instanceof DatabaseError ? `${error.severity ?? "FATAL"}:  ` : "";
    process.stderr.write(
      `psql: error: connection to server ${where} failed: ${severity}${(error as Error).message}\n`,
    );
    return 2;
  }
  try {
    return await new Session(client, variables, look).run(parsed.flags, isSet(parsed, "single-transaction"));
  } finally {
    await client.end();
  }
}

class Session {
  private failed = false;
  /** Command tags of the running query, in order; the library's own result keeps only their first word. */
  private tags: string[] = [];

  constructor(
    private readonly client: Client,
    private readonly variables: Map<string, string>,
    private readonly look: Look,
  ) {
    const { connection } = client as unknown as { connection: EventEmitter };
    connection.on("commandComplete", ({ text }: { text: string }) => this.tags.push(text));
  }

  async run(flags: Readonly<Record<string, readonly string[]>>, single: boolean): Promise<number> {
    if (single) await this.client.query("BEGIN");
    const code = await this.runAll(flags);
    if (single) await this.client.query(code === 0 && !this.failed ? "COMMIT" : "ROLLBACK");
    return code;
  }

  private async runAll(flags: Readonly<Record<string, readonly string[]>>): Promise<number> {
    const commands = flags["command"] ?? [];
    const files = flags["file"] ?? [];
    for (const command of commands) {
      // As psql: variables are not replaced in a -c text that the server gets whole.
      if (!(await this.statement(command, ""))) return 1;
    }
    for (const file of files) {
      const isInput = file === "-";
      const code = await this.script(readFileSync(isInput ? 0 : file, "utf8"), isInput ? "<stdin>" : file);
      if (code !== 0) return code;
    }
    if (commands.length === 0 && files.length === 0) return this.script(readFileSync(0, "utf8"), "<stdin>");
    return 0;
  }

  private async script(text: string, name: string): Promise<number> {
    const stop = (): boolean => {
      const value = this.variables.get("ON_ERROR_STOP");
      return value !== undefined && !["0", "off", "false", ""].includes(value);
    };
    // Cut anew after each command, since \set changes what follows.
    let position = 0;
    let parts = splitScript(text, this.variables);
    while (position < parts.length) {
      const part = parts[position++];
      if (part === undefined) break;
      if (part.kind === "command") {
        if (part.text === "\\q") return 0;
        const problem = this.command(part.text);
        if (problem !== undefined) {
          process.stderr.write(`psql:${name}:${part.line}: error: ${problem}\n`);
          if (stop()) return 3;
        }
        parts = splitScript(text, this.variables);
      } else if (!(await this.statement(part.text, `psql:${name}:${part.line}: `))) {
        this.failed = true;
        if (stop()) return 3;
      }
    }
    return 0;
  }

  private command(text: string): string | undefined {
    const [name, first = "", ...rest] = text.split(/\s+/);
    const unquote = (word: string): string => word.replace(/^'(.*)'$/s, "$1").replace(/''/g, "'");
    switch (name) {
      case "\\set":
        this.variables.set(first, unquote(rest.join(" ")));
        return undefined;
      case "\\unset":
        this.variables.delete(first);
        return undefined;
      case "\\getenv": {
        const value = process.env[rest[0] ?? ""];
        if (value !== undefined) this.variables.set(first, value);
        return undefined;
      }
      case "\\echo":
        process.stdout.write(`${[first, ...rest].map(unquote).join(" ")}\n`);
        return undefined;
      default:
        return `${name ?? text} is not supported by the sandbox's stand-in for psql`;
    }
  }

  private async statement(sql: string, at: string): Promise<boolean> {
    try {
      this.tags = [];
      const results = await this.client.query({
        text: sql,
        rowMode: "array",
        types: { getTypeParser: () => asText },
      });
      const all = Array.isArray(results) ? (results as QueryArrayResult[]) : [results];
      for (const [index, result] of all.entries()) {
        process.stdout.write(formatResult(result, this.tags[index] ?? result.command, this.look));
      }
      return true;
    } catch (error) {
      const { severity = "ERROR", message, detail, hint } = error as DatabaseError;
      process.stderr.write(`${at}${severity}:  ${message}\n`);
      if (detail !== undefined) process.stderr.write(`DETAIL:  ${detail}\n`);
      if (hint !== undefined) process.stderr.write(`HINT:  ${hint}\n`);
      return false;
    }
  }
}

const asText = (value: unknown): unknown => value;

function formatResult({ fields, rows }: QueryArrayResult, tag: string | null, look: Look): string {
  if (fields.length === 0) return look.quiet || tag === null ? "" : `${tag}\n`;
  const cells = (rows as unknown[][]).map((row) =>
    row.map((value) => (value === null ? look.nullText : String(value as string))),
  );
  const names = fields.map(({ name }) => name);
  const footer = `(${rows.length} row${rows.length === 1 ? "" : "s"})`;
  if (!look.aligned) {
    const lines = [...(look.tuplesOnly ? [] : [names]), ...cells].map((row) => row.join(look.separator));
    const all = look.tuplesOnly ? lines : [...lines, footer];
    return all.length === 0 ? "" : `${all.join(look.record)}\n`;
  }
  const widths = names.map((name, column) =>
    Math.max(look.tuplesOnly ? 0 : name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    ` ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")}`.trimEnd();
  const body = cells.map(line);
  if (look.tuplesOnly) return `${[...body, ""].join("\n")}\n`;
  return `${[line(names), widths.map((width) => "-".repeat(width + 2)).join("+"), ...body, footer, ""].join("\n")}\n`;
}

const args = process.argv.slice(2);
if (!runReal("psql", args)) {
  main(args).then(
    (code) => process.exit(code),
    (error: unknown) => {
      process.stderr.write(`psql: error: ${(error as Error).message}\n`);
      process.exit(1);
    },
  );
}
