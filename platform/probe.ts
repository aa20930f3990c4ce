import type { ProbeInput } from "../components/origin/rollout-input";
import { resolveOverrides } from "./host-access";
import type { ComposeOriginSettings, Settings, TunnelOriginSettings } from "./settings";

/**
 * What is asked while a release of an origin is replaced by hand, as by its stack's own rollout; undefined where nothing
 * is.
 */
export function probeOf(
  settings: Pick<Settings, "tunnels" | "resolve">,
  origin: ComposeOriginSettings | TunnelOriginSettings,
): ProbeInput | undefined {
  if (origin.probe === false) return undefined;
  const rolling = Object.values(origin.services).filter(({ strategy }) => strategy === "start-first");
  const paths = rolling.flatMap(({ healthPath }) => healthPath ?? []);
  const path = origin.probe?.path ?? (paths.length === 1 ? paths[0] : undefined);
  const hostname =
    origin.kind === "compose"
      ? origin.hostnames[0]
      : Object.keys(settings.tunnels[origin.tunnel]?.ingress ?? {})[0];
  if (rolling.length === 0 || path === undefined || hostname === undefined) return undefined;
  return {
    url: `${baseOf(origin, hostname)}${path}`,
    websocket: origin.probe?.websocketPath,
    resolve: resolveOverrides(settings),
    intervalMs: origin.probe?.intervalMilliseconds,
    abortAfter: origin.probe?.abortAfterFailures,
  };
}

function baseOf(origin: ComposeOriginSettings | TunnelOriginSettings, hostname: string): string {
  if (origin.kind === "tunnel" || origin.proxy === undefined) return `https://${hostname}`;
  const { tls, httpPort, httpsPort } = origin.proxy;
  if (tls === "none" && !origin.proxied) return `http://${hostname}${httpPort === 80 ? "" : `:${httpPort}`}`;
  return `https://${hostname}${httpsPort === 443 ? "" : `:${httpsPort}`}`;
}
