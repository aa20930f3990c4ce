import colours from "picocolors";
import type { Environment } from "../automation/environment";
import { backendOf } from "../automation/locks/backend";
import { openProject } from "../automation/project";
import { runningSandbox } from "../sandbox/sandbox";
import type { CommandContext, OptionDeclaration } from "./command";
import { inSandbox } from "./in-sandbox";
import { openReal } from "./open";

/** Whether a running sandbox is meant where there is one. */
export interface PlaceChoice {
  /** False with `--no-sandbox`. */
  readonly sandbox?: boolean;
}

export const placeOption: OptionDeclaration = {
  flags: "--no-sandbox",
  description: "means the real environment, although its sandbox runs on this machine",
};

/**
 * Does `work` on an environment: in its sandbox where one runs on this machine, which is said, else on the real one. Who
 * forgets that a sandbox runs has done nothing to the real one.
 *
 * @param doing words that follow "is about to"
 */
export async function atHand<T>(
  stack: string,
  { sandbox = true }: PlaceChoice,
  doing: string,
  context: CommandContext,
  work: (environment: Environment, sandboxed: boolean) => Promise<T>,
): Promise<T> {
  if (!sandbox || (await runningSandbox(stack)) === undefined)
    return work(await openReal(stack, context), false);
  context.say(colours.dim(`in the sandbox of ${stack} on this machine (--no-sandbox: the real one)`));
  return inSandbox({ stack }, doing, context, (_ready, environment) => work(environment, true));
}

/**
 * The environment as the user's own login and backend have it; where none is chosen and its sandbox runs on this machine, as
 * it stands there, which is said.
 */
export async function openOwn(stack: string, context: CommandContext): Promise<Environment> {
  const { kind } = backendOf(openProject().directory, process.env);
  if (kind !== "none" || (await runningSandbox(stack)) === undefined) return openReal(stack, context);
  context.say(colours.dim(`in the sandbox of ${stack} on this machine, as no state backend is chosen`));
  return inSandbox({ stack }, "find the sandbox's parts", context, (_ready, environment) =>
    Promise.resolve(environment),
  );
}
