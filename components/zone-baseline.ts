import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import { cacheSeconds } from "./shared/cache-seconds";
import { type Behind, before } from "./shared/behind";
import { componentType, slug } from "./shared/names";
import { isHostname, isInZone, isUrlPath, Issues, refuse } from "./shared/validation";
import { isAddress, recordNames } from "./zone/record-names";

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
  /** Shown in the dashboard. @default the ref */
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
  /** Seconds browsers keep files, one of those that Cloudflare takes; 0 = as the origin says. @default not managed */
  readonly browserCacheTtl?: number;
  /** Makes Cloudflare show its shared client certificate to the origin. @default not managed */
  readonly authenticatedOriginPulls?: boolean;
  /** Redirect-only hosts; each gets a proxied record of its own. @default [] */
  readonly redirects?: readonly HostRedirect[];
  /**
   * What must be there before a host name of redirects or records can be reached, and is removed after it: `applications` of
   * {@link AccessProtectedEnv}. @default nothing
   */
  readonly behind?: Behind;
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

/** How many rules of a kind a zone may have on the free plan. */
const freeLimits = { redirects: 10, firewallRules: 5, cacheRules: 10 } as const;

/**
 * The settings, rules and further records of a zone. They exist once a zone, so one stack only may own them. Destroying
 * the stack leaves the settings as they are: Cloudflare has no delete for them.
 *
 * @example
 * // The smallest: TLS verified to the origin, TLS 1.2 or newer, HTTPS only, Brotli, WebSockets.
 * import { ZoneBaseline } from "groundwork/components";
 *
 * export const zone = new ZoneBaseline("zone", {
 *   zoneId: "000000000000000000000000000020e1",
 *   zoneName: "example.com",
 * });
 *
 * @example
 * // Everything.
 * import { ZoneBaseline } from "groundwork/components";
 *
 * export const zone = new ZoneBaseline("zone", {
 *   zoneId: "000000000000000000000000000020e1",
 *   zoneName: "example.com",
 *   plan: "free",
 *   ssl: "strict",
 *   minTlsVersion: "1.2",
 *   tls13: "on",
 *   alwaysUseHttps: true,
 *   automaticHttpsRewrites: true,
 *   brotli: true,
 *   websockets: true,
 *   http3: true,
 *   earlyHints: true,
 *   hsts: { maxAgeSeconds: 31536000, includeSubdomains: true, preload: true },
 *   browserCacheTtl: 0,
 *   authenticatedOriginPulls: true,
 *   redirects: [{ from: "www.example.com", to: "example.com" }],
 *   securityHeaders: true,
 *   responseHeaders: { Server: null, "X-Frame-Options": "SAMEORIGIN" },
 *   rateLimit: { pathPrefix: "/api/auth/", requestsPer10Seconds: 20 },
 *   firewallRules: [{ ref: "no-dotfiles", expression: 'http.request.uri.path contains "/."', action: "block" }],
 *   cacheRules: [{ ref: "api", expression: 'starts_with(http.request.uri.path, "/api/")', cache: false }],
 *   dnssec: true,
 *   records: [{ name: "example.com", type: "CAA", content: "0 issue letsencrypt.org" }],
 * });
 */
export class ZoneBaseline extends pulumi.ComponentResource {
  readonly zoneId: pulumi.Output<string>;
  /** Values of the settings that are managed, by the API's ids. */
  readonly settings: pulumi.Output<Readonly<Record<string, ZoneSettingValue>>>;

