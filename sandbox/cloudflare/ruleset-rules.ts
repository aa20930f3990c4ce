import { refuse } from "./envelope";
import type { Json, PlanName } from "./model";
import { planLimits } from "./plan";

/** Phases and the actions that their rules may have. */
export const phases: Readonly<Record<string, readonly string[]>> = {
  ddos_l4: ["execute"],
  ddos_l7: ["execute"],
  http_config_settings: ["set_config"],
  http_custom_errors: ["serve_error"],
  http_log_custom_fields: ["log_custom_field"],
  http_ratelimit: ["block", "challenge", "js_challenge", "managed_challenge", "log", "execute"],
  http_request_cache_settings: ["set_cache_settings"],
  http_request_dynamic_redirect: ["redirect", "execute"],
  http_request_firewall_custom: [
    "block",
    "challenge",
    "js_challenge",
    "managed_challenge",
    "log",
    "skip",
    "execute",
  ],
  http_request_firewall_managed: ["execute", "skip"],
  http_request_late_transform: ["rewrite", "execute"],
  http_request_origin: ["route", "execute"],
  http_request_redirect: ["redirect"],
  http_request_sanitize: ["execute"],
  http_request_sbfm: ["execute", "skip"],
  http_request_transform: ["rewrite", "execute"],
  http_response_compression: ["compress_response"],
  http_response_firewall_managed: ["execute", "skip"],
  http_response_headers_transform: ["rewrite", "execute"],
  magic_transit: ["block", "skip", "execute"],
};

/** Groups of which one must be there to change rulesets of a phase. */
export function phaseGroups(phase: string, level: "accounts" | "zones"): readonly string[] {
  if (level === "accounts") {
    if (phase === "http_request_redirect") return ["Mass URL Redirects", "Account Rulesets"];
    return phase.startsWith("http_request_firewall") || phase === "http_ratelimit"
      ? ["Account WAF", "Account Rulesets"]
      : ["Account Rulesets"];
  }
  switch (phase) {
    case "http_request_dynamic_redirect":
      return ["Dynamic URL Redirects"];
    case "http_request_cache_settings":
      return ["Cache Settings"];
    case "http_config_settings":
      return ["Config Settings"];
    case "http_request_origin":
      return ["Origin"];
    case "http_response_compression":
      return ["Response Compression"];
    case "http_custom_errors":
      return ["Custom Error Rules"];
    case "http_request_transform":
    case "http_request_late_transform":
    case "http_response_headers_transform":
      return ["Transform Rules"];
    default:
      return ["Zone WAF"];
  }
}

/** A rule as it came, with the members that every rule has checked for their type. */
export interface GivenRule extends Json {
  readonly action: string;
  readonly expression: string;
}

/** @throws ApiError 20120… naming the rule by its place (from 1) and what is wrong. */
export function checkRules(rules: readonly GivenRule[], phase: string, plan: PlanName): void {
  const limit = planLimits[plan].rules[phase];
  if (limit !== undefined && rules.length > limit) {
    throw refuse(
      403,
      20024,
      limit === 0
        ? `not entitled: the phase ${phase} is not available for this plan`
        : `exceeded maximum number of rules in the phase ${phase}: ${rules.length} out of ${limit}`,
    );
  }
  const refs = rules.flatMap(({ ref }) => (typeof ref === "string" && ref !== "" ? [ref] : []));
  if (new Set(refs).size < refs.length) throw refuse(400, 20130, "rule refs must be unique within a ruleset");
  for (const [index, rule] of rules.entries()) checkOne(rule, index + 1, phase, plan);
}

