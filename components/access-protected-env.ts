import * as pulumi from "@pulumi/pulumi";

/** Login by GitHub: an OAuth app of one's own, or an identity provider that exists in the account. */
export type GithubLogin =
  | { readonly clientId: pulumi.Input<string>; readonly clientSecret: pulumi.Input<string> }
  | { readonly id: pulumi.Input<string> };

/** Who may enter: one match is enough. At least one entry in all. */
export interface AccessAllow {
  /** @default [] */
  readonly emails?: readonly pulumi.Input<string>[];
  /** Domains of e-mail addresses, without the at sign. @default [] */
  readonly emailDomains?: readonly pulumi.Input<string>[];
  /** Members of GitHub organisations (and of a team in them); needs `github`. @default [] */
  readonly githubOrganizations?: readonly { readonly name: string; readonly team?: string }[];
}

/** A token for machines: monitoring, CI, the verification of a rollout. */
export interface AccessServiceTokenArgs {
  /** How long it is valid, such as `8760h` or `forever`. @default "8760h", a year */
  readonly duration?: string;
  /** Raise by one to get a new secret. @default 1 */
  readonly secretVersion?: number;
}

/** Arguments of {@link AccessProtectedEnv}. */
export interface AccessProtectedEnvArgs {
  readonly accountId: pulumi.Input<string>;
  /** Hosts behind the login, proxied by Cloudflare; one login is good for all of them. */
  readonly hostnames: readonly string[];
  /** What anybody may read, as `host/path`; `/*` at the end means everything below. @default [] */
  readonly publicPaths?: readonly string[];
  readonly allow: AccessAllow;
  /** @default no GitHub login */
  readonly github?: GithubLogin;
  /** A code by e-mail. `"create"` makes the account's only such provider; `{ id }` uses the one that exists. @default none */
  readonly oneTimePin?: "create" | { readonly id: pulumi.Input<string> };
  /** How long a login is good for, such as `24h`. @default "24h" */
  readonly sessionDuration?: string;
  /** Tokens by name; each may enter everything here. @default {} */
  readonly serviceTokens?: Readonly<Record<string, AccessServiceTokenArgs>>;
  /** Name shown on the login page. @default the component's name */
  readonly displayName?: string;
  /** Lets a browser's CORS preflight (OPTIONS) through to the origin. @default true */
  readonly allowPreflight?: boolean;
}

/** A service token's two headers. */
export interface AccessServiceTokenCredentials {
  /** Header `CF-Access-Client-Id`. */
  readonly clientId: string;
  /** Header `CF-Access-Client-Secret`. Secret. */
  readonly clientSecret: string;
}

/** Hosts behind a Cloudflare Access login, with public paths and tokens for machines. */
export class AccessProtectedEnv extends pulumi.ComponentResource {
  /** Ids of the protected applications (one for each five hosts). */
  readonly applicationIds!: pulumi.Output<string[]>;
  /** Audience tags, by which an origin verifies tokens. */
  readonly audiences!: pulumi.Output<string[]>;
  /** Service tokens by name; the client secrets are secret. */
  readonly serviceTokens!: pulumi.Output<Record<string, AccessServiceTokenCredentials>>;

  constructor(name: string, args: AccessProtectedEnvArgs, opts?: pulumi.ComponentResourceOptions) {
    super("groundwork:index:AccessProtectedEnv", name, args, opts);
  }
}
