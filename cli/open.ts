import { Environment } from "../automation/environment";
import { openProject } from "../automation/project";
import { UserError } from "../common/user-error";
import type { ReadySandbox } from "../sandbox/bring-up";
import type { CommandContext } from "./command";

/** Options that every command on an environment has. */
export interface EnvironmentChoice {
  readonly stack?: string;
}

/** @throws UserError where no environment is named: none is ever guessed. */
export function stackOf({ stack }: EnvironmentChoice, command: string): string {
  if (stack !== undefined && /^[a-z0-9][a-z0-9-]{0,40}$/.test(stack)) return stack;
  throw new UserError({
    what: stack === undefined ? "which environment is not said" : "that is not the name of an environment",
    ...(stack === undefined ? {} : { value: stack }),
    allowed: "lower-case letters, digits and hyphens: dev, staging, prod, pr-12",
    next: `npx groundwork ${command} -s staging`,
  });
}

/** The options that name an environment of the project at hand, as the user would type them. */
export function chosen(stack: string): string {
  const { typed } = openProject();
  return `-s ${stack}${typed === undefined ? "" : ` --directory ${typed}`}`;
}

/** What leads a plain `pulumi` to the project at hand. */
export function workingFolder(): string {
  const { typed } = openProject();
  return typed === undefined ? "" : ` --cwd ${typed}`;
}

/** The environment as the user's own login and backend have it. */
export function openReal(stack: string, { say }: CommandContext): Promise<Environment> {
  return Environment.open(stack, { directory: openProject().directory, log: say });
}

/** The environment as it stands in a sandbox. */
export function openInSandbox({ stack, engine, configFile, variables }: ReadySandbox): Promise<Environment> {
  const { directory } = openProject();
  // The sandbox's own token may do everything there.
  return Environment.open(stack, { directory, engine, configFile, variables, checkToken: false });
}
