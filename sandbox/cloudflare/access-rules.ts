import type { Call } from "./call";
import { objectOf } from "./crud";
import { type ApiError, refuse } from "./envelope";
import type { Json } from "./model";

/** Selectors of Access rules; those that need to know who somebody is are `true`. */
const selectors: Readonly<Record<string, boolean>> = {
  any_valid_service_token: false,
  auth_context: true,
  auth_method: true,
  azureAD: true,
  certificate: false,
  common_name: false,
  device_posture: false,
  email: true,
  email_domain: true,
  email_list: true,
  everyone: false,
  external_evaluation: true,
  geo: false,
  "github-organization": true,
  group: false,
  gsuite: true,
  ip: false,
  ip_list: false,
  linked_app_token: false,
  login_method: true,
  oidc: true,
  okta: true,
  saml: true,
  service_token: false,
  user_risk_score: true,
};

/** The member that a selector must have, where it is a reference or a value. */
const members: Readonly<Record<string, string>> = {
  email: "email",
  email_domain: "domain",
  email_list: "id",
  geo: "country_code",
  "github-organization": "name",
  group: "id",
  ip: "ip",
  ip_list: "id",
  login_method: "id",
  service_token: "token_id",
  common_name: "common_name",
};

type Rule = Readonly<Record<string, Json>>;

/** @throws ApiError 12130 as Access words it: which of include, exclude, require, and what is wrong with it. */
export function checkPolicyRules(policy: Json, call: Call): void {
  const decision = policy["decision"];
  for (const list of ["include", "exclude", "require"] as const) {
    const rules = (policy[list] ?? []) as readonly Rule[];
    if (list === "include" && rules.length === 0) throw invalidRules(list, "at least one rule is required");
    for (const rule of rules) {
      checkRule(rule, list, call);
      if ((decision === "bypass" || decision === "non_identity") && needsIdentity(rule, call)) {
        throw invalidRules(
          list,
          `rule type '${Object.keys(rule)[0]!}' cannot be used with decision '${decision}'`,
        );
      }
    }
  }
}

/** One rule of a policy or a group. */
export function checkRule(rule: Rule, list: string, call: Call): void {
  const [type, ...others] = Object.keys(rule);
  if (type === undefined) throw invalidRules(list, "a rule must have a type");
  if (others.length > 0)
    throw invalidRules(list, `a rule must have exactly one type, found: ${[type, ...others].join(", ")}`);
  if (!(type in selectors)) throw invalidRules(list, `unknown rule type: '${type}'`);
  const member = members[type];
  const value = member === undefined ? undefined : rule[type]?.[member];
  if (member !== undefined && (typeof value !== "string" || value === "")) {
    throw invalidRules(list, `rule type '${type}' needs '${member}'`);
  }
  checkReference(type, String(value), call);
}

function checkReference(type: string, id: string, { store }: Call): void {
  if (type === "group" && objectOf(store, "access-group", id) === undefined) {
    throw refuse(400, 11020, "access.api.error.failed_to_load_group");
  }
  if (type === "login_method" && objectOf(store, "identity-provider", id) === undefined) {
    throw invalidRules("include", `identity provider not found: ${id}`);
  }
  if (type === "service_token" && store.get("serviceTokens", id) === undefined) {
    throw invalidRules("include", `service token not found: ${id}`);
  }
}

function needsIdentity(rule: Rule, call: Call): boolean {
  const type = Object.keys(rule)[0]!;
  if (type !== "group") return selectors[type] === true;
  const group = objectOf(call.store, "access-group", String(rule["group"]?.["id"]));
  const rules = [group?.body["include"], group?.body["require"], group?.body["exclude"]] as (
    readonly Rule[] | undefined
  )[];
  return rules.flatMap((list) => list ?? []).some((inner) => needsIdentity(inner, call));
}

function invalidRules(list: string, reason: string): ApiError {
  return refuse(400, 12130, `access.api.error.invalid_request: invalid '${list}' configuration`, [
    { message: reason },
  ]);
}

/** @throws ApiError 12130 for what Go would not take as a duration. */
export function checkDuration(value: unknown, member: string): void {
  if (value === undefined || value === null) return;
  if (typeof value !== "string" || !/^((\d+(\.\d+)?)(ns|us|µs|ms|s|m|h))+$/.test(value)) {
    throw invalidRequest(`${member} is not a valid duration: ${JSON.stringify(value)}`);
  }
}

export function invalidRequest(reason: string): ApiError {
  return refuse(400, 12130, `access.api.error.invalid_request: ${reason}`);
}

/** Milliseconds of a duration such as `8760h` or `1h30m`; undefined for `forever`. */
export function durationMs(text: string): number | undefined {
  if (text === "forever") return undefined;
  const units: Readonly<Record<string, number>> = {
    ns: 1e-6,
    us: 1e-3,
    µs: 1e-3,
    ms: 1,
    s: 1000,
    m: 60_000,
    h: 3_600_000,
  };
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(amount) * units[unit!]!;
  return total;
}
