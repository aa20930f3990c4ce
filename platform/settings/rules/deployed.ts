/** What several rules ask of origins that run on a host. */
import type { Keys } from "../paths";
import type { ComposeOriginSettings, ServiceSettings, TunnelOriginSettings } from "../schema/origins";
import type { RuleContext } from "./context";
import { onHost } from "../on-host";

export type Deployed = ComposeOriginSettings | TunnelOriginSettings;

/** Origins that run on a host, with their names; of a swarm it is the first one. */
export function deployedOrigins(context: RuleContext): [string, Deployed][] {
  return Object.entries(context.values.origins).flatMap(([name, origin]): [string, Deployed][] => {
    const deployed = onHost(origin);
    return deployed === undefined ? [] : [[name, deployed]];
  });
}

/** Where the certificate of an origin's proxy comes from; undefined where it has no proxy. */
export function tlsOfProxy(origin: Deployed): "automatic" | "origin-certificate" | "none" | undefined {
  if (origin.proxy === undefined) return undefined;
  if (origin.proxy.tls !== undefined) return origin.proxy.tls;
  if (origin.kind === "tunnel") return "none";
  return origin.originCertificate === undefined ? "automatic" : "origin-certificate";
}

/** Ports of the host that an origin's proxy takes, with where that is said. */
export function portsOfProxy(
  name: string,
  origin: Deployed,
): { readonly port: number; readonly keys: Keys }[] {
  const tls = tlsOfProxy(origin);
  if (origin.kind === "tunnel" || origin.proxy === undefined) return [];
  const at = ["origins", name, "proxy"];
  return [
    { port: origin.proxy.httpPort, keys: [...at, "httpPort"] },
    ...(tls === "none" ? [] : [{ port: origin.proxy.httpsPort, keys: [...at, "httpsPort"] }]),
  ];
}

/** Services that start beside their predecessor, with their names. */
export function rollingOf(origin: Deployed): [string, ServiceSettings][] {
  return Object.entries(origin.services).filter(([, { strategy }]) => strategy === "start-first");
}