  constructor(name: string, args: ZoneBaselineArgs, opts?: pulumi.ComponentResourceOptions) {
    super(componentType("ZoneBaseline"), name, {}, opts);
    refuse(this, "ZoneBaseline", name, zoneBaselineIssues(args));
    const { zoneId } = args;
    const settings = zoneSettings(args);
    for (const [settingId, value] of Object.entries(settings)) {
      new cloudflare.ZoneSetting(`${name}-${settingId}`, { zoneId, settingId, value }, { parent: this });
    }
    for (const { suffix, phase, rules } of zoneRulesets(args)) {
      new cloudflare.Ruleset(
        `${name}-${suffix}`,
        { zoneId, kind: "zone", name: `groundwork ${suffix}`, phase, rules },
        // A zone has one ruleset for each phase, so a replacement needs the old one gone.
        { parent: this, deleteBeforeReplace: true },
      );
    }
    for (const { from } of args.redirects ?? []) {
      // The discard prefix: the redirect answers before anything would be asked of it.
      new cloudflare.DnsRecord(
        `${name}-redirect-${from}`,
        { zoneId, name: from, type: "AAAA", content: "100::", ttl: 1, proxied: true },
        { parent: this, dependsOn: [...before(args.behind, from)] },
      );
    }
    const firsts = new Map<string, cloudflare.DnsRecord>();
    for (const { record, key, aliases } of recordNames(args.records ?? [])) {
      const first = isAddress(record) ? firsts.get(record.name) : undefined;
      const made = new cloudflare.DnsRecord(
        `${name}-record-${key}`,
        { zoneId, ...dnsRecord(record) },
        {
          parent: this,
          aliases: aliases.map((alias) => ({ name: `${name}-record-${alias}` })),
          // A record whose type changes needs the old one gone.
          deleteBeforeReplace: true,
          // An only record that gets company may become the first of them, and another have its address; where it takes the place of a
          // CNAME that has to be gone.
          dependsOn: [...before(args.behind, record.name), ...(first === undefined ? [] : [first])],
        },
      );
      if (first === undefined && isAddress(record)) firsts.set(record.name, made);
    }
    if (args.dnssec !== undefined) {
      new cloudflare.ZoneDnssec(
        `${name}-dnssec`,
        { zoneId, status: args.dnssec ? "active" : "disabled" },
        { parent: this },
      );
    }
    this.zoneId = pulumi.output(zoneId);
    this.settings = pulumi.output(settings);
    this.registerOutputs({ zoneId: this.zoneId, settings: this.settings });
  }
}

/** A setting's value as the API has it. */
export type ZoneSettingValue =
  string | number | { readonly strict_transport_security: Readonly<Record<string, boolean | number>> };

/** The settings by the API's ids, with the API's own values. */
export function zoneSettings(args: ZoneBaselineArgs): Record<string, ZoneSettingValue> {
  const onOff = (value: boolean) => (value ? "on" : "off");
  const { hsts } = args;
  return {
    ssl: args.ssl ?? "strict",
    min_tls_version: args.minTlsVersion ?? "1.2",
    tls_1_3: args.tls13 ?? "on",
    always_use_https: onOff(args.alwaysUseHttps ?? true),
    automatic_https_rewrites: onOff(args.automaticHttpsRewrites ?? true),
    websockets: onOff(args.websockets ?? true),
    http3: onOff(args.http3 ?? true),
    ...((args.brotli ?? true) ? { brotli: "on" } : {}),
    ...(args.earlyHints === undefined ? {} : { early_hints: onOff(args.earlyHints) }),
    ...(args.browserCacheTtl === undefined ? {} : { browser_cache_ttl: args.browserCacheTtl }),
    ...(args.authenticatedOriginPulls === undefined
      ? {}
      : { tls_client_auth: onOff(args.authenticatedOriginPulls) }),
    ...(hsts === undefined
      ? {}
      : {
          // Passed on as it is, so in the API's own spelling, with every member that the API gives back.
          security_header: {
            strict_transport_security: {
              enabled: hsts.enabled ?? true,
              max_age: hsts.maxAgeSeconds ?? 15_552_000,
              include_subdomains: hsts.includeSubdomains ?? false,
              preload: hsts.preload ?? false,
              nosniff: hsts.nosniff ?? true,
            },
          },
        }),
  };
}

type Rules = NonNullable<cloudflare.RulesetArgs["rules"]>;

/** The usual headers of a site that embeds nothing and is embedded nowhere. */
const securityHeaders: Readonly<Record<string, string>> = {
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "strict-origin-when-cross-origin",
  "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
};

