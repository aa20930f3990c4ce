import type { CommandDeclaration } from "../cli/command";
import { commands } from "../cli/commands";

const begin = "<!-- commands: made by `npm run docs` from cli/commands -->";
const end = "<!-- /commands -->";

/** docs/cli.md with its table of commands made anew from what is declared. */
export function withCommandTable(page: string): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to < from) throw new Error(`docs/cli.md has no place for its table: ${begin} … ${end}`);
  return page.slice(0, from) + [begin, ...commandTable(), ""].join("\n") + page.slice(to);
}

function commandTable(): string[] {
  return ["| command | does |", "|---|---|", ...commands.map(row)];
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
