/** A zone's settings, records and rules as `groundwork:zone` says them. Pure. */
import { type Described, textIn } from "./described";
import type { Live, LiveRecord, LiveRule, LiveRuleset } from "./live";

const recordTypes = ["A", "AAAA", "CNAME", "TXT", "MX", "CAA"];

/** Settings of the API -> the words for them; each with the values that can be said. */
const choices: readonly (readonly [id: string, key: string, allowed: readonly string[]])[] = [
  ["ssl", "ssl", ["off", "flexible", "full", "strict"]],
  ["min_tls_version", "minTlsVersion", ["1.2", "1.3"]],
  ["tls_1_3", "tls13", ["on", "off", "zrt"]],
];
const switches: readonly (readonly [id: string, key: string])[] = [
  ["always_use_https", "alwaysUseHttps"],
  ["automatic_https_rewrites", "automaticHttpsRewrites"],
  ["brotli", "brotli"],
  ["websockets", "websockets"],
  ["http3", "http3"],
  ["early_hints", "earlyHints"],
  ["tls_client_auth", "authenticatedOriginPulls"],
];

/** @param covered ids of records that other parts make */
export function describeZone(live: Live, covered: ReadonlySet<string>): Described<Record<string, unknown>> {
  const rules = describeRulesets(live);
  const records = describeRecords(live, new Set([...covered, ...(rules.records ?? [])]));
  const settings = describeSettings(live);
  return {
    part: { plan: live.zone.plan, ...settings.part, ...rules.part, ...records.part },
    remarks: [...settings.remarks, ...rules.remarks, ...records.remarks],
  };
}

function describeSettings({ settings, dnssec }: Live): Described<Record<string, unknown>> {
  const part: Record<string, unknown> = {};
  const said = new Set(["security_header", "browser_cache_ttl"]);
  for (const [id, key, allowed] of choices) {
    said.add(id);
    const value = settings[id];
    if (typeof value === "string" && allowed.includes(value)) part[key] = value;
  }
  for (const [id, key] of switches) {
    said.add(id);
    if (settings[id] === "on" || settings[id] === "off") part[key] = settings[id] === "on";
  }
  if (typeof settings["browser_cache_ttl"] === "number")
    part["browserCacheTtl"] = settings["browser_cache_ttl"];
  const hsts = (
    settings["security_header"] as { strict_transport_security?: Record<string, unknown> } | undefined
  )?.strict_transport_security;
  if (hsts?.["enabled"] === true) {
    part["hsts"] = {
      maxAgeSeconds: hsts["max_age"],
      includeSubdomains: hsts["include_subdomains"] === true,
      preload: hsts["preload"] === true,
      nosniff: hsts["nosniff"] === true,
    };
  }
  if (dnssec === "active" || dnssec === "pending") part["dnssec"] = true;
  const others = Object.keys(settings).filter((id) => !said.has(id));
  return {
    part,
    remarks:
      others.length === 0
        ? []
        : [
            `settings of the zone that a stack file has no words for stay as they are: ${others.sort().join(", ")}`,
          ],
  };
}

function describeRecords(live: Live, covered: ReadonlySet<string>): Described<{ records?: unknown[] }> {
  const remarks: string[] = [];
  const records: unknown[] = [];
  for (const record of live.records) {
    if (covered.has(record.id)) continue;
    const name = `DNS record ${record.type} ${record.name}`;
    const keeper = keeperOf(record, live);
    if (keeper !== undefined) {
      remarks.push(`${name}: ${keeper} keeps it`);
    } else if (!recordTypes.includes(record.type)) {
      remarks.push(`${name}: a stack file takes ${recordTypes.join(", ")}`);
    } else {
      records.push(recordOf(record));
    }
  }
  return { part: records.length === 0 ? {} : { records }, remarks };
}

/** A product of Cloudflare's that made the record, and does not let it be changed. */
function keeperOf({ name, meta }: LiveRecord, { buckets }: Live): string | undefined {
  const bucket = buckets.find(({ customDomains }) => customDomains.includes(name));
  if (bucket !== undefined) return `the custom domain of R2 bucket ${bucket.name}`;
  if (meta?.["r2_bucket"] !== undefined) return "the custom domain of an R2 bucket";
  if (meta?.["email_routing"] === true) return "Email Routing";
  return meta?.["read_only"] === true ? "another product of Cloudflare's" : undefined;
}

function recordOf({ name, type, content, ttl, proxied, priority, data }: LiveRecord): unknown {
  const { flags = 0, tag = "issue", value = "" } = data ?? {};
  const caa = [flags, tag, value].map((part) => (typeof part === "number" ? String(part) : part)).join(" ");
  return {
    name,
    type,
    content: type === "CAA" ? caa : content,
    ...(type === "MX" ? { priority: priority ?? 10 } : {}),
    ...(ttl === 1 ? {} : { ttl }),
    ...(proxied === true ? { proxied } : {}),
  };
}

/** What a phase's rules are in words; undefined where they cannot be said. */
const phases: Readonly<Record<string, (rules: readonly LiveRule[]) => Record<string, unknown> | undefined>> =
  {
    http_request_firewall_custom: (rules) => each("firewallRules", rules, firewallRule),
    http_request_cache_settings: (rules) => each("cacheRules", rules, cacheRule),
    http_request_dynamic_redirect: (rules) => each("redirects", rules, redirect),
    http_ratelimit: (rules) => {
      const only = rules.length === 1 ? rateLimit(rules[0]) : undefined;
      return only && { rateLimit: only };
    },
    http_response_headers_transform: (rules) => {
      const only = rules.length === 1 ? responseHeaders(rules[0]) : undefined;
      return only && { responseHeaders: only };
    },
  };