function checkOne(rule: GivenRule, place: number, phase: string, plan: PlanName): void {
  const wrong = (code: number, reason: string): Error =>
    refuse(code === 20123 ? 403 : 400, code, `rule ${place}: ${reason}`);
  const limits = planLimits[plan];
  if (!phases[phase]!.includes(rule.action))
    throw wrong(20016, `action "${rule.action}" is not allowed in the phase ${phase}`);
  if (rule.action === "log" && !limits.logAction)
    throw wrong(
      20123,
      'not entitled: the use of action "log" is not allowed, an Enterprise plan is required',
    );
  const problem = expressionProblem(rule.expression);
  if (problem !== undefined) throw wrong(20127, `filter parsing error: ${problem}`);
  if (!limits.regexInRules && / (matches|~) /.test(withoutStrings(rule.expression))) {
    throw wrong(
      20123,
      "not entitled: the use of operator Matches is not allowed, a Business plan or a WAF Advanced plan is required",
    );
  }
  if (phase === "http_ratelimit" && rule.action !== "execute") checkRateLimit(rule, plan, wrong);
  else if ((rule["ratelimit"] ?? undefined) !== undefined)
    throw wrong(20121, `ratelimit is not allowed in the phase ${phase}`);
  checkParameters(rule, limits.enterpriseRules, wrong);
}

type Wrong = (code: number, reason: string) => Error;

function checkRateLimit(rule: GivenRule, plan: PlanName, wrong: Wrong): void {
  const limit = rule["ratelimit"] as Json | null | undefined;
  if (limit === null || limit === undefined)
    throw wrong(20121, "ratelimit is required in the phase http_ratelimit");
  const { rateLimitPeriods, rateLimitTimeouts } = planLimits[plan];
  const characteristics = (limit["characteristics"] ?? []) as readonly unknown[];
  if (!characteristics.includes("cf.colo.id"))
    throw wrong(20122, "cf.colo.id is mandatory in the characteristics of a rate limit");
  const period = limit["period"];
  if (typeof period !== "number" || ![10, 60, 120, 300, 600, 3600, 86_400].includes(period)) {
    throw wrong(20122, `not a valid rate limit period: ${String(period)}`);
  }
  if (rateLimitPeriods !== undefined && !rateLimitPeriods.includes(period)) {
    throw wrong(
      20123,
      `not entitled: the period ${period} is not in the list of allowed periods (${rateLimitPeriods.join(", ")})`,
    );
  }
  const timeout = limit["mitigation_timeout"] ?? 0;
  if (rateLimitTimeouts !== undefined && !rateLimitTimeouts.includes(Number(timeout))) {
    throw wrong(
      20123,
      `not entitled: the mitigation timeout ${Number(timeout)} is not in the list of allowed ones (${rateLimitTimeouts.join(", ")})`,
    );
  }
  if (limit["requests_per_period"] === undefined && limit["score_per_period"] === undefined) {
    throw wrong(20122, "requests_per_period is required");
  }
  if (plan === "free") {
    const others = fieldsOf(rule.expression).filter(
      (field) =>
        field !== "http.request.uri.path" &&
        field !== "cf.bot_management.verified_bot" &&
        field !== "cf.client.bot",
    );
    if (others.length > 0)
      throw wrong(
        20123,
        `not entitled: the use of field ${others[0]!} is not allowed in rate limiting rules of this plan`,
      );
    const counted = characteristics.filter((name) => name !== "cf.colo.id" && name !== "ip.src");
    if (counted.length > 0)
      throw wrong(20123, `not entitled: the use of characteristic ${String(counted[0])} is not allowed`);
  }
}

