import Table from "cli-table3";
import colours from "picocolors";
import { UserError } from "../common/user-error";
import type { Settings } from "../platform/settings";
import { readSettings } from "../platform/settings";
import type { ReadySandbox } from "../sandbox/bring-up";
import { publishSites } from "../sandbox/publish-sites";
import { type Visit, typedAddress, visit } from "../sandbox/visit";
import type { CommandContext } from "./command";
import { openInSandbox } from "./open";
import { runAndTell } from "./run";

/**
 * Previews an environment in its sandbox, brings it up where something is to change, publishes its sites, asks each of
 * its addresses as a visitor would, and prints what there is.
 *
 * @throws UserError when an address does not answer in the end.
 */
export async function bringUpInSandbox(ready: ReadySandbox, context: CommandContext): Promise<void> {
  const { say } = context;
  for (const note of ready.notes) say(colours.dim(`sandbox: ${note}`));
  const settings = await readSettings(ready.configFile, ready.stack);
  const environment = await openInSandbox(ready);
  const { unchanged } = await runAndTell(environment, "preview", context);
  if (!unchanged) await runAndTell(environment, "up", context);
  await publishSites(ready, settings, say);
  const visits = await Promise.all(addressesOf(settings).map((url) => visit(url, ready.record)));
  tell(ready, settings, visits, context);
  const silent = visits.filter(({ status }) => status === undefined || status >= 500);
  if (silent.length === 0) return;
  throw new UserError({
    what: "an address does not answer",
    value: silent
      .map(({ url, status, problem }) => `${url} (${problem ?? `status ${status ?? 0}`})`)
      .join(", "),
    next: `look at ${ready.folder.logFile}, and at the services: groundwork sandbox status -s ${ready.stack}`,
  });
}

/** What a visitor would type: each site, each health path of each origin. */
function addressesOf({ sites, origins }: Settings): string[] {
  const ofSites = Object.values(sites).flatMap(({ hostnames }) =>
    hostnames.map((name) => `https://${name}/`),
  );
  const ofOrigins = Object.values(origins).flatMap((origin) => {
    if (origin.kind !== "compose") return [];
    const paths = Object.values(origin.services).flatMap(({ healthPath }) => healthPath ?? []);
    return origin.hostnames.flatMap((name) => paths.map((path) => `https://${name}${path}`));
  });
  return [...ofSites, ...ofOrigins];
}

function tell(
  { record, stack }: ReadySandbox,
  settings: Settings,
  visits: readonly Visit[],
  { print }: CommandContext,
): void {
  const addresses = new Table({ head: ["address", "answers", "took"], style: { head: [], border: [] } });
  for (const { url, status, milliseconds, problem } of visits) {
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
  print("what next:");
  const named = visits.find(({ url }) => !new URL(url).hostname.endsWith(".localhost"));
  if (named !== undefined) {
    const { hostname } = new URL(named.url);
    print(
      `  curl --cacert ${record.edge.caFile} --connect-to ${hostname}:443:127.0.0.1:${record.edge.httpsPort} ${named.url}`,
    );
  }
  print(`  the drawing of the environment: ${record.page.url}`);
  print(`  a plain pulumi: eval "$(npx groundwork sandbox env -s ${stack})" && pulumi stack -s ${stack}`);
  print(`  remove everything: npx groundwork sandbox destroy -s ${stack}`);
}
