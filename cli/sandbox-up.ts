import colours from "picocolors";
import type { Environment } from "../automation/environment";
import type { Log } from "../common/log";
import { UserError } from "../common/user-error";
import { readSettings } from "../platform/settings";
import { addressesOf } from "../platform/public-addresses";
import { visitAddress } from "../sandbox/addresses";
import type { ReadySandbox } from "../sandbox/bring-up";
import { standInsOf } from "../sandbox/host/stand-ins";
import { publishSites } from "../sandbox/publish-sites";
import { sampleImage } from "../examples/streampai/image";
import { checkAccessAfterUp } from "./access-after-up";
import type { CommandContext } from "./command";
import { attackAfterUp } from "./db/attack";
import { imageNotes } from "./image-notes";
import { type SandboxRequest, inSandbox } from "./in-sandbox";
import { jsonAnswer } from "./json/answer";
import { chosen } from "./open";
import { runAndTell } from "./run";
import { type NextCommands, sandboxAnswer, sandboxLines } from "./sandbox-answer";

/** How an environment that was brought up is told. */
export interface SandboxTelling extends NextCommands {
  /** Prints the answer as JSON. @default false */
  readonly json?: boolean | undefined;
}

/**
 * Starts an environment's sandbox, previews the environment in it, brings it up where something is to change, publishes its sites, asks each of
 * its addresses as a visitor would, and prints what there is.
 *
 * @throws UserError when an address does not answer in the end.
 */
export async function startInSandbox(
  request: SandboxRequest,
  context: CommandContext,
  telling: SandboxTelling,
): Promise<ReadySandbox> {
  return inSandbox(request, `bring ${request.stack} up`, context, async (ready, environment) => {
    await bringUp(ready, environment, context, telling);
    return ready;
  });
}

async function bringUp(
  ready: ReadySandbox,
  environment: Environment,
  context: CommandContext,
  { json = false, ...commands }: SandboxTelling,
): Promise<void> {
  const { print, say, signal } = context;
  tellDifferences(ready, say);
  const settings = await readSettings(ready.configFile, ready.stack);
  const { unchanged, told } = await runAndTell(environment, "preview", context);
  const { done } = unchanged
    ? { done: new Set<string>() }
    : await runAndTell(environment, "up", context, { expected: told });
  signal.throwIfAborted();
  await publishSites(ready, settings, say);
  signal.throwIfAborted();
  if (!unchanged) await attackAfterUp(environment, settings, json ? { ...context, print: say } : context);
  await checkAccessAfterUp(environment, settings, { done }, context);
  for (const note of imageNotes(settings, [sampleImage()], standInsOf(ready.folder.host))) say(note);
  const headers = await environment.accessHeaders({ settings });
  const visits = await Promise.all(
    addressesOf(settings).map((address) => visitAddress(address, ready, headers)),
  );
  const answer = sandboxAnswer(ready, settings, { changed: !unchanged, commands, visits });
  if (json) print(jsonAnswer("sandbox", answer));
  else for (const line of sandboxLines(answer)) print(line);
  const silent = visits.filter(({ status }) => status === undefined || status >= 500);
  if (silent.length === 0) return;
  throw new UserError({
    what: "an address does not answer",
    value: silent
      .map(({ url, status, problem }) => `${url} (${problem ?? `status ${status ?? 0}`})`)
      .join(", "),
    next: `look at ${ready.folder.logFile}, and at the services: npx groundwork sandbox status ${chosen(ready.stack)}`,
  });
}

/** Says what the sandbox has otherwise than the stack file: never silently. */
export function tellDifferences({ stack, notes }: ReadySandbox, say: Log): void {
  say(colours.dim(`in the sandbox, otherwise than in Pulumi.${stack}.yaml:`));
  for (const note of notes) say(colours.dim(`  ${note}`));
}