function checkParameters(rule: GivenRule, enterprise: boolean, wrong: Wrong): void {
  const parameters = (rule["action_parameters"] ?? {}) as Json;
  const has = (name: string): boolean => (parameters[name] ?? undefined) !== undefined;
  switch (rule.action) {
    case "execute":
      if (typeof parameters["id"] !== "string")
        throw wrong(20119, "action_parameters.id is required for the action execute");
      return;
    case "redirect": {
      if (has("from_value") === has("from_list"))
        throw wrong(20119, "action_parameters needs exactly one of from_value and from_list");
      const from = parameters["from_value"] as Json | undefined;
      const target = from?.["target_url"] as Json | undefined;
      if (from !== undefined && (target === undefined || "value" in target === "expression" in target)) {
        throw wrong(
          20119,
          "action_parameters.from_value.target_url needs exactly one of value and expression",
        );
      }
      if (
        from?.["status_code"] !== undefined &&
        ![301, 302, 303, 307, 308].includes(Number(from["status_code"]))
      ) {
        throw wrong(20119, `not a redirect status: ${Number(from["status_code"])}`);
      }
      return;
    }
    case "rewrite": {
      if (!has("headers") && !has("uri"))
        throw wrong(20119, "action_parameters needs headers or uri for the action rewrite");
      for (const [name, operation] of Object.entries((parameters["headers"] ?? {}) as Record<string, Json>)) {
        const kind = String(operation["operation"]);
        const valued = "value" in operation || "expression" in operation;
        if (!["set", "add", "remove"].includes(kind))
          throw wrong(20119, `header ${name}: unknown operation "${kind}"`);
        if (kind === "remove" ? valued : !valued)
          throw wrong(
            20119,
            `header ${name}: ${kind === "remove" ? "remove takes no value" : "a value or an expression is required"}`,
          );
        if (/^cf-|^x-cf-|^cdn-loop$/i.test(name))
          throw wrong(20119, `header ${name}: this header cannot be modified`);
      }
      return;
    }
    case "set_cache_settings": {
      if (Object.keys(parameters).length === 0)
        throw wrong(20119, "action_parameters must not be empty for the action set_cache_settings");
      if (has("cache_key") && !enterprise && hasCustomKey(parameters["cache_key"] as Json)) {
        throw wrong(
          20123,
          "not entitled: the use of custom cache keys is not allowed, an Enterprise plan is required",
        );
      }
      const edge = parameters["edge_ttl"] as Json | undefined;
      if (edge?.["mode"] === "override_origin" && typeof edge["default"] !== "number") {
        throw wrong(20119, "edge_ttl.default is required when the mode is override_origin");
      }
      return;
    }
    case "route":
      if (
        !enterprise &&
        (has("host_header") ||
          has("sni") ||
          (parameters["origin"] as Json | undefined)?.["host"] !== undefined)
      ) {
        throw wrong(20123, "not entitled: only the destination port can be overridden on this plan");
      }
      return;
    case "skip":
      if (!["ruleset", "rulesets", "phases", "products", "rules"].some(has)) {
        throw wrong(
          20119,
          "action_parameters needs ruleset, rulesets, rules, phases or products for the action skip",
        );
      }
      return;
    default:
  }
}

function hasCustomKey(key: Json): boolean {
  return "custom_key" in key && Object.keys(key["custom_key"] ?? {}).length > 0;
}

/** What is wrong with an expression, as far as its shape goes; undefined where nothing is. */
export function expressionProblem(expression: string): string | undefined {
  if (expression.trim() === "") return "the expression is empty";
  if (expression.length > 4096) return "the expression is longer than 4096 characters";
  const bare = withoutStrings(expression);
  if (bare.includes('"')) return "unterminated string";
  let depth = 0;
  for (const character of bare) {
    if (character === "(") depth += 1;
    if (character === ")") depth -= 1;
    if (depth < 0) return "unexpected )";
  }
  if (depth > 0) return "expected )";
  if (/\b(and|or|not|eq|ne|lt|gt|contains|in|&&|\|\||==|!=)\s*\)*\s*$/.test(bare))
    return "unexpected end of expression";
  if (/^\s*\(*\s*(and|or|eq|ne|contains)\b/.test(bare)) return "unexpected operator at the start";
  const unknown = fieldsOf(expression).find((field) => !/^(http|ip|cf|ssl|tcp|udp|raw|icmp)\./.test(field));
  return unknown === undefined ? undefined : `unknown identifier: ${unknown}`;
}

/** Dotted names outside of strings: the fields that an expression reads. */
export function fieldsOf(expression: string): string[] {
  return [...withoutStrings(expression).matchAll(/(?<![\w.$])[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)+/g)].map(
    ([field]) => field,
  );
}

/** Strings emptied: quoted ones with escapes, and raw ones as `r"…"` and `r#"…"#`. */
function withoutStrings(expression: string): string {
  return expression.replace(/r(#*)".*?"\1/gs, "''").replace(/"(?:[^"\\]|\\.)*"/gs, "''");
}
