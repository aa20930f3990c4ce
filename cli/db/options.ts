import { placeOption, type PlaceChoice } from "../at-hand";
import type { CommandDeclaration, OptionDeclaration } from "../command";
import type { EnvironmentChoice } from "../open";

/** Options of every command on a database. */
export interface DatabaseChoice extends EnvironmentChoice, PlaceChoice {
  readonly database?: string;
}

export type DbCommand<Options> = CommandDeclaration<Options>;

export const databaseOptions: readonly OptionDeclaration[] = [
  { flags: "--database <name>", description: "the entry of groundwork:databases (default: the only one)" },
  placeOption,
];
