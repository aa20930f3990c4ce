import * as pulumi from "@pulumi/pulumi";
import { type AppOrigin, PagesSite, R2Buckets, ScopedToken, Tunnel, ZoneBaseline } from "../../components";
import type { TunnelOriginSettings } from "../settings";
import {
  bucketArgs,
  mapValues,
  siteArgs,
  tokenArgs,
  tunnelRoutes,
  withBackupsConsumer,
  zoneArgs,
} from "../wiring";
import { type Named, part, type Surroundings } from "./surroundings";

export function makeBuckets(
  surroundings: Surroundings,
  behind: Named<readonly pulumi.Resource[]>,
): R2Buckets | undefined {
  const { settings, values, opts, accountId, zoneId, leaves } = surroundings;
  const { buckets, storage, tier } = settings;
  if (Object.keys(buckets).length === 0) return undefined;
  const component = new R2Buckets(
    "buckets",
    {
      accountId,
      zoneId,
      protect: tier === "production",
      behind,
      ...storage,
      buckets: mapValues(withBackupsConsumer(settings), (bucket, name) => {
        const { public: open, ...args } = bucketArgs(bucket);
        return leaves(`buckets.${name}.public`) ? args : { ...args, public: open };
      }),
    },
    opts,
  );
  for (const [name, { consumers }] of Object.entries(buckets)) {
    const { endpoint, host, region, publicUrl } = part(component.buckets, name);
    values.publish(`buckets.${name}`, { endpoint, host, region, publicUrl });
    for (const consumer of Object.keys(consumers)) {
      const { accessKeyId, secretAccessKey } = part(component.credentials, consumer);
      values.publish(`buckets.${name}.${consumer}`, { accessKeyId, secretAccessKey });
    }
  }
  return component;
}

export function makeToken(surroundings: Surroundings, name: string): ScopedToken {
  const { settings, values, opts, accountId, zoneId } = surroundings;
  const { domain, stack, tokens } = settings;
  const component = new ScopedToken(
    name,
    { accountId, tokenName: `${domain} ${stack} ${name}`, ...tokenArgs(part(tokens, name), zoneId) },
    opts,
  );
  values.publish(`tokens.${name}`, { value: component.value, id: component.tokenId });
  return component;
}

export function makeTunnel(
  surroundings: Surroundings,
  name: string,
  behind: Named<readonly pulumi.Resource[]>,
): Tunnel {
  const { settings, secrets, values, opts, accountId, zoneId, leaves } = surroundings;
  const tunnel = part(settings.tunnels, name);
  const origin = Object.values(settings.origins).find(
    (one) => one.kind === "tunnel" && one.tunnel === name,
  ) as TunnelOriginSettings | undefined;
  const { apiTokenSecret, apiUrl } = settings.cloudflare;
  const component = new Tunnel(
    name,
    {
      accountId,
      zoneId,
      tunnelName: tunnel.name ?? `${pulumi.getProject()}-${settings.stack}-${name}`,
      routes: tunnelRoutes(tunnel, origin),
      catchAll: tunnel.catchAll,
      behind,
      ...(leaves(`tunnels.${name}.secret`)
        ? { keepSecret: true }
        : { disconnect: { apiToken: secrets(apiTokenSecret), apiUrl } }),
    },
    opts,
  );
  values.publish(`tunnels.${name}`, { token: component.token, id: component.tunnelId });
  return component;
}

export function makeSite(
  { settings, values, opts, accountId, zoneId }: Surroundings,
  name: string,
  behind: Named<readonly pulumi.Resource[]>,
): PagesSite {
  return new PagesSite(
    name,
    { accountId, zoneId, behind, ...siteArgs(name, part(settings.sites, name), values) },
    opts,
  );
}

/** After the origins: `ssl: strict` before an origin has its certificate would turn every request away. */
export function makeZone(
  { settings, opts, zoneId }: Surroundings,
  origins: readonly AppOrigin[],
  behind: Named<readonly pulumi.Resource[]>,
): ZoneBaseline | undefined {
  const { zone, domain } = settings;
  if (zone === undefined) return undefined;
  const args = { zoneId, zoneName: domain, behind, ...zoneArgs(zone) };
  return new ZoneBaseline("zone", args, { ...opts, dependsOn: [...origins] });
}