function describeRulesets({ rulesets, records }: Live): Described<Record<string, unknown>> {
  const remarks: string[] = [];
  const covered: string[] = [];
  const part: Record<string, unknown> = {};
  for (const ruleset of rulesets) {
    const rules = ruleset.rules ?? [];
    if (rules.length === 0) continue;
    const words = phases[ruleset.phase]?.(rules);
    if (words === undefined) {
      remarks.push(notSaid(ruleset, rules));
      continue;
    }
    for (const { from } of (words["redirects"] ?? []) as { from: string }[]) {
      const record = records.find(({ name, type }) => name === from && type === "AAAA");
      if (record !== undefined) covered.push(record.id);
    }
    Object.assign(part, words);
  }
  return { part, remarks, records: covered };
}

function notSaid({ phase }: LiveRuleset, rules: readonly LiveRule[]): string {
  const named = rules.map(({ description, ref, id }) => description || (ref ?? id ?? "a rule"));
  return `rules of the phase ${phase}: a stack file has no words for one of them, and a phase is one's or nobody's: ${named.join("; ")}`;
}

function each<T>(key: string, rules: readonly LiveRule[], say: (rule: LiveRule) => T | undefined) {
  const said = rules.map(say);
  return said.includes(undefined) ? undefined : { [key]: said };
}

function usual({ enabled, ref, id, expression, description }: LiveRule) {
  const name = ref ?? id;
  if (enabled === false || name === undefined || expression === undefined) return undefined;
  return {
    ref: name,
    expression,
    ...(description === undefined || description === "" || description === name ? {} : { description }),
  };
}

function firewallRule(rule: LiveRule) {
  const { action } = rule;
  const taken = ["block", "managed_challenge", "js_challenge", "challenge"];
  const said = usual(rule);
  if (
    said === undefined ||
    action === undefined ||
    !taken.includes(action) ||
    hasMore(rule.action_parameters, [])
  )
    return undefined;
  return { ...said, action };
}

function cacheRule(rule: LiveRule) {
  const said = usual(rule);
  const given = rule.action_parameters;
  if (said === undefined || rule.action !== "set_cache_settings") return undefined;
  if (hasMore(given, ["cache", "edge_ttl", "browser_ttl"])) return undefined;
  const [edgeTtl, browserTtl] = [seconds(given?.["edge_ttl"]), seconds(given?.["browser_ttl"])];
  if (edgeTtl === null || browserTtl === null || typeof given?.["cache"] !== "boolean") return undefined;
  return {
    ref: said.ref,
    expression: said.expression,
    cache: given["cache"],
    ...(edgeTtl === undefined ? {} : { edgeTtl }),
    ...(browserTtl === undefined ? {} : { browserTtl }),
  };
}

/** Undefined where nothing is said; null for what has no words here. */
function seconds(ttl: unknown): number | undefined | null {
  if (ttl === undefined || ttl === null) return undefined;
  const { mode, default: value, ...more } = ttl as { mode?: unknown; default?: unknown };
  return mode === "override_origin" && typeof value === "number" && !hasMore(more, []) ? value : null;
}

function redirect({ enabled, expression = "", action, action_parameters: given }: LiveRule) {
  const [, from] = /^\(?http\.host eq "([^"]+)"\)?$/.exec(expression) ?? [];
  const value = given?.["from_value"] as Record<string, unknown> | undefined;
  const target = textIn(value?.["target_url"] as Record<string, unknown> | undefined, "expression") ?? "";
  const [, to] = /^concat\("https:\/\/([^"/]+)", ?http\.request\.uri\.path\)$/.exec(target) ?? [];
  if (enabled === false || action !== "redirect" || from === undefined || to === undefined) return undefined;
  if (value?.["preserve_query_string"] !== true) return undefined;
  const statusCode = value["status_code"] ?? 301;
  return { from, to, ...(statusCode === 301 ? {} : { statusCode }) };
}

function rateLimit(rule: LiveRule | undefined) {
  const limit = rule?.ratelimit;
  const [, pathPrefix] =
    /^\(?starts_with\(http\.request\.uri\.path, "([^"\\]+)"\)\)?$/.exec(rule?.expression ?? "") ?? [];
  const characteristics = [...((limit?.["characteristics"] ?? []) as string[])].sort().join();
  const fits =
    rule?.enabled !== false &&
    rule?.action === "block" &&
    pathPrefix !== undefined &&
    characteristics === "cf.colo.id,ip.src" &&
    limit?.["period"] === 10 &&
    limit["mitigation_timeout"] === 10 &&
    !hasMore(limit, [
      "characteristics",
      "period",
      "mitigation_timeout",
      "requests_per_period",
      "requests_to_origin",
    ]);
  return fits ? { pathPrefix, requestsPer10Seconds: limit?.["requests_per_period"] } : undefined;
}

function responseHeaders(rule: LiveRule | undefined) {
  if (rule?.enabled === false || rule?.action !== "rewrite" || rule.expression !== "true") return undefined;
  const given = rule.action_parameters;
  if (hasMore(given, ["headers"])) return undefined;
  const headers = Object.entries((given?.["headers"] ?? {}) as Record<string, Record<string, unknown>>);
  const said = headers.map(([name, { operation, value }]) =>
    operation === "remove"
      ? ([name, null] as const)
      : operation === "set" && typeof value === "string"
        ? ([name, value] as const)
        : undefined,
  );
  return said.length === 0 || said.includes(undefined)
    ? undefined
    : Object.fromEntries(said.filter((entry) => entry !== undefined));
}

/** Has the object members beside these that say something? */
function hasMore(
  object: Readonly<Record<string, unknown>> | null | undefined,
  known: readonly string[],
): boolean {
  return Object.entries(object ?? {}).some(
    ([key, value]) => !known.includes(key) && value !== undefined && value !== null && value !== false,
  );
}
