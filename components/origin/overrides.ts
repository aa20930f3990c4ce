import type * as pulumi from "@pulumi/pulumi";
import type { RemoteHost } from "../../remote/host";
import type { ComposeOriginArgs, SwarmOriginArgs, TunnelOriginArgs } from "../app-origin";
import { edgeNetworkKey } from "./colour-file";
import { type ComposeSummary, networksOf, type ServiceOverride, serviceOf } from "./compose-files";
import { hashOf } from "./hash";
import { proxyUpstreams, rollingServices } from "./proxy";

/** An origin that is deployed to a host. */
export type DeployedArgs = (ComposeOriginArgs & { readonly swarm?: SwarmHosts }) | TunnelOriginArgs;

/** The hosts of a swarm, the manager first; it is the deployment's `host` as well. */
export interface SwarmHosts {
  readonly hosts: readonly RemoteHost[];
  /** By which they reach each other, in their order. */
  readonly addresses: readonly pulumi.Input<string>[];
}

/** An origin in a swarm is deployed as one on a single host is, but for what the swarm does: that stands in `swarm`. */
export function deployedArgs(
  args: ComposeOriginArgs | SwarmOriginArgs | TunnelOriginArgs,
): DeployedArgs | undefined {
  if (args.kind !== "swarm") return args;
  const { hosts, advertiseAddresses, ...rest } = args;
  const [host] = hosts;
  if (host === undefined) return undefined;
  const addresses = hosts.map((each, index) => advertiseAddresses?.[index] ?? each.args.address);
  return { ...rest, kind: "compose", host, swarm: { hosts, addresses } };
}

/** Where a container finds the origin certificate and its key. */
const certificateFolder = "/certificates";

/** Values that were inputs. */
export interface KnownValues {
  readonly app: Readonly<Record<string, string>>;
  readonly image: Readonly<Record<string, string | undefined>>;
  readonly own: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly tunnelToken: string | undefined;
  readonly certificate: string | undefined;
}

/**
 * What the second compose file says about each service. Images of the release are not in it: those, and the release's own
 * name, come with the rollout, so that another image changes no file.
 */
export function serviceOverrides(
  args: DeployedArgs,
  summary: ComposeSummary,
  values: KnownValues,
): Record<string, ServiceOverride> {
  const { app, image, own, tunnelToken, certificate } = values;
  const rolling = new Map(rollingServices(args).map((service) => [service.service, service]));
  const behindProxy = new Set(
    args.proxy === undefined ? [] : proxyUpstreams(args).map(({ service }) => service),
  );
  const overrides: Record<string, ServiceOverride> = {};
  for (const [service, spec] of Object.entries(args.services)) {
    const { tls, replicas } = spec;
    const roll = rolling.get(service);
    // A rolling service is told to stop with its whole drain time ahead; the rest is for what it does at its end.
    const grace = roll?.drain === undefined ? spec.drainSeconds : roll.drain + 5;
    const ports = [
      ...(spec.port !== undefined && spec.publish !== undefined ? [`${spec.publish}:${spec.port}`] : []),
      ...(tls?.publish === undefined ? [] : [`${tls.publish}:${tls.port}`]),
    ];
    const usesCertificate = tls !== undefined && certificate !== undefined;
    const { image: written, build } = serviceOf(summary, service);
    const given = image[service];
    overrides[service] = {
      // Compose wants one in its files; the same for every release, as the release's own is laid over it.
      ...(written === undefined && build === undefined && given !== undefined
        ? { image: repositoryOf(given) }
        : {}),
      environment: {
        ...(usesCertificate
          ? {
              TLS_CERT_FILE: `${certificateFolder}/origin.pem`,
              TLS_KEY_FILE: `${certificateFolder}/origin.key`,
            }
          : {}),
        ...app,
        ...own[service],
      },
      ...(ports.length === 0 ? {} : { ports }),
      ...(usesCertificate
        ? {
            volumes: [`./certificates:${certificateFolder}:ro`],
            // A new certificate is read by a new container.
            labels: { "groundwork.certificate": hashOf(certificate) },
          }
        : {}),
      ...(grace === undefined ? {} : { stop_grace_period: `${grace}s` }),
      ...(replicas === undefined ? {} : { scale: replicas }),
      // The colour's own file puts a rolling service there.
      ...(roll === undefined && behindProxy.has(service) ? { networks: withEdge(summary, service) } : {}),
    };
  }
  const migrating = args.migrations?.service;
  if (migrating !== undefined && overrides[migrating] === undefined) {
    overrides[migrating] = { environment: app };
  }
  if (args.kind === "tunnel" && tunnelToken !== undefined) {
    const { service = "cloudflared", image: connectorImage, networks } = args.connector ?? {};
    const existing = service in summary.services;
    const joined = existing ? networksOf(summary, service) : (networks ?? ["default"]);
    const behind = rolling.size > 0 || args.proxy !== undefined;
    overrides[service] = {
      ...overrides[service],
      ...(existing
        ? {}
        : {
            image: connectorImage ?? defaultConnectorImage,
            command: ["tunnel", "--no-autoupdate", "--metrics", connectorMetrics, "run"],
            // Healthy when it is connected; its image holds no other program that could ask.
            healthcheck: {
              test: ["CMD", "cloudflared", "tunnel", "--metrics", connectorMetrics, "ready"],
              interval: "2s",
              timeout: "4s",
              retries: 15,
              start_period: "60s",
            },
            restart: "unless-stopped",
          }),
      ...(behind
        ? { networks: edgeAnd(joined) }
        : existing || networks === undefined
          ? {}
          : { networks: Object.fromEntries(networks.map((network) => [network, {}])) }),
      environment: { ...overrides[service]?.environment, TUNNEL_TOKEN: tunnelToken },
    };
  }
  return overrides;
}

/** Whether a service of the base project is in the proxy's network, which the file then has to name. */
export function usesEdge(overrides: Readonly<Record<string, ServiceOverride>>): boolean {
  return Object.values(overrides).some(
    ({ networks }) => networks !== undefined && edgeNetworkKey in networks,
  );
}

function withEdge(summary: ComposeSummary, service: string): Record<string, object> {
  return edgeAnd(networksOf(summary, service));
}

/** Naming one network takes a service out of the default one, so its own are named as well. */
function edgeAnd(networks: readonly string[]): Record<string, object> {
  return Object.fromEntries([...networks, edgeNetworkKey].map((network) => [network, {}]));
}

/** An image's name without tag and digest. */
export function repositoryOf(image: string): string {
  return image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
}

const defaultConnectorImage = "cloudflare/cloudflared:2025.8.1";
/** Inside of its container only. */
const connectorMetrics = "127.0.0.1:20241";
