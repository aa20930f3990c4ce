/** What the edge needs to know of Access: read anew for each request, so that a change made through the API is in force at once. */
export interface AccessView {
  readonly accountId: string;
  /** Where people log in: `<team>.cloudflareaccess.com`. */
  teamDomain(): string;
  /** How long a login is good for all applications, milliseconds. */
  globalSessionMs(): number;
  /** The application that a host and path belong to, if one does. */
  application(host: string, path: string): AccessApplication | undefined;
  identityProviders(): readonly IdentityProvider[];
  group(id: string): RuleLists | undefined;
  /** The token with these credentials; undefined where they are wrong, expired or switched off. */
  serviceToken(clientId: string, clientSecret: string): ServiceToken | undefined;
}

export interface AccessApplication {
  readonly id: string;
  readonly name: string;
  /** Audience tag of its tokens. */
  readonly aud: string;
  /** `host/path` as in its destinations. */
  readonly uris: readonly string[];
  /** In order of precedence. */
  readonly policies: readonly AccessPolicy[];
  /** Empty: every one of the account. */
  readonly allowedIdps: readonly string[];
  readonly autoRedirect: boolean;
  readonly sessionMs: number;
  /** OPTIONS goes to the origin. */
  readonly preflightBypass: boolean;
  /** What a preflight is answered with, instead of the origin. */
  readonly cors?: CorsHeaders | undefined;
  readonly cookie: { readonly httpOnly: boolean; readonly sameSite: string; readonly path: boolean };
  /** 401 instead of 403 where nothing but a service token could help. */
  readonly serviceAuth401: boolean;
  /** A header that may hold both parts of a service token as JSON. */
  readonly tokenHeader?: string | undefined;
  /** Where somebody goes who has logged in and may not enter. */
  readonly denyUrl?: string | undefined;
  /** Tokens issued up to then are not good any more, milliseconds since 1970. */
  readonly revokedAt?: number | undefined;
}

export interface CorsHeaders {
  readonly allowed_origins?: readonly string[];
  readonly allow_all_origins?: boolean;
  readonly allowed_methods?: readonly string[];
  readonly allow_all_methods?: boolean;
  readonly allowed_headers?: readonly string[];
  readonly allow_all_headers?: boolean;
  readonly allow_credentials?: boolean;
  /** Seconds. */
  readonly max_age?: number;
}

/** One selector and its value, as on the wire: `{ email: { email: "a@b.c" } }`. */
export type Rule = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface RuleLists {
  /** One of them must fit. */
  readonly include: readonly Rule[];
  /** All of them must fit. */
  readonly require: readonly Rule[];
  /** None of them may fit. */
  readonly exclude: readonly Rule[];
}

export interface AccessPolicy extends RuleLists {
  readonly id: string;
  readonly decision: "allow" | "deny" | "non_identity" | "bypass";
  /** Instead of the application's, milliseconds. */
  readonly sessionMs?: number | undefined;
}

export interface IdentityProvider {
  readonly id: string;
  readonly name: string;
  /** `onetimepin`, `github` and those that the sandbox has no stand-in for. */
  readonly type: string;
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
}

export interface ServiceToken {
  readonly id: string;
  readonly clientId: string;
}

/** Somebody who has logged in. */
export interface AccessIdentity {
  readonly email: string;
  readonly idp: { readonly id: string; readonly type: string };
  /** Organisations of GitHub, with the teams in them. */
  readonly organizations: readonly { readonly name: string; readonly teams: readonly string[] }[];
}