/** The entry points of the phases that have rules. Each rule has a stable `ref`. */
export function zoneRulesets(
  args: ZoneBaselineArgs,
): readonly { readonly suffix: string; readonly phase: string; readonly rules: Rules }[] {
  const headers = { ...(args.securityHeaders === true ? securityHeaders : {}), ...args.responseHeaders };
  const { rateLimit } = args;
  const phases = [
    {
      suffix: "redirects",
      phase: "http_request_dynamic_redirect",
      rules: (args.redirects ?? []).map(({ from, to, statusCode = 301 }) => ({
        ref: `redirect-${slug(from)}`,
        description: `${from} to ${to}`,
        expression: `(http.host eq "${from}")`,
        action: "redirect",
        actionParameters: {
          fromValue: {
            statusCode,
            preserveQueryString: true,
            targetUrl: { expression: `concat("https://${to}", http.request.uri.path)` },
          },
        },
        enabled: true,
      })),
    },
    {
      suffix: "headers",
      phase: "http_response_headers_transform",
      rules:
        Object.keys(headers).length === 0
          ? []
          : [
              {
                ref: "response-headers",
                description: "Headers of every response",
                expression: "true",
                action: "rewrite",
                actionParameters: {
                  headers: Object.fromEntries(
                    Object.entries(headers).map(([header, value]) => [
                      header,
                      value === null ? { operation: "remove" } : { operation: "set", value },
                    ]),
                  ),
                },
                enabled: true,
              },
            ],
    },
    {
      suffix: "rate-limit",
      phase: "http_ratelimit",
      rules:
        rateLimit === undefined
          ? []
          : [
              {
                ref: "rate-limit",
                description: `At most ${rateLimit.requestsPer10Seconds} requests in 10 s to ${rateLimit.pathPrefix}`,
                expression: `(starts_with(http.request.uri.path, "${rateLimit.pathPrefix}"))`,
                action: "block",
                ratelimit: {
                  characteristics: ["cf.colo.id", "ip.src"],
                  period: 10,
                  requestsPerPeriod: rateLimit.requestsPer10Seconds,
                  mitigationTimeout: 10,
                },
                enabled: true,
              },
            ],
    },
    {
      suffix: "firewall",
      phase: "http_request_firewall_custom",
      rules: (args.firewallRules ?? []).map(({ ref, expression, action, description = ref }) => ({
        ref,
        description,
        expression,
        action,
        enabled: true,
      })),
    },
    {
      suffix: "cache",
      phase: "http_request_cache_settings",
      rules: (args.cacheRules ?? []).map(({ ref, expression, cache, edgeTtl, browserTtl }) => ({
        ref,
        description: ref,
        expression,
        action: "set_cache_settings",
        actionParameters: {
          cache,
          ...(edgeTtl === undefined ? {} : { edgeTtl: { mode: "override_origin", default: edgeTtl } }),
          ...(browserTtl === undefined
            ? {}
            : { browserTtl: { mode: "override_origin", default: browserTtl } }),
        },
        enabled: true,
      })),
    },
  ];
  return phases.filter(({ rules }) => rules.length > 0);
}

function dnsRecord(record: ZoneRecord) {
  const { name, type, content, ttl = 1, proxied = false, priority } = record;
  if (type === "CAA") {
    const parts = pulumi.output(content).apply((text) => {
      const [flags = "0", tag = "issue", ...value] = text.split(" ");
      return { flags: Number(flags), tag, value: value.join(" ") };
    });
    return { name, type, ttl, data: parts };
  }
  return {
    name,
    type,
    ttl,
    content,
    ...(type === "MX" ? { priority: priority ?? 10 } : {}),
    ...(type === "TXT" || type === "MX" ? {} : { proxied }),
  };
}

