import type { OriginProxyArgs } from "../app-origin";
import { type CaddyfileSpec, internalPorts, proxyPorts, type Upstream } from "./caddyfile";
import { cloudflareNetworks } from "./cloudflare-networks";
import { edgeNetwork, edgeNetworkKey } from "./colour-file";
import type { DeployedArgs } from "./overrides";
import type { RollingService } from "./rollout-input";
import { parseRoute, routeMatches, byPrecedence } from "./routes";

/** Caddy of its own version: 2.11 is the first that follows a file without a reload and keeps sockets. */
export const defaultProxyImage = "caddy:2.11.2";

/** Seconds that a rolling service gets for what is in flight unless it says otherwise. */
const defaultDrain = 30;

/** Services that are replaced beside their predecessor. Those without a port are mistakes, which are told elsewhere. */
export function rollingServices(args: DeployedArgs): RollingService[] {
  return Object.entries(args.services).flatMap(([service, spec]) =>
    spec.strategy !== "start-first" || spec.port === undefined
      ? []
      : [
          {
            service,
            port: spec.port,
            path: spec.healthPath,
            drain: spec.drainSeconds ?? defaultDrain,
            replicas: spec.replicas ?? 1,
          },
        ],
  );
}

/** Where the proxy's certificate comes from. */
export function proxyTls(args: DeployedArgs): NonNullable<OriginProxyArgs["tls"]> {
  if (args.proxy?.tls !== undefined) return args.proxy.tls;
  if (args.kind === "tunnel") return "none";
  return args.originCertificate === undefined ? "automatic" : "origin-certificate";
}

/** Which service answers what: as written, else everything to the only rolling service. */
export function proxyRoutes(args: DeployedArgs): Readonly<Record<string, string>> {
  if (args.proxy?.routes !== undefined) return args.proxy.routes;
  const [only, ...more] = rollingServices(args);
  return only === undefined || more.length > 0 ? {} : { "/*": only.service };
}

/** The service that answers a path of a host name; undefined where none does. */
export function serviceAt(args: DeployedArgs, hostname: string, path: string): string | undefined {
  return Object.entries(proxyRoutes(args))
    .map(([key, service]) => ({ ...parseRoute(key), service }))
    .sort(byPrecedence)
    .find((route) => routeMatches(route, hostname, path))?.service;
}

/** All that the proxy leads to: rolling services, and others that a route names. */
export function proxyUpstreams(args: DeployedArgs): Upstream[] {
  const rolling = rollingServices(args).map(({ service, port }) => ({ service, port, rolling: true }));
  const routed = [...new Set(Object.values(proxyRoutes(args)))].sort().flatMap((service) => {
    const port = args.services[service]?.port;
    if (port === undefined || rolling.some((other) => other.service === service)) return [];
    return [{ service, port, rolling: false }];
  });
  return [...rolling, ...routed];
}

/** What the Caddyfile is made of. `certificate` changes with the origin certificate. */
export function caddyfileSpec(args: DeployedArgs, certificate: string | undefined): CaddyfileSpec {
  const { proxy = {} } = args;
  const hostnames = args.kind === "compose" ? args.hostnames : [];
  const networks = proxy.cloudflareNetworks ?? cloudflareNetworks;
  const behindCloudflare = args.kind === "compose" && (args.proxied ?? true);
  return {
    tls: proxyTls(args),
    hostnames,
    httpsPort: proxy.httpsPort ?? proxyPorts.https,
    upstreams: proxyUpstreams(args),
    routes: proxyRoutes(args),
    headers: proxy.headers ?? {},
    // The connector of a tunnel is a container beside the proxy.
    trusted: args.kind === "tunnel" ? ["private_ranges"] : behindCloudflare ? networks : [],
    onlyFrom: proxy.cloudflareOnly === true ? networks : undefined,
    email: proxy.email,
    graceSeconds: Math.max(defaultDrain, ...rollingServices(args).map(({ drain = 0 }) => drain)),
    certificate,
  };
}

/** Ports of the host that the proxy takes, with the port inside; none behind a tunnel. */
export function proxyPublished(args: DeployedArgs): readonly (readonly [host: number, inside: number])[] {
  const { proxy = {} } = args;
  if (args.kind === "tunnel") return [];
  const http = [proxy.httpPort ?? 80, proxyPorts.http] as const;
  return proxyTls(args) === "none" ? [http] : [http, [proxy.httpsPort ?? 443, proxyPorts.https]];
}

/**
 * The proxy's environment. At each request Caddy reads the file with its upstream into a new buffer of 1 MiB (2.11.2, replacer.go),
 * which at the collector's own pace is cleared away every dozen of requests: a third of the proxy's work, and what made the slowest
 * requests. So four times as much as is in use may gather first; where memory is short, Caddy itself sets its limit (nine tenths of it).
 */
export const proxyEnvironment = { XDG_DATA_HOME: "/data", XDG_CONFIG_HOME: "/data/config", GOGC: "400" };

/** The compose file of the proxy's project; paths are relative to the project's folder on the host. */
export function proxyComposeFile(project: string, args: DeployedArgs): string {
  const { proxy = {} } = args;
  const caddy = {
    image: proxy.image ?? defaultProxyImage,
    command: ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"],
    restart: "unless-stopped",
    ports: [
      ...proxyPublished(args).map(([host, inside]) => `${host}:${inside}`),
      // For the host alone, which asks for a release's health there.
      `127.0.0.1::${proxyPorts.gate}`,
    ],
    environment: proxyEnvironment,
    volumes: [
      // Folders, not files: a file that is replaced by another would not be seen inside.
      "./proxy/config:/etc/caddy:ro",
      "./proxy/upstreams:/upstreams:ro",
      "./certificates:/certificates:ro",
      "data:/data",
    ],
    networks: [edgeNetworkKey],
    // The same for all: another definition would be another container, without which nobody is answered.
    stop_grace_period: "60s",
  };
  return `${JSON.stringify({ services: { caddy }, networks: edgeNetwork(project), volumes: { data: {} } }, null, 2)}\n`;
}

/** Where containers beside the proxy reach a rolling service without losing a request: `http://caddy:<port>`. */
export function internalAddress(args: DeployedArgs, service: string): string | undefined {
  const upstream = internalPorts(proxyUpstreams(args)).find((other) => other.service === service);
  return upstream && `http://caddy:${upstream.port}`;
}
