import type { PlanName } from "./model";

/** Limits that Cloudflare enforces by plan; undefined = not limited here. */
export interface PlanLimits {
  readonly dnsRecords: number;
  readonly minimumTtl: number;
  readonly tags: boolean;
  /** Rules of a zone's entry point by phase. */
  readonly rules: Readonly<Record<string, number>>;
  readonly regexInRules: boolean;
  readonly logAction: boolean;
  /** Seconds that a rate limiting rule may use; undefined = any. */
  readonly rateLimitPeriods: readonly number[] | undefined;
  readonly rateLimitTimeouts: readonly number[] | undefined;
  readonly healthChecks: number;
  /** Host header, SNI, DNS override in origin rules; custom cache keys. */
  readonly enterpriseRules: boolean;
}

const freeRules = {
  http_request_firewall_custom: 5,
  http_ratelimit: 1,
  http_request_cache_settings: 10,
  http_request_dynamic_redirect: 10,
  http_request_transform: 10,
  http_request_late_transform: 10,
  http_response_headers_transform: 10,
  http_config_settings: 10,
  http_request_origin: 10,
  http_response_compression: 10,
  http_custom_errors: 0,
  http_log_custom_fields: 0,
};

const paid: PlanLimits = {
  dnsRecords: 3500,
  minimumTtl: 60,
  tags: true,
  rules: {
    ...Object.fromEntries(Object.keys(freeRules).map((phase) => [phase, 25])),
    http_request_firewall_custom: 20,
    http_ratelimit: 2,
  },
  regexInRules: false,
  logAction: false,
  rateLimitPeriods: [10, 60],
  rateLimitTimeouts: undefined,
  healthChecks: 10,
  enterpriseRules: false,
};

/** Limits move: these are those of Cloudflare's published plan table in 2026. */
export const planLimits: Readonly<Record<PlanName, PlanLimits>> = {
  free: {
    ...paid,
    dnsRecords: 1000,
    tags: false,
    rules: freeRules,
    rateLimitPeriods: [10],
    rateLimitTimeouts: [10],
    healthChecks: 0,
  },
  pro: paid,
  business: {
    ...paid,
    rules: {
      ...Object.fromEntries(Object.keys(freeRules).map((phase) => [phase, 50])),
      http_request_firewall_custom: 100,
      http_ratelimit: 5,
    },
    regexInRules: true,
    rateLimitPeriods: undefined,
    healthChecks: 50,
  },
  enterprise: {
    ...paid,
    minimumTtl: 30,
    rules: {},
    regexInRules: true,
    logAction: true,
    rateLimitPeriods: undefined,
    healthChecks: 1000,
    enterpriseRules: true,
  },
};

const names: Readonly<Record<PlanName, string>> = {
  free: "Free Website",
  pro: "Pro Website",
  business: "Business Website",
  enterprise: "Enterprise Website",
};

const prices: Readonly<Record<PlanName, number>> = { free: 0, pro: 20, business: 200, enterprise: 0 };

/** `plan` as the zone's answer has it. */
export function planBody(plan: PlanName): object {
  return {
    id: { free: "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", pro: "1", business: "2", enterprise: "3" }[plan].padEnd(
      32,
      "e",
    ),
    name: names[plan],
    price: prices[plan],
    currency: "USD",
    frequency: plan === "free" ? "" : "monthly",
    is_subscribed: plan !== "free",
    can_subscribe: plan === "free",
    legacy_id: plan,
    legacy_discount: false,
    externally_managed: false,
  };
}

/** Limits of an account on the free plans of the products. */
export const accountLimits = {
  accessApplications: 500,
  accessDestinations: 5,
  identityProviders: 50,
  serviceTokens: 50,
  accessGroups: 300,
  tunnels: 1000,
  pagesProjects: 100,
  pagesDomains: 100,
  pagesFiles: 20_000,
  pagesFileBytes: 25 * 1024 * 1024,
} as const;
