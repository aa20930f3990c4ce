/** Flags of a command: those that take a value, and those that do not. Short ones without their dash. */
export interface FlagTable {
  readonly values: readonly string[];
  readonly booleans: readonly string[];
  /** Short or other spelling -> the long one. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Everything after the first word that is no flag belongs to that word (exec, run). */
  readonly stopAtWord?: boolean;
}

export interface ParsedArguments {
  /** Long flag name -> its values, in order. Booleans have "true" or "false". */
  readonly flags: Readonly<Record<string, readonly string[]>>;
  readonly words: readonly string[];
}

/** A wrong command line: printed as Docker does, exit code 1 (16 in Compose). */
export class UsageError extends Error {}

/** Reads flags in the ways Docker's commands take them: `--flag value`, `--flag=value`, `-f value`, `-fvalue`, `-it`. */
export function parseArguments(args: readonly string[], table: FlagTable): ParsedArguments {
  const flags: Record<string, string[]> = {};
  const words: string[] = [];
  const longName = (name: string): string => table.aliases?.[name] ?? name;
  const add = (name: string, value: string): void => {
    (flags[name] ??= []).push(value);
  };
  let index = 0;
  const nextValue = (flag: string): string => {
    const value = args[++index];
    if (value === undefined) throw new UsageError(`flag needs an argument: ${flag}`);
    return value;
  };
  for (; index < args.length; index++) {
    const arg = args[index] ?? "";
    if (arg === "--") {
      words.push(...args.slice(index + 1));
      break;
    }
    if (arg.startsWith("--")) {
      const [given = "", ...rest] = arg.slice(2).split("=");
      const name = longName(given);
      const inline = rest.length > 0 ? rest.join("=") : undefined;
      if (table.values.includes(name)) add(name, inline ?? nextValue(arg));
      else if (table.booleans.includes(name)) add(name, inline ?? "true");
      else throw new UsageError(`unknown flag: --${given}`);
    } else if (arg.startsWith("-") && arg !== "-") {
      for (let at = 1; at < arg.length; at++) {
        const short = arg.charAt(at);
        const name = longName(short);
        if (table.values.includes(name)) {
          const inline = arg.slice(at + 1).replace(/^=/, "");
          add(name, inline === "" ? nextValue(`-${short}`) : inline);
          break;
        }
        if (!table.booleans.includes(name))
          throw new UsageError(`unknown shorthand flag: '${short}' in ${arg}`);
        add(name, "true");
      }
    } else if (table.stopAtWord === true) {
      words.push(...args.slice(index));
      break;
    } else words.push(arg);
  }
  return { flags, words };
}

/** The last value of a flag. */
export function flag(parsed: ParsedArguments, name: string): string | undefined {
  return parsed.flags[name]?.at(-1);
}

export function isSet(parsed: ParsedArguments, name: string): boolean {
  const value = flag(parsed, name);
  return value !== undefined && value !== "false";
}

/** Flags before Compose's command. */
export const composeFlags: FlagTable = {
  values: [
    "file",
    "project-name",
    "project-directory",
    "workdir",
    "env-file",
    "profile",
    "ansi",
    "progress",
    "parallel",
  ],
  booleans: ["compatibility", "dry-run", "all-resources", "verbose", "version"],
  aliases: { f: "file", p: "project-name", v: "version", workdir: "project-directory" },
  stopAtWord: true,
};

/** Compose's command line cut at its command. */
export interface ComposeLine {
  readonly global: ParsedArguments;
  readonly command: string;
  readonly rest: readonly string[];
}

export function splitComposeLine(args: readonly string[]): ComposeLine {
  const global = parseArguments(args, composeFlags);
  const [command = "", ...rest] = global.words;
  return { global, command, rest };
}
