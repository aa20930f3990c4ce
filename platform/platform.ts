import * as cloudflare from "@pulumi/cloudflare";
import type * as pulumi from "@pulumi/pulumi";
import { type ImportList, importing, readImportList } from "./imports";
import { type PlatformOutputs, outputsOf } from "./outputs";
import { behindAccess, headersOfChecks, makeAccess, makeAccessCheck } from "./parts/access";
import { makeBackups, makeDatabase } from "./parts/databases";
import { makeBuckets, makeSite, makeToken, makeTunnel, makeZone } from "./parts/edge";
import { makeHost, makeSecretsVault } from "./parts/hosts";
import { makeOrigin } from "./parts/origins";
import type { Surroundings } from "./parts/surroundings";
import { type LoadedSettings, type Settings, loadSettings } from "./settings";
import { hostnamesOf } from "./settings/references";
import { type Secrets, Values } from "./values";
import { mapValues } from "./wiring";

export type { PlatformOutputs } from "./outputs";

/**
 * The program: reads the running stack's settings and deploys what they describe. `export = deployFromConfig` is a whole
 * project.
 *
 * @param directory the project's folder, where relative paths of its stack files begin. Default: the working directory,
 * which is that folder wherever the engine runs the program by itself.
 */
export function deployFromConfig(directory: string = process.cwd()): Promise<PlatformOutputs> {
  return deploySettings(loadSettings(directory), directory);
}

/** The same with settings that were loaded already. */
export function deploySettings(
  { settings, secrets }: Pick<LoadedSettings, "settings" | "secrets">,
  directory: string,
): Promise<PlatformOutputs> {
  const imports = readImportList(directory, settings.stack, settings.cloudflare);
  return Promise.resolve(deploy(surroundingsOf(settings, secrets, directory, imports)));
}

/**
 * One environment: the components that a stack's settings describe, wired to each other. They are made in an order in
 * which each can name what the earlier ones publish.
 */
function deploy(surroundings: Surroundings): PlatformOutputs {
  const { settings } = surroundings;
  publishAddresses(surroundings);

  const vault = makeSecretsVault(surroundings);
  const hosts = mapValues(settings.hosts, (_host, name) => makeHost(surroundings, name));
  const databases = mapValues(settings.databases, (_database, name) =>
    makeDatabase(surroundings, name, hosts),
  );
  const access = makeAccess(surroundings);
  const behind = behindAccess(surroundings, access);
  const buckets = makeBuckets(surroundings, behind);
  mapValues(settings.tokens, (_token, name) => makeToken(surroundings, name));
  const tunnels = mapValues(settings.tunnels, (_tunnel, name) => makeTunnel(surroundings, name, behind));
  const sites = mapValues(settings.sites, (_site, name) => makeSite(surroundings, name, behind));
  const publicHeaders = headersOfChecks(surroundings, access);
  const before = { hosts, databases, tunnels, vault, behind, publicHeaders };
  const origins = mapValues(settings.origins, (_origin, name) => makeOrigin(surroundings, name, before));
  const zone = makeZone(surroundings, Object.values(origins), behind);
  if (access !== undefined) {
    const releases = mapValues(origins, ({ release }) => release);
    const edge = [access, ...Object.values(origins), ...Object.values(sites)];
    makeAccessCheck(surroundings, access, releases, zone === undefined ? edge : [...edge, zone]);
  }
  const backups = makeBackups(surroundings, { hosts, databases, origins, buckets });

  return outputsOf(settings, { databases, buckets, sites, access, origins, backups });
}

function surroundingsOf(
  settings: Settings,
  secrets: Secrets,
  directory: string,
  imports: Pick<ImportList, "resources" | "leave">,
): Surroundings {
  const { cloudflare: account, domain } = settings;
  const provider = new cloudflare.Provider("cloudflare", {
    apiToken: secrets(account.apiTokenSecret),
    baseUrl: account.apiUrl,
  });
  return {
    settings,
    secrets,
    values: new Values(settings, secrets),
    directory,
    opts: {
      providers: { cloudflare: provider },
      ...(imports.resources.length === 0 ? {} : { transformations: [importing(imports)] }),
    },
    accountId: account.accountId,
    zoneId: account.zoneId ?? lookUpZone(domain, provider),
    resolve: settings.resolve.map(({ host, port, address, targetPort }) => ({
      host,
      port,
      toAddress: address,
      toPort: targetPort,
    })),
    leaves: (path) => imports.leave.includes(path),
  };
}

function lookUpZone(name: string, provider: cloudflare.Provider): pulumi.Output<string> {
  return cloudflare.getZoneOutput({ filter: { name } }, { provider }).apply(({ zoneId, id }) => zoneId ?? id);
}

function publishAddresses({ settings, values, accountId, zoneId }: Surroundings): void {
  for (const kind of ["sites", "origins"] as const) {
    for (const name of Object.keys(settings[kind])) {
      const [hostname] = hostnamesOf(settings, kind, name);
      values.publish(`${kind}.${name}`, { hostname, url: hostname && `https://${hostname}` });
    }
  }
  for (const [name, bucket] of Object.entries(settings.buckets)) {
    values.publish(`buckets.${name}`, { name: bucket.name });
  }
  values.publish("cloudflare", { accountId, zoneId });
}
