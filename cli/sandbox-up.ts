import { relative } from "node:path";
import Table from "cli-table3";
import colours from "picocolors";
import type { Environment } from "../automation/environment";
import type { Log } from "../common/log";
import { UserError } from "../common/user-error";
import type { Settings } from "../platform/settings";
import { readSettings } from "../platform/settings";
import { addressesOf } from "../platform/public-addresses";
import { visitAddress } from "../sandbox/addresses";
import type { ReadySandbox } from "../sandbox/bring-up";
import { standInsOf } from "../sandbox/host/stand-ins";
import { publishSites } from "../sandbox/publish-sites";
import { type Visit, typedAddress } from "../sandbox/visit";
import { sampleImage } from "../examples/streampai/image";
import { checkAccessAfterUp } from "./access-after-up";
import type { CommandContext } from "./command";
import { attackAfterUp } from "./db/attack";
import { imageNotes } from "./image-notes";
import { type SandboxRequest, inSandbox } from "./in-sandbox";
import { chosen, workingFolder } from "./open";
import { runAndTell } from "./run";

/** Commands named under "what next", as the user would type them after the command at hand. */
export interface NextCommands {
  readonly remove: string;
  /** Left out where the command at hand has no such option. */
  readonly open?: string;
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
  nextCommands: NextCommands = { remove: `npx groundwork sandbox destroy ${chosen(request.stack)}` },
): Promise<ReadySandbox> {
  return inSandbox(request, `bring ${request.stack} up`, context, async (ready, environment) => {
    await bringUp(ready, environment, context, nextCommands);
    return ready;
  });
}

async function bringUp(
  ready: ReadySandbox,
  environment: Environment,
  context: CommandContext,
  nextCommands: NextCommands,
): Promise<void> {
  const { say, signal } = context;
  tellDifferences(ready, say);
  const settings = await readSettings(ready.configFile, ready.stack);
  const { unchanged, told } = await runAndTell(environment, "preview", context);
  const { done } = unchanged
    ? { done: new Set<string>() }
    : await runAndTell(environment, "up", context, { expected: told });
  signal.throwIfAborted();
  await publishSites(ready, settings, say);
  signal.throwIfAborted();
  if (!unchanged) await attackAfterUp(environment, settings, context);
  await checkAccessAfterUp(environment, settings, { done }, context);
  for (const note of imageNotes(settings, [sampleImage()], standInsOf(ready.folder.host))) say(note);
  const headers = await environment.accessHeaders({ settings });
  const visits = await Promise.all(
    addressesOf(settings).map((address) => visitAddress(address, ready, headers)),
  );
  tell(ready, settings, visits, context, nextCommands);
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

function tell(
  { record, stack }: ReadySandbox,
  settings: Settings,
  visits: readonly Visit[],
  { print }: CommandContext,
  { open, remove }: NextCommands,
): void {
  const addresses = new Table({ head: ["address", "answers", "took"], style: { head: [], border: [] } });
  for (const { url, problem, status, milliseconds } of visits) {
    addresses.push([typedAddress(url, record), problem ?? String(status), `${milliseconds} ms`]);
  }
  print(addresses.toString());
  const databases = Object.values(settings.databases);
  if (databases.length > 0) {
    const roles = new Table({ head: ["database", "role", "may"], style: { head: [], border: [] } });
    for (const {
      database,
      roles: { migrator, app },
    } of databases) {
      roles.push([database, migrator, "own the schema, run migrations"]);
      roles.push([database, app, "select, insert, update, delete; nothing else"]);
    }
    print(roles.toString());
  }
  print(colours.bold("what next:"));
  for (const [what, command] of nextSteps(record, stack, visits, open, remove)) {
    print(`  ${what.padEnd(24)} ${colours.cyan(command)}`);
  }
}

function nextSteps(
  record: ReadySandbox["record"],
  stack: string,
  visits: readonly Visit[],
  open: string | undefined,
  remove: string,
): [what: string, command: string][] {
  const [first] = visits;
  const below = relative(process.cwd(), record.edge.caFile);
  const caFile = below.startsWith("..") ? record.edge.caFile : below;
  const local = visits.map(({ url }) => ({ url, typed: typedAddress(url, record) }));
  const openable = local.find(({ url, typed }) => url !== typed)?.typed;
  return [
    ...(openable === undefined
      ? []
      : ([["open it in a browser", `${openable}  (it warns: the certificate is the sandbox's own)`]] as [
          string,
          string,
        ][])),
    ...(first === undefined
      ? []
      : ([["ask an address", curlCommand(first, record, caFile)]] as [string, string][])),
    ["see it drawn", open === undefined ? record.page.url : `${open}  (${record.page.url})`],
    [
      "use a plain pulumi",
      `eval "$(npx groundwork sandbox env ${chosen(stack)})" && pulumi preview -s ${stack}${workingFolder()}`,
    ],
    ["remove everything", remove],
  ];
}

/** A command that asks for an address as it stands in the stack file, or by its name below `.localhost`. */
function curlCommand({ url, port }: Visit, { edge }: ReadySandbox["record"], caFile: string): string {
  const { hostname } = new URL(url);
  const typed = typedAddress(url, { edge });
  if (typed !== url) return `curl --cacert ${caFile} ${typed}`;
  return `curl --cacert ${caFile} --connect-to ${hostname}:443:127.0.0.1:${port ?? edge.httpsPort} ${url}`;
}
