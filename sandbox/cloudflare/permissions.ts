import { stableId } from "./ids";
import type { ApiTokenRow, TokenPolicy } from "./model";

export type GroupScope = "account" | "zone" | "user" | "bucket";

export interface PermissionGroup {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
}

const scopeNames: Record<GroupScope, string> = {
  account: "com.cloudflare.api.account",
  zone: "com.cloudflare.api.account.zone",
  user: "com.cloudflare.api.user",
  bucket: "com.cloudflare.edge.r2.bucket",
};

/** Names that come as "… Read" and "… Write". */
const pairs: Record<"account" | "zone" | "user", readonly string[]> = {
  account: [
    "Access: Apps and Policies",
    "Access: Organizations, Identity Providers, and Groups",
    "Access: Service Tokens",
    "Account API Tokens",
    "Account Filter Lists",
    "Account Rulesets",
    "Account Settings",
    "Account WAF",
    "Cloudflare Tunnel",
    "Load Balancing: Monitors and Pools",
    "Mass URL Redirects",
    "Notifications",
    "Pages",
    "Queues",
    "Stream",
    "Workers R2 Storage",
    "Workers Scripts",
  ],
  zone: [
    "Cache Settings",
    "Config Settings",
    "Custom Error Rules",
    "Custom Pages",
    "DNS",
    "Dynamic URL Redirects",
    "Health Checks",
    "Load Balancers",
    "Managed headers",
    "Origin",
    "Page Rules",
    "Response Compression",
    "SSL and Certificates",
    "Transform Rules",
    "URL Normalization",
    "Zone",
    "Zone Settings",
    "Zone WAF",
  ],
  user: ["API Tokens", "Memberships", "User Details"],
};

const single: readonly (readonly [string, GroupScope])[] = [
  ["Cache Purge", "zone"],
  ["Workers R2 Storage Bucket Item Read", "bucket"],
  ["Workers R2 Storage Bucket Item Write", "bucket"],
];

/** Ids that are public knowledge; every other group has one derived from its name. */
const knownIds: Readonly<Record<string, string>> = {
  "Workers R2 Storage Bucket Item Read": "6a018a9f2fc74eb6b293b0c548f38b39",
  "Workers R2 Storage Bucket Item Write": "2efd5506f9c8494dacb1fa10a3e7d5b6",
  "Workers R2 Storage Read": "b4992e1108244f5d8bfbd5744320c2e1",
  "Workers R2 Storage Write": "bf7481a1826f439697cb59a20b22293e",
  "Stream Write": "714f9c13a5684c2885a793f5edb36f59",
  "Stream Read": "de21485a24744b76a004aa153898f7fe",
  "Zone Settings Write": "3030687196b94b638145a3953da2b699",
  "Zone Read": "c8fed203ed3043cba015a93ad1616f1f",
  "SSL and Certificates Write": "c03055bc037c4ea9afb9a9f104b7b721",
  "Cache Settings Write": "9ff81cbbe65c400b97d92c3c1033cab6",
  "Access: Apps and Policies Write": "1e13c5124ca64b72b1969a67e8829049",
};

export const permissionGroups: readonly PermissionGroup[] = [
  ...Object.entries(pairs).flatMap(([scope, names]) =>
    names.flatMap((name) => ["Read", "Write"].map((verb) => group(`${name} ${verb}`, scope as GroupScope))),
  ),
  ...single.map(([name, scope]) => group(name, scope)),
];

function group(name: string, scope: GroupScope): PermissionGroup {
  return { id: knownIds[name] ?? stableId(`permission group ${name}`), name, scopes: [scopeNames[scope]] };
}

const groupById = new Map(permissionGroups.map((entry) => [entry.id, entry]));

export function groupOf(id: string): PermissionGroup | undefined {
  return groupById.get(id);
}

/** What a request touches. */
export type Target =
  | { readonly kind: "account"; readonly account: string }
  | { readonly kind: "zone"; readonly account: string; readonly zone: string }
  | { readonly kind: "user"; readonly user: string };

/** Whether a token's policies give one of these groups on the target. A matching `deny` wins. */
export function allows(token: ApiTokenRow, groupNames: readonly string[], target: Target): boolean {
  const matching = token.policies.filter(
    (policy) =>
      policy.permission_groups.some(({ id }) => {
        const found = groupOf(id);
        return (
          found !== undefined &&
          groupNames.includes(found.name) &&
          found.scopes.includes(scopeNames[target.kind])
        );
      }) && covers(policy.resources, target),
  );
  return matching.length > 0 && matching.every(({ effect }) => effect === "allow");
}

/** Whether a token's policies give one of these groups on the objects of a bucket. A matching `deny` wins. */
export function allowsBucket(
  token: ApiTokenRow,
  groupNames: readonly string[],
  account: string,
  { name, jurisdiction }: { readonly name: string; readonly jurisdiction: string },
): boolean {
  const wanted = [`${scopeNames.bucket}.${account}_${jurisdiction}_${name}`, `${scopeNames.bucket}.*`];
  const matching = token.policies.filter(
    ({ permission_groups, resources }) =>
      permission_groups.some(({ id }) => groupNames.includes(groupOf(id)?.name ?? "")) &&
      Object.entries(resources).some(([key, value]) =>
        typeof value === "string"
          ? wanted.includes(key)
          : key === `${scopeNames.account}.${account}` &&
            Object.keys(value).some((inner) => wanted.includes(inner)),
      ),
  );
  return matching.length > 0 && matching.every(({ effect }) => effect === "allow");
}

function covers(resources: TokenPolicy["resources"], target: Target): boolean {
  return Object.entries(resources).some(([key, value]) => {
    if (target.kind === "user") return key === `${scopeNames.user}.${target.user}`;
    const account = key === `${scopeNames.account}.${target.account}` || key === `${scopeNames.account}.*`;
    if (target.kind === "account") return account && value === "*";
    const isZone = (name: string): boolean =>
      name === `${scopeNames.zone}.${target.zone}` || name === `${scopeNames.zone}.*`;
    return typeof value === "string" ? isZone(key) : account && Object.keys(value).some(isZone);
  });
}

/** What kind of thing a resource key names, or undefined where it is none that exists. */
export function resourceKind(key: string): { scope: GroupScope; id: string } | undefined {
  for (const scope of ["bucket", "zone", "user", "account"] as const) {
    const prefix = `${scopeNames[scope]}.`;
    if (key.startsWith(prefix)) return { scope, id: key.slice(prefix.length) };
  }
  return undefined;
}

export function scopeName(scope: GroupScope): string {
  return scopeNames[scope];
}
