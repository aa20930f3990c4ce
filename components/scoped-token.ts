import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import { componentType, fitName } from "./shared/names";
import { Issues, refuse } from "./shared/validation";

/** What a token may do, on an account or on one zone. */
export interface TokenGrant {
  /** Name of a permission group, such as `Stream Write`, or its id of 32 hex digits. */
  readonly permission: string;
  /** @default the whole account */
  readonly zoneId?: pulumi.Input<string>;
}

/** Arguments of {@link ScopedToken}. */
export interface ScopedTokenArgs {
  readonly accountId: pulumi.Input<string>;
  /** Name shown in the dashboard. @default the component's name */
  readonly tokenName?: string;
  /** At least one. */
  readonly grants: readonly TokenGrant[];
  /** RFC 3339 time. @default never */
  readonly expiresOn?: string;
  /** Networks (CIDR) the token may be used from. @default anywhere */
  readonly allowedNetworks?: readonly string[];
  /** Raise by one to replace the token. @default 1 */
  readonly version?: number;
}

/** Ids of permission groups that are the same in every account. */
const knownGroups: Readonly<Record<string, string>> = {
  "Access: Apps and Policies Write": "1e13c5124ca64b72b1969a67e8829049",
  "Cache Settings Write": "9ff81cbbe65c400b97d92c3c1033cab6",
  "SSL and Certificates Write": "c03055bc037c4ea9afb9a9f104b7b721",
  "Stream Read": "de21485a24744b76a004aa153898f7fe",
  "Stream Write": "714f9c13a5684c2885a793f5edb36f59",
  "Workers R2 Storage Read": "b4992e1108244f5d8bfbd5744320c2e1",
  "Workers R2 Storage Write": "bf7481a1826f439697cb59a20b22293e",
  "Zone Read": "c8fed203ed3043cba015a93ad1616f1f",
  "Zone Settings Write": "3030687196b94b638145a3953da2b699",
};

/**
 * An API token of the Cloudflare account that may do what an application needs, and nothing else.
 *
 * @example
 * // The smallest: live inputs for a streaming application.
 * import { ScopedToken } from "groundwork/components";
 *
 * const token = new ScopedToken("live-inputs", {
 *   accountId: "0000000000000000000000000000ac01",
 *   grants: [{ permission: "Stream Write" }],
 * });
 * export const value = token.value;
 *
 * @example
 * // Everything.
 * import { ScopedToken } from "groundwork/components";
 *
 * export const token = new ScopedToken("edge", {
 *   accountId: "0000000000000000000000000000ac01",
 *   tokenName: "example-edge",
 *   grants: [
 *     { permission: "Stream Read" },
 *     { permission: "Zone Settings Write", zoneId: "000000000000000000000000000020e1" },
 *   ],
 *   expiresOn: "2027-01-31T00:00:00Z",
 *   allowedNetworks: ["203.0.113.0/24"],
 *   version: 2,
 * });
 */
export class ScopedToken extends pulumi.ComponentResource {
  readonly tokenId: pulumi.Output<string>;
  /** Secret. */
  readonly value: pulumi.Output<string>;

  constructor(name: string, args: ScopedTokenArgs, opts?: pulumi.ComponentResourceOptions) {
    super(componentType("ScopedToken"), name, {}, opts);
    refuse(this, "ScopedToken", name, scopedTokenIssues(args));
    const { version = 1 } = args;
    const token = new cloudflare.AccountToken(
      version === 1 ? name : `${name}-v${version}`,
      {
        accountId: args.accountId,
        name: args.tokenName ?? fitName(name, 120),
        policies: args.grants.map((grant) => tokenPolicy(args.accountId, grant, this)),
        ...(args.expiresOn === undefined ? {} : { expiresOn: args.expiresOn }),
        ...(args.allowedNetworks === undefined
          ? {}
          : { condition: { requestIp: { ins: [...args.allowedNetworks] } } }),
      },
      { parent: this },
    );
    this.tokenId = token.id;
    this.value = pulumi.secret(token.value);
    this.registerOutputs({ tokenId: this.tokenId, value: this.value });
  }
}

/** One policy for each grant: a policy's groups must all belong to the kind of thing it is about. */
function tokenPolicy(accountId: pulumi.Input<string>, grant: TokenGrant, parent: pulumi.Resource) {
  const resource =
    grant.zoneId === undefined
      ? pulumi.interpolate`com.cloudflare.api.account.${accountId}`
      : pulumi.interpolate`com.cloudflare.api.account.zone.${grant.zoneId}`;
  return {
    effect: "allow",
    permissionGroups: [{ id: groupId(accountId, grant.permission, parent) }],
    // Compact: the API's own text is what the provider compares with.
    resources: resource.apply((key) => JSON.stringify({ [key]: "*" })),
  };
}

function groupId(
  accountId: pulumi.Input<string>,
  permission: string,
  parent: pulumi.Resource,
): pulumi.Input<string> {
  if (/^[0-9a-f]{32}$/.test(permission)) return permission;
  const known = knownGroups[permission];
  if (known !== undefined) return known;
  const found = cloudflare.getAccountApiTokenPermissionGroupsListOutput({ accountId }, { parent });
  return found.results.apply((groups) => {
    const group = groups.find((candidate) => candidate.name === permission);
    if (group === undefined) {
      throw new pulumi.ResourceError(
        `Cloudflare has no permission group called "${permission}"`,
        parent,
        true,
      );
    }
    return group.id;
  });
}

/** Every mistake in a token's arguments. */
export function scopedTokenIssues(args: ScopedTokenArgs): Issues {
  const issues = new Issues();
  if (args.grants.length === 0) issues.add("grants", "a token that may do nothing is of no use");
  args.grants.forEach(({ permission }, index) => {
    if (permission.trim() === "") issues.add(`grants[${index}].permission`, "is empty");
  });
  issues.check(
    "expiresOn",
    args.expiresOn,
    (value) => !Number.isNaN(Date.parse(value)),
    "is not a time",
    "RFC 3339, such as 2027-01-31T00:00:00Z",
  );
  issues.check(
    "version",
    args.version,
    (value) => Number.isInteger(value) && value >= 1,
    "is not a whole number from 1",
  );
  return issues;
}
