import * as pulumi from "@pulumi/pulumi";

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

/** A Cloudflare API token of the account that may do what an application needs, and nothing else. */
export class ScopedToken extends pulumi.ComponentResource {
  readonly tokenId!: pulumi.Output<string>;
  /** Secret. */
  readonly value!: pulumi.Output<string>;

  constructor(name: string, args: ScopedTokenArgs, opts?: pulumi.ComponentResourceOptions) {
    super("groundwork:index:ScopedToken", name, args, opts);
  }
}