/** Every mistake in the arguments. */
export function zoneBaselineIssues(args: ZoneBaselineArgs): Issues {
  const issues = new Issues();
  const { hsts, zoneName, plan = "free", redirects = [], rateLimit } = args;
  issues.check("zoneName", zoneName, isHostname, "is not a domain in lower case");
  issues.check(
    "browserCacheTtl",
    args.browserCacheTtl,
    (value) => cacheSeconds.some((seconds) => seconds === value),
    "is not a number of seconds that Cloudflare takes",
    cacheSeconds.join(", "),
  );
  if (hsts !== undefined) {
    const { maxAgeSeconds = 15_552_000, includeSubdomains = false, preload = false } = hsts;
    if (!Number.isInteger(maxAgeSeconds) || maxAgeSeconds < 0) {
      issues.add("hsts.maxAgeSeconds", "is not a number of seconds", { value: maxAgeSeconds });
    }
    if (preload && !(includeSubdomains && maxAgeSeconds >= 31_536_000)) {
      issues.add("hsts.preload", "needs includeSubdomains and at least 31536000 seconds", {
        value: maxAgeSeconds,
      });
    }
  }
  redirects.forEach(({ from, to }, index) => {
    const at = `redirects[${index}]`;
    issues.check(`${at}.from`, from, isHostname, "is not a full host name in lower case");
    issues.check(`${at}.to`, to, isHostname, "is not a full host name in lower case");
    if (isHostname(from) && !isInZone(from, zoneName))
      issues.add(`${at}.from`, "is outside the zone", { value: from });
    if (from === to) issues.add(at, "redirects to itself", { value: from });
    if (redirects.findIndex((other) => other.from === from) !== index)
      issues.add(`${at}.from`, "is there twice", { value: from });
  });
  if (rateLimit !== undefined) {
    issues.check("rateLimit.pathPrefix", rateLimit.pathPrefix, isUrlPath, "is not a path");
    if (/["\\]/.test(rateLimit.pathPrefix)) issues.add("rateLimit.pathPrefix", "has a quote or backslash");
    if (!Number.isInteger(rateLimit.requestsPer10Seconds) || rateLimit.requestsPer10Seconds < 1) {
      issues.add("rateLimit.requestsPer10Seconds", "is not a whole number from 1", {
        value: rateLimit.requestsPer10Seconds,
      });
    }
  }
  for (const kind of ["firewallRules", "cacheRules"] as const) {
    const rules = args[kind] ?? [];
    rules.forEach(({ ref, expression }, index) => {
      const at = `${kind}[${index}]`;
      if (!/^[A-Za-z0-9_-]{1,64}$/.test(ref)) issues.add(`${at}.ref`, "is not a name", { value: ref });
      if (rules.findIndex((other) => other.ref === ref) !== index)
        issues.add(`${at}.ref`, "is there twice", { value: ref });
      if (expression.trim() === "") issues.add(`${at}.expression`, "is empty");
      if (plan === "free" && / matches /.test(expression)) {
        issues.add(`${at}.expression`, "uses a regular expression, which the free plan does not have");
      }
    });
  }
  if (plan === "free") {
    for (const [kind, limit] of Object.entries(freeLimits) as [keyof typeof freeLimits, number][]) {
      const count = args[kind]?.length ?? 0;
      if (count > limit) issues.add(kind, `are more than the free plan's ${limit}`, { value: count });
    }
    (args.cacheRules ?? []).forEach(({ edgeTtl }, index) => {
      if (edgeTtl !== undefined && edgeTtl < 7200) {
        issues.add(`cacheRules[${index}].edgeTtl`, "is less than the free plan's 7200 seconds", {
          value: edgeTtl,
        });
      }
    });
  }
  const seen = new Set<string>();
  recordNames(args.records ?? []).forEach(({ record, key }, index) => {
    const at = `records[${index}]`;
    issues.check(`${at}.name`, record.name, (value) => isInZone(value, zoneName), "is outside the zone");
    if (record.proxied === true && (record.ttl ?? 1) !== 1) {
      issues.add(`${at}.ttl`, "must be 1 for a proxied record", { value: record.ttl });
    }
    if (seen.has(key)) issues.add(at, "is there twice", { value: key });
    seen.add(key);
  });
  return issues;
}
