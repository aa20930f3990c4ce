import { resolve as resolvePath } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import {
  AppOrigin,
  type PostgresWithAppUser,
  type RemoteHost,
  type SecretsVault,
  type Tunnel,
} from "../../components";
import type { HeadersByHost } from "../../components/shared/access-headers";
import type { ExternalOriginSettings, Settings } from "../settings";
import { hasDatabase, onHost } from "../settings/on-host";
import { certificateArgs, deploymentArgs, externalRelease } from "../wiring";
import { type Named, part, type Surroundings } from "./surroundings";

/** What was made before the origins, and is named by them. */
export interface BeforeOrigins {
  readonly hosts: Named<RemoteHost>;
  readonly databases: Named<PostgresWithAppUser>;
  readonly tunnels: Named<Tunnel>;
  readonly vault: SecretsVault | undefined;
  /** What stands in front of host names. */
  readonly behind: Named<readonly pulumi.Resource[]>;
  readonly publicHeaders: pulumi.Output<HeadersByHost> | undefined;
}

type OnHostSettings = Exclude<Settings["origins"][string], ExternalOriginSettings>;

export function makeOrigin(surroundings: Surroundings, name: string, before: BeforeOrigins): AppOrigin {
  const { settings, opts, zoneId } = surroundings;
  const origin = part(settings.origins, name);
  if (origin.kind === "external") return externalOrigin(surroundings, name, origin, before);
  const deployment = deploymentOf(surroundings, name, origin, before);
  if (origin.kind === "tunnel") {
    const connector = { service: part(settings.tunnels, origin.tunnel).connectorService };
    const tunnel = part(before.tunnels, origin.tunnel);
    return new AppOrigin(name, { kind: "tunnel", tunnel, connector, ...deployment }, opts);
  }
  const machines = origin.kind === "swarm" ? origin.hosts : [origin.host];
  const reached = {
    zoneId,
    hostnames: origin.hostnames,
    proxied: origin.proxied,
    behind: before.behind,
    publicAddresses: origin.addresses ?? machines.map((host) => part(settings.hosts, host).address),
    originCertificate: certificateArgs(origin),
  };
  if (origin.kind === "swarm") {
    const { host, ...rest } = deployment;
    const swarm = {
      hosts: machines.map((each, index) => (index === 0 ? host : part(before.hosts, each))),
      advertiseAddresses: machines.map(
        (each) => origin.advertiseAddresses[each] ?? part(settings.hosts, each).address,
      ),
    };
    return new AppOrigin(name, { kind: "swarm", ...reached, ...swarm, ...rest }, opts);
  }
  return new AppOrigin(name, { kind: "compose", ...reached, ...deployment }, opts);
}

function externalOrigin(
  { values, opts, zoneId, resolve }: Surroundings,
  name: string,
  origin: ExternalOriginSettings,
  { behind, databases, publicHeaders }: BeforeOrigins,
): AppOrigin {
  const { plain, secret } = values.variables(["origins", name, "environment"], origin.environment, name);
  return new AppOrigin(
    name,
    {
      kind: "external",
      zoneId,
      hostnames: origin.hostnames,
      proxied: origin.proxied,
      behind,
      target: origin.target,
      resolve,
      environment: plain,
      secrets: secret,
      healthPath: origin.healthPath,
      verify: origin.verify,
      publicHeaders,
      migratedDatabases: migratedBy(databases, [plain, secret]),
      ...externalRelease(origin),
    },
    opts,
  );
}

function deploymentOf(
  { settings, secrets, values, directory }: Surroundings,
  name: string,
  origin: OnHostSettings,
  { databases, hosts, publicHeaders, vault }: BeforeOrigins,
) {
  const single = onHost(origin);
  if (single === undefined) throw new Error(`origins.${name} runs on no host`);
  const args = deploymentArgs(name, single, {
    values,
    secrets,
    databases: settings.databases,
    cloudflareNetworks: settings.cloudflare.networks,
  });
  const { migrations, services } = args;
  const own = Object.entries(settings.databases)
    .filter(([, database]) => hasDatabase(origin, database))
    .map(([databaseName]) => part(databases, databaseName));
  return {
    ...args,
    publicHeaders,
    composeFile: resolvePath(directory, origin.composeFile),
    files: origin.files.map((file) => resolvePath(directory, file)),
    host: part(hosts, single.host),
    vault,
    databases: own,
    migratedDatabases:
      migrations === undefined
        ? []
        : migratedBy(databases, [
            args.environment,
            args.secrets,
            services[migrations.service]?.environment,
            migrations.environment,
          ]).filter((database) => !own.includes(database)),
  };
}

/** Databases whose schema somebody with these variables can change: the migrator's address is among them. */
function migratedBy(
  databases: Named<PostgresWithAppUser>,
  variables: readonly (Readonly<Record<string, pulumi.Input<string>>> | undefined)[],
): PostgresWithAppUser[] {
  const told = variables.flatMap((each) => Object.values(each ?? {}));
  return Object.values(databases).filter(({ migratorUrl }) => told.includes(migratorUrl));
}
