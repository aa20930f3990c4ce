/** What a token's policies allow. Pure. */
import type { NeededPermission } from "./permissions";

/** A policy as the API tells it. */
export interface TokenPolicy {
  readonly effect: string;
  readonly permission_groups?: readonly { readonly id: string; readonly name?: string }[];
  readonly resources?: Readonly<Record<string, unknown>>;
}

/** The account and the zone that a stack is about. */
export interface TokenTarget {
  readonly accountId: string;
  readonly zoneId: string | undefined;
}

const account = "com.cloudflare.api.account";
const zone = "com.cloudflare.api.account.zone";

/** The permissions that the policies do not give. A matching `deny` wins, and Write includes Read. */
export function missingPermissions(
  needed: readonly NeededPermission[],
  policies: readonly TokenPolicy[],
  target: TokenTarget,
): NeededPermission[] {
  return needed.filter((permission) => {
    const names = [permission.name, permission.name.replace(/ Read$/, " Write")];
    const matching = policies.filter(
      ({ permission_groups: groups = [], resources = {} }) =>
        groups.some(({ name }) => name !== undefined && names.includes(name)) &&
        covers(resources, permission.scope, target),
    );
    return matching.length === 0 || matching.some(({ effect }) => effect !== "allow");
  });
}

function covers(
  resources: Readonly<Record<string, unknown>>,
  scope: NeededPermission["scope"],
  { accountId, zoneId }: TokenTarget,
): boolean {
  return Object.entries(resources).some(([key, value]) => {
    const isAccount = key === `${account}.${accountId}` || key === `${account}.*`;
    if (scope === "account") return isAccount && value === "*";
    const isZone = (name: string) =>
      name === `${zone}.*` || (zoneId !== undefined && name === `${zone}.${zoneId}`);
    if (typeof value === "object" && value !== null) return isAccount && Object.keys(value).some(isZone);
    return isZone(key);
  });
}
