/** What a shell completes, made of the commands' declarations. Pure. */
import { type CommandDeclaration, directoryOption, stackOption } from "../command";

/** What may follow a word. */
export interface Candidate {
  readonly word: string;
  readonly description: string;
}

/** An option as it may be typed. */
export interface OptionWord extends Candidate {
  /** What its value is: `environment`, `file`, `folder`, or something of which no shell knows; undefined: it has none. */
  readonly value?: "environment" | "file" | "folder" | "other";
}

/** A point of the command line: the words of the command so far, and what may follow. */
export interface Place {
  /** `""` for the beginning, `db`, `db attack`. */
  readonly command: string;
  readonly commands: readonly Candidate[];
  readonly options: readonly OptionWord[];
}

const helpOption: OptionWord = { word: "--help", description: "options and an example" };

/** Every point, the beginning first. */
export function placesOf(all: readonly CommandDeclaration[]): Place[] {
  const names = new Set(all.flatMap(({ name }) => [name, name.split(" ")[0] ?? ""]));
  const places = [...names].map((command) => {
    const declaration = all.find(({ name }) => name === command);
    return {
      command,
      commands: below(all, `${command} `),
      options: declaration === undefined ? [helpOption] : optionsOf(declaration),
    };
  });
  return [{ command: "", commands: below(all, ""), options: [helpOption] }, ...places];
}

/** Words that may follow, those of several commands once. */
function below(all: readonly CommandDeclaration[], prefix: string): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const { name, summary } of all) {
    if (!name.startsWith(prefix)) continue;
    const [word = "", ...rest] = name.slice(prefix.length).split(" ");
    if (rest.length === 0) found.set(word, { word, description: summary });
    else if (!found.has(word))
      found.set(word, { word, description: `${prefix}${word}: see its subcommands` });
  }
  return [...found.values()];
}

function optionsOf({ options }: CommandDeclaration): OptionWord[] {
  const all = options.includes(stackOption) ? [...options, directoryOption] : options;
  return [
    ...all.flatMap(({ flags, description }) => {
      const [names = "", value] = flags.split(/ (?=<)/);
      const isStack = flags === stackOption.flags;
      const kind =
        value === undefined ? {} : { value: isStack ? ("environment" as const) : valueKind(value) };
      return names.split(", ").map((word) => ({ word, description, ...kind }));
    }),
    helpOption,
  ];
}

function valueKind(value: string): NonNullable<OptionWord["value"]> {
  if (value.includes("folder")) return "folder";
  return value.includes("file") ? "file" : "other";
}
