/** What a stack's deploy token must be allowed, by the names of Cloudflare's permission groups. Pure. */
import type { Settings } from "../../platform/settings";

/** One permission, and what in the settings needs it. */
export interface NeededPermission {
  /** A permission group, such as `DNS Write`. */
  readonly name: string;
  /** On the whole account, or on the stack's zone. */
  readonly scope: "account" | "zone";
  readonly because: readonly string[];
}

/**
 * The permissions that a stack's settings need, each once, those of the account first.
 *
 * @example
 * neededPermissions(settings).map(({ name }) => name); // ["Pages Write", "DNS Write"]
 */
export function neededPermissions(settings: Settings): NeededPermission[] {
  const found = new Map<string, { name: string; scope: "account" | "zone"; because: string[] }>();
  const need = (scope: "account" | "zone", name: string, because: readonly string[]): void => {
    if (because.length === 0) return;
    const known = found.get(name) ?? { name, scope, because: [] };
    known.because.push(...because.filter((each) => !known.because.includes(each)));
    found.set(name, known);
  };
  const { access, buckets, cloudflare, databases, sites, tokens, tunnels, zone } = settings;
  const named = (part: string, map: Readonly<Record<string, unknown>>) =>
    Object.keys(map).map((name) => `${part}.${name}`);
  const some = <T>(part: string, map: Readonly<Record<string, T>>, has: (value: T) => boolean) =>
    Object.entries(map).flatMap(([name, value]) => (has(value) ? [`${part}.${name}`] : []));

  need("account", "Pages Write", named("sites", sites));
  need("account", "Workers R2 Storage Write", named("buckets", buckets));
  need(
    "account",
    "Queues Write",
    some("buckets", buckets, ({ notifications }) => notifications.some(({ queue }) => queue !== undefined)),
  );
  need("account", "Account API Tokens Write", [
    ...named("tokens", tokens),
    ...some("buckets", buckets, ({ consumers }) => Object.keys(consumers).length > 0),
    ...some("databases", databases, ({ backups }) => backups?.bucket !== undefined),
  ]);
  need("account", "Cloudflare Tunnel Write", named("tunnels", tunnels));
  if (access !== undefined) {
    need("account", "Access: Apps and Policies Write", ["access"]);
    need("account", "Access: Service Tokens Write", ["access"]);
    const made = [
      ...(access.oneTimePin && access.oneTimePinProviderId === undefined ? ["access.oneTimePin"] : []),
      ...(access.github !== undefined && access.github.identityProviderId === undefined
        ? ["access.github"]
        : []),
    ];
    need("account", "Access: Organizations, Identity Providers, and Groups Write", made);
  }
  need("zone", "DNS Write", [
    ...some("sites", sites, ({ hostnames }) => hostnames.length > 0),
    ...some("origins", settings.origins, (origin) => origin.kind !== "tunnel" && origin.hostnames.length > 0),
    ...named("tunnels", tunnels),
    ...(zone !== undefined &&
    (zone.records.length > 0 || zone.redirects.length > 0 || zone.dnssec !== undefined)
      ? ["zone"]
      : []),
  ]);
  need(
    "zone",
    "SSL and Certificates Write",
    some(
      "origins",
      settings.origins,
      (origin) => "originCertificate" in origin && origin.originCertificate !== undefined,
    ),
  );
  if (zone !== undefined) {
    need("zone", "Zone Settings Write", ["zone"]);
    const headers = zone.securityHeaders || Object.keys(zone.responseHeaders).length > 0;
    need("zone", "Dynamic URL Redirects Write", zone.redirects.length > 0 ? ["zone.redirects"] : []);
    need("zone", "Transform Rules Write", headers ? ["zone.responseHeaders"] : []);
    need("zone", "Zone WAF Write", [
      ...(zone.firewallRules.length > 0 ? ["zone.firewallRules"] : []),
      ...(zone.rateLimit === undefined ? [] : ["zone.rateLimit"]),
    ]);
    need("zone", "Cache Settings Write", zone.cacheRules.length > 0 ? ["zone.cacheRules"] : []);
  }
  if (cloudflare.zoneId === undefined)
    need("zone", "Zone Read", ["cloudflare.zoneId is looked up by the domain"]);
  return [...found.values()].sort(
    (one, other) => Number(one.scope === "zone") - Number(other.scope === "zone"),
  );
}
