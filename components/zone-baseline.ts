import * as pulumi from "@pulumi/pulumi";

export type ZonePlan = "free" | "pro" | "business" | "enterprise";

/** HTTP Strict Transport Security: browsers refuse plain HTTP for `maxAgeSeconds` after each visit. */
export interface HstsArgs {
  /** @default true */
  readonly enabled?: boolean;
  /** Seconds. Browsers remember it; it cannot be taken back quickly. @default 15552000, half a year */
  readonly maxAgeSeconds?: number;
  /** @default false */
  readonly includeSubdomains?: boolean;
  /** Asks for the browsers' built-in list; needs a year and all subdomains. @default false */
  readonly preload?: boolean;
  /** Sends `X-Content-Type-Options: nosniff`. @default true */
  readonly nosniff?: boolean;
}

/** A host that answers nothing but a redirect to another, with path and query kept. */
export interface HostRedirect {
  readonly from: string;
  readonly to: string;
  /** @default 301 */
  readonly statusCode?: 301 | 302 | 307 | 308;
}

/** The one rate limit of the free plan: requests of one address to paths that start so, in 10 seconds. */
export interface RateLimit {
  /** Such as `/api/auth/`. */
  readonly pathPrefix: string;
  readonly requestsPer10Seconds: number;
}

/** A firewall rule of one's own. */
export interface FirewallRule {
  /** Stable, unique: the rule's identity across changes. */
  readonly ref: string;
  readonly expression: string;
  readonly action: "block" | "managed_challenge" | "js_challenge" | "challenge";
  readonly description?: string;
}

/** A cache rule. Times are in seconds. */
export interface CacheRule {
  /** Stable, unique. */
  readonly ref: string;
  readonly expression: string;
  /** False keeps matching requests out of the cache. */
  readonly cache: boolean;
  /** Seconds at the edge; at least 7200 on the free plan. @default what the origin says */
  readonly edgeTtl?: number;
  /** Seconds in the browser. @default what the origin says */
  readonly browserTtl?: number;
}

/** A further DNS record of the zone: mail, verification, certificate authorities. */
export interface ZoneRecord {
  /** Full host name. */
  readonly name: string;
  readonly type: "A" | "AAAA" | "CNAME" | "TXT" | "MX" | "CAA";
  /** For CAA: `0 issue letsencrypt.org`. */
  readonly content: pulumi.Input<string>;
  /** For MX. @default 10 */
  readonly priority?: number;
  /** Seconds; 1 = automatic. @default 1 */
  readonly ttl?: number;
  /** @default false */
  readonly proxied?: boolean;
}

/** Arguments of {@link ZoneBaseline}. Settings exist once a zone: one stack only may own them. */
export interface ZoneBaselineArgs {
  readonly zoneId: pulumi.Input<string>;
  /** Name of the zone, such as `example.com`. */
  readonly zoneName: string;
  /** What the plan does not offer is refused before any call. @default "free" */
  readonly plan?: ZonePlan;
  /** TLS to the origin. `strict` needs a valid certificate there first. @default "strict" */
  readonly ssl?: "off" | "flexible" | "full" | "strict";
  /** @default "1.2" */
  readonly minTlsVersion?: "1.0" | "1.1" | "1.2" | "1.3";
  /** TLS 1.3; `zrt` with 0-RTT. @default "on" */
  readonly tls13?: "on" | "off" | "zrt";
  /** Redirects HTTP to HTTPS. @default true */
  readonly alwaysUseHttps?: boolean;
  /** @default true */
  readonly automaticHttpsRewrites?: boolean;
  /** @default true; false leaves the setting alone, as newer zones do not let it be edited */
  readonly brotli?: boolean;
  /** @default true */
  readonly websockets?: boolean;
  /** @default true */
  readonly http3?: boolean;
  /** Sends 103 Early Hints. @default not managed */
  readonly earlyHints?: boolean;
  /** @default not managed */
  readonly hsts?: HstsArgs;
  /** Seconds browsers keep files; 0 = as the origin says. @default not managed */
  readonly browserCacheTtl?: number;
  /** Makes Cloudflare show its shared client certificate to the origin. @default not managed */
  readonly authenticatedOriginPulls?: boolean;
  /** Redirect-only hosts; each gets a proxied record of its own. @default [] */
  readonly redirects?: readonly HostRedirect[];
  /** Response headers set at the edge, by name; null removes one. @default {} */
  readonly responseHeaders?: Readonly<Record<string, string | null>>;
  /** The usual security headers (frame, referrer, permissions, content type) besides. @default false */
  readonly securityHeaders?: boolean;
  /** @default none */
  readonly rateLimit?: RateLimit;
  /** At most 5 on the free plan. @default [] */
  readonly firewallRules?: readonly FirewallRule[];
  /** At most 10 on the free plan. @default [] */
  readonly cacheRules?: readonly CacheRule[];
  /** @default not managed */
  readonly dnssec?: boolean;
  /** @default [] */
  readonly records?: readonly ZoneRecord[];
}

/** The settings, rules and further records of a zone. One stack only may own them. */
export class ZoneBaseline extends pulumi.ComponentResource {
  readonly zoneId!: pulumi.Output<string>;
  /** Values of the settings that are managed, by the API's ids. */
  readonly settings!: pulumi.Output<Record<string, unknown>>;

  constructor(name: string, args: ZoneBaselineArgs, opts?: pulumi.ComponentResourceOptions) {
    super("groundwork:index:ZoneBaseline", name, args, opts);
  }
}
