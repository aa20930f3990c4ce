import type { Settings } from "../../platform/settings";
import type { SandboxOptions } from "../record";

/** What a stack needs here besides Cloudflare and a host. */
export interface SandboxNeeds {
  readonly parts: Pick<SandboxOptions, "databases" | "targets" | "ownCertificates" | "proxy" | "backups">;
  /** Whether variables are handed to Fly.io. */
  readonly flyctl: boolean;
  /** What differs from the real world, one line each. */
  readonly notes: readonly string[];
}

/**
 * Reads from a stack's settings what of it runs at somebody else's, and so must have something that stands in.
 *
 * @param uses what its compose files ask for
 */
export function needsOf(
  { databases, origins, tunnels }: Settings,
  uses: { readonly caddy: boolean },
): SandboxNeeds {
  const external = Object.values(origins).filter((origin) => origin.kind === "external");
  const flyctl = external.some(({ platform }) => platform === "fly");
  return {
    parts: {
      databases: Object.entries(databases).flatMap(([name, database]) =>
        database.kind === "external"
          ? [
              {
                name,
                host: database.host,
                aliases: database.poolerHost === undefined ? [] : [database.poolerHost],
                port: database.port,
                adminUser: database.adminUser,
                adminDatabase: database.adminDatabase,
                adminPasswordSecret: database.adminPasswordSecret,
              },
            ]
          : [],
      ),
      proxy:
        uses.caddy ||
        Object.values(origins).some((origin) => "proxy" in origin && origin.proxy !== undefined),
      backups: Object.values(databases).some(({ backups }) => backups !== undefined),
      targets: external.map(({ target, hostnames }) => ({ target, hostnames })),
      ownCertificates: Object.values(origins).flatMap((origin) =>
        (origin.kind === "compose" || origin.kind === "swarm") && !origin.proxied ? origin.hostnames : [],
      ),
    },
    flyctl,
    notes: [
      ...(flyctl
        ? ["flyctl is a stand-in: it keeps the names of variables, and nothing leaves this machine"]
        : []),
      ...(Object.keys(tunnels).length > 0
        ? ["cloudflared is a connector of the sandbox's own, which carries the tunnels' traffic to its edge"]
        : []),
    ],
  };
}
