/** How a rule of Access chooses; the same in every list of them. */
const selectors = { azureAd: "azureAD", githubOrganization: "github-organization" };

/**
 * Names on the wire. Pulumi writes lists in the plural and everything in camel case; the API has the singular and
 * snake case. What does not follow from that rule is listed here, by the type that has the property.
 */
export const wireNames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ZeroTrustAccessPolicy: { includes: "include", excludes: "exclude", requires: "require" },
  ZeroTrustAccessGroup: { includes: "include", excludes: "exclude", requires: "require" },
  ZeroTrustAccessApplication: {
    targetCriterias: "target_criteria",
    serviceAuth401Redirect: "service_auth_401_redirect",
  },
  ZeroTrustAccessApplicationPolicyExclude: selectors,
  ZeroTrustAccessPolicyExclude: selectors,
  ZeroTrustAccessApplicationPolicy: { includes: "include", excludes: "exclude", requires: "require" },
  ZeroTrustAccessApplicationSaasAppCustomAttributeSource: { nameByIdps: "name_by_idp" },
  ZeroTrustAccessPolicyExcludeUserRiskScore: { userRiskScores: "user_risk_score" },
  ZeroTrustOrganization: { warpAuthNonBrowser401: "warp_auth_non_browser_401" },
  ZeroTrustOrganizationMfaSshPivKeyRequirements: { sshKeySizes: "ssh_key_size", sshKeyTypes: "ssh_key_type" },
  R2CustomDomain: { minTls: "minTLS" },
  ZeroTrustTunnelCloudflaredConfigConfig: { ingresses: "ingress" },
  ZeroTrustTunnelCloudflaredConfigConfigIngressOriginRequest: {
    caPool: "caPool",
    matchSnItoHost: "matchSNItoHost",
    noTlsVerify: "noTLSVerify",
    tcpKeepAlive: "tcpKeepAlive",
  },
  ZeroTrustTunnelCloudflaredConfigConfigIngressOriginRequestAccess: { audTags: "audTag" },
  AccountTokenConditionRequestIp: { ins: "in", notIns: "not_in" },
  AuthenticatedOriginPulls: { configs: "config" },
  LoadBalancerPoolOriginHeader: { hosts: "Host" },
  NotificationPolicyMechanisms: { emails: "email", pagerduties: "pagerduty", webhooks: "webhooks" },
  NotificationPolicyFilters: {
    airportCodes: "airport_code",
    alertTriggerPreferencesValues: "alert_trigger_preferences_value",
    enableds: "enabled",
    environments: "environment",
    eventSources: "event_source",
    eventTypes: "event_type",
    events: "event",
    groupBies: "group_by",
    healthCheckIds: "health_check_id",
    incidentImpacts: "incident_impact",
    inputIds: "input_id",
    insightClasses: "insight_class",
    limits: "limit",
    megabitsPerSeconds: "megabits_per_second",
    packetsPerSeconds: "packets_per_second",
    queryTags: "query_tag",
    requestsPerSeconds: "requests_per_second",
    logoTags: "logo_tag",
    newHealths: "new_health",
    newStatuses: "new_status",
    poolIds: "pool_id",
    products: "product",
    projectIds: "project_id",
    protocols: "protocol",
    slos: "slo",
    statuses: "status",
    targetHostnames: "target_hostname",
    targetIps: "target_ip",
    targetZoneNames: "target_zone_name",
    tokenIds: "token_id",
    tunnelIds: "tunnel_id",
    tunnelNames: "tunnel_name",
    types: "type",
    wheres: "where",
  },
  // The directives of a Cache-Control header are called as in the header.
  RulesetRuleActionParameters: {
    maxAge: "max-age",
    mustRevalidate: "must-revalidate",
    mustUnderstand: "must-understand",
    noCache: "no-cache",
    noStore: "no-store",
    noTransform: "no-transform",
    proxyRevalidate: "proxy-revalidate",
    sMaxage: "s-maxage",
    staleIfError: "stale-if-error",
    staleWhileRevalidate: "stale-while-revalidate",
  },
  RulesetRuleActionParametersEdgeTtl: { statusCodeTtls: "status_code_ttl" },
  RulesetRuleActionParametersCacheKeyCustomKeyCookie: {
    checkPresences: "check_presence",
    includes: "include",
  },
  RulesetRuleActionParametersCacheKeyCustomKeyHeader: {
    checkPresences: "check_presence",
    includes: "include",
  },
  RulesetRuleActionParametersCacheKeyCustomKeyQueryStringExclude: { lists: "list" },
  GetZoneFilter: { types: "type" },
  getZones: { types: "type" },
};

/** `sessionDuration` -> `session_duration`, `d1Databases` -> `d1_databases`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
