import { basename } from "node:path";
import type { CommandDeclaration } from "../cli/command";
import { commands } from "../cli/commands";
import { answering, jsonSchemaFile, jsonSchemas } from "../cli/json/schemas";

/** What docs/cli.md has of each table: where it begins, where it ends, and its rows. */
const tables = [
  {
    begin: "<!-- commands: made by `npm run docs` from cli/commands -->",
    end: "<!-- /commands -->",
    lines: () => ["| command | does |", "|---|---|", ...commands.map(row)],
  },
  {
    begin: "<!-- answers: made by `npm run docs` from cli/json -->",
    end: "<!-- /answers -->",
    lines: () => ["| command | schema | what it is |", "|---|---|---|", ...answering.map(answerRow)],
  },
];

/** docs/cli.md with its tables of commands and of their answers made anew from what is declared. */
export function withCommandTables(page: string): string {
  return tables.reduce((text, { begin, end, lines }) => {
    const from = text.indexOf(begin);
    const to = text.indexOf(end);
    if (from === -1 || to < from)
      throw new Error(`docs/cli.md has no place for its table: ${begin} … ${end}`);
    return text.slice(0, from) + [begin, ...lines(), ""].join("\n") + text.slice(to);
  }, page);
}

function answerRow(command: (typeof answering)[number]): string {
  const file = jsonSchemaFile(command);
  const what = jsonSchemas[command].description ?? "";
  return `| \`${command}\` | [${basename(file)}](../${file}) | ${what.replaceAll("|", "\\|")} |`;
}

function row({ name, summary, arguments: positional = [], options }: CommandDeclaration): string {
  const words = [name, ...positional.map((argument) => argument.name), ...options.map(optionWord)];
  return `| \`groundwork ${words.join(" ")}\` | ${summary.replaceAll("|", "\\|")} |`;
}

/** `-s, --stack <name>` -> `-s NAME`; in brackets what may be left out. */
function optionWord({ flags, default: fallback }: CommandDeclaration["options"][number]): string {
  const [names = "", value] = flags.split(/ (?=<)/);
  const [shortest = ""] = names.split(", ");
  const word = value === undefined ? shortest : `${shortest} ${value.replace(/[<>]/g, "").toUpperCase()}`;
  return value !== undefined && fallback === undefined ? word : `[${word}]`;
}
