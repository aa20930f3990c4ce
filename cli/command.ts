import type { Log } from "../common/log";
import type { Interrupts } from "./interrupts";

/** What a command is given beside its options. */
export interface CommandContext extends Interrupts {
  /** Writes one line of the answer to standard output. */
  readonly print: Log;
  /** Writes one line of progress to standard error, so that the answer can be piped. */
  readonly say: Log;
  /** Sets an exit code that says what was found; what went wrong is thrown instead. */
  readonly exitWith: (code: number) => void;
}

/** An option as it is declared: `flags` and words of the help. */
export interface OptionDeclaration {
  readonly flags: string;
  readonly description: string;
  readonly default?: string | boolean;
}

/**
 * A command is declared data and a function. It returns, or throws a UserError; only main.ts prints errors and sets the
 * exit code.
 */
export interface CommandDeclaration<Options = object> {
  readonly name: string;
  readonly summary: string;
  /** One command line that works, shown in the help. */
  readonly example: string;
  readonly arguments?: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionDeclaration[];
  run(options: Options, context: CommandContext, positional: readonly string[]): Promise<void>;
}

/** The option that names the environment, the same for all commands. */
export const stackOption: OptionDeclaration = {
  flags: "-s, --stack <name>",
  description: "the environment: dev, staging, prod …",
};

/** The option that names another project than this checkout's own; every command with {@link stackOption} has it. */
export const directoryOption: OptionDeclaration = {
  flags: "--directory <folder>",
  description: "the Pulumi project that the environment is of (default: this one)",
};
