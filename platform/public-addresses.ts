import type { Settings } from "./settings";

/** An address that an environment has, and how a visitor comes to it. */
export interface Address {
  readonly url: string;
  /** `edge`: through Cloudflare, also where a tunnel follows; `host`: straight to the host, as its record is not proxied. */
  readonly way: "edge" | "host";
}

/** What a visitor would type: each site, each health path of each origin, each host name of a tunnel. */
export function addressesOf({ sites, origins, tunnels }: Settings): Address[] {
  const ofSites = Object.values(sites).flatMap(({ hostnames }) => atPaths(hostnames, ["/"], "edge"));
  const ofOrigins = Object.values(origins).flatMap((origin) => {
    if (origin.kind === "tunnel") return [];
    if (origin.kind === "external") return atPaths(origin.hostnames, [origin.healthPath ?? "/"], "edge");
    const paths = Object.values(origin.services).flatMap(({ healthPath }) => healthPath ?? []);
    return atPaths(origin.hostnames, paths, origin.proxied ? "edge" : "host");
  });
  const ofTunnels = Object.entries(tunnels).flatMap(([name, { ingress }]) => {
    const behind = Object.values(origins).flatMap((origin) =>
      origin.kind === "tunnel" && origin.tunnel === name ? Object.entries(origin.services) : [],
    );
    return Object.entries(ingress).flatMap(([hostname, rule]) => {
      const address = typeof rule === "string" ? rule : rule.service;
      const service = /^[a-z]+:\/\/([^:/]+)/.exec(address)?.[1];
      const healthPath = behind.find(([key]) => key === service)?.[1].healthPath;
      return atPaths([hostname], [healthPath ?? "/"], "edge");
    });
  });
  return [...ofSites, ...ofOrigins, ...ofTunnels];
}

function atPaths(hostnames: readonly string[], paths: readonly string[], way: Address["way"]): Address[] {
  return hostnames.flatMap((name) => paths.map((path) => ({ url: `https://${name}${path}`, way })));
}
