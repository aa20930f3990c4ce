import type { ProbeInput } from "../components/origin/rollout-input";
import { byPrecedence, parseRoute, routeMatches } from "../components/origin/routes";
import type { HeadersByHost } from "../components/shared/access-headers";
import { resolveOverrides } from "./host-access";
import type { ComposeOriginSettings, Settings, TunnelOriginSettings } from "./settings";

/**
 * What is asked while a release of an origin is replaced by hand, as by its stack's own rollout; undefined where nothing
 * is.
 *
 * @param headers of requests to a host name, where Access is in front of it
 */
export function probeOf(
  settings: Pick<Settings, "tunnels" | "resolve">,
  origin: ComposeOriginSettings | TunnelOriginSettings,
  headers: HeadersByHost = {},
): ProbeInput | undefined {
  if (origin.probe === false) return undefined;
  const place = probePlace(settings, origin);
  if (place === undefined) return undefined;
  return {
    url: `${baseOf(origin, place.hostname)}${place.path}`,
    headers: headers[place.hostname],
    websocket: origin.probe?.websocketPath,
    resolve: resolveOverrides(settings),
    intervalMs: origin.probe?.intervalMilliseconds,
    abortAfter: origin.probe?.abortAfterFailures,
  };
}

/** The path that is asked: as written, else the health path of a rolling service that answers it. */
function probePlace(
  { tunnels }: Pick<Settings, "tunnels">,
  origin: ComposeOriginSettings | TunnelOriginSettings,
): { readonly hostname: string; readonly path: string } | undefined {
  const rolling = Object.entries(origin.services).filter(([, { strategy }]) => strategy === "start-first");
  const [only] = rolling;
  if (only === undefined) return undefined;
  const hostnames =
    origin.kind === "compose" ? origin.hostnames : Object.keys(tunnels[origin.tunnel]?.ingress ?? {});
  const [first] = hostnames;
  const written = origin.probe === false ? undefined : origin.probe?.path;
  if (first === undefined) return undefined;
  if (written !== undefined) return { hostname: first, path: written };
  const routes = Object.entries(
    origin.proxy?.routes ?? (rolling.length === 1 && origin.kind === "compose" ? { "/*": only[0] } : {}),
  )
    .map(([key, service]) => ({ ...parseRoute(key), service }))
    .sort(byPrecedence);
  for (const hostname of hostnames) {
    for (const [service, { healthPath }] of rolling) {
      if (healthPath === undefined) continue;
      const answers =
        origin.kind === "tunnel"
          ? rolling.length === 1
          : routes.find((route) => routeMatches(route, hostname, healthPath))?.service === service;
      if (answers) return { hostname, path: healthPath };
    }
  }
  return undefined;
}

function baseOf(origin: ComposeOriginSettings | TunnelOriginSettings, hostname: string): string {
  if (origin.kind === "tunnel" || origin.proxy === undefined) return `https://${hostname}`;
  const { tls, httpPort, httpsPort } = origin.proxy;
  if (tls === "none" && !origin.proxied) return `http://${hostname}${httpPort === 80 ? "" : `:${httpPort}`}`;
  return `https://${hostname}${httpsPort === 443 ? "" : `:${httpsPort}`}`;
}
