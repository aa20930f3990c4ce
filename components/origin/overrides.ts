import type { ComposeOriginArgs, TunnelOriginArgs } from "../app-origin";
import type { ServiceOverride } from "./compose-files";
import { hashOf } from "./hash";

/** An origin that is deployed to a host. */
export type DeployedArgs = ComposeOriginArgs | TunnelOriginArgs;

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

/** What the second compose file says about each service. */
export function serviceOverrides(
  args: DeployedArgs,
  known: readonly string[],
  values: KnownValues,
): Record<string, ServiceOverride> {
  const { app, image, own, tunnelToken, certificate } = values;
  const overrides: Record<string, ServiceOverride> = {};
  for (const [service, spec] of Object.entries(args.services)) {
    const { tls, drainSeconds, replicas } = spec;
    const ports = [
      ...(spec.port !== undefined && spec.publish !== undefined ? [`${spec.publish}:${spec.port}`] : []),
      ...(tls?.publish === undefined ? [] : [`${tls.publish}:${tls.port}`]),
    ];
    const usesCertificate = tls !== undefined && certificate !== undefined;
    overrides[service] = {
      image: image[service],
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
      ...(drainSeconds === undefined ? {} : { stop_grace_period: `${drainSeconds}s` }),
      ...(replicas === undefined ? {} : { scale: replicas }),
    };
  }
  const migrating = args.migrations?.service;
  if (migrating !== undefined && overrides[migrating] === undefined) {
    overrides[migrating] = { environment: app };
  }
  if (args.kind === "tunnel" && tunnelToken !== undefined) {
    const { service = "cloudflared", image: connectorImage, networks } = args.connector ?? {};
    const existing = known.includes(service);
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
            ...(networks === undefined ? {} : { networks }),
          }),
      environment: { ...overrides[service]?.environment, TUNNEL_TOKEN: tunnelToken },
    };
  }
  return overrides;
}

const defaultConnectorImage = "cloudflare/cloudflared:2025.8.1";
/** Inside of its container only. */
const connectorMetrics = "127.0.0.1:20241";
