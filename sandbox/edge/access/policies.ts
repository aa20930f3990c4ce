import { BlockList, isIP } from "node:net";
import type { AccessApplication, AccessIdentity, AccessPolicy, Rule, RuleLists, ServiceToken } from "./model";

/** Who asks, and from where. */
export interface Visitor {
  readonly address: string;
  /** As in `cf-ipcountry`. */
  readonly country: string;
  readonly token?: ServiceToken | undefined;
  readonly identity?: AccessIdentity | undefined;
}

/** What Access makes of a request. */
export type Verdict =
  | { readonly kind: "bypass" }
  | { readonly kind: "machine"; readonly policy: AccessPolicy }
  | { readonly kind: "allow"; readonly policy: AccessPolicy }
  /** Nobody has logged in, and a login could help. */
  | { readonly kind: "login" }
  | { readonly kind: "refused" };

/** Finds what policies refer to; `unknown` is told of each selector that the sandbox cannot evaluate. */
export interface PolicyContext {
  group(id: string): RuleLists | undefined;
  unknown?(selector: string): void;
}

/**
 * Bypass and Service Auth come first, then Block and Allow; in each of both the policies go by precedence, and the first
 * that fits decides. What fits none is refused.
 *
 * @example
 * judge(application, { address: "192.0.2.1", country: "XX" }, view); // { kind: "login" }
 */
export function judge(
  { policies }: Pick<AccessApplication, "policies">,
  visitor: Visitor,
  context: PolicyContext,
): Verdict {
  for (const policy of policies) {
    if (policy.decision !== "bypass" && policy.decision !== "non_identity") continue;
    if (!fits(policy, visitor, context)) continue;
    return policy.decision === "bypass" ? { kind: "bypass" } : { kind: "machine", policy };
  }
  const forPeople = policies.filter(({ decision }) => decision === "allow" || decision === "deny");
  if (visitor.identity === undefined) {
    return { kind: forPeople.some(({ decision }) => decision === "allow") ? "login" : "refused" };
  }
  for (const policy of forPeople) {
    if (!fits(policy, visitor, context)) continue;
    return policy.decision === "allow" ? { kind: "allow", policy } : { kind: "refused" };
  }
  return { kind: "refused" };
}

function fits({ include, require, exclude }: RuleLists, visitor: Visitor, context: PolicyContext): boolean {
  const hit = (rule: Rule) => matches(rule, visitor, context);
  return include.some(hit) && require.every(hit) && !exclude.some(hit);
}

type Selector = (
  value: Readonly<Record<string, unknown>>,
  visitor: Visitor,
  context: PolicyContext,
) => boolean;

const selectors: Readonly<Record<string, Selector>> = {
  everyone: () => true,
  email: ({ email }, { identity }) => identity !== undefined && same(identity.email, email),
  email_domain: ({ domain }, { identity }) =>
    identity !== undefined && same(identity.email.slice(identity.email.lastIndexOf("@") + 1), domain),
  "github-organization": ({ identity_provider_id: provider, name, team }, { identity }) =>
    identity?.idp.type === "github" &&
    (provider === undefined || provider === "" || identity.idp.id === provider) &&
    identity.organizations.some(
      (organization) =>
        same(organization.name, name) &&
        (team === undefined || team === "" || organization.teams.some((one) => same(one, team))),
    ),
  login_method: ({ id }, { identity }) => identity !== undefined && identity.idp.id === id,
  service_token: ({ token_id: id }, { token }) => token !== undefined && token.id === id,
  any_valid_service_token: (_value, { token }) => token !== undefined,
  ip: ({ ip }, { address }) => inNetwork(address, String(ip)),
  geo: ({ country_code: code }, { country }) => same(country, code),
  group: ({ id }, visitor, context) => {
    const group = context.group(String(id));
    return group !== undefined && fits(group, visitor, context);
  },
};

function matches(rule: Rule, visitor: Visitor, context: PolicyContext): boolean {
  const [[selector, value] = []] = Object.entries(rule);
  if (selector === undefined) return false;
  const known = selectors[selector];
  if (known === undefined) {
    context.unknown?.(selector);
    return false;
  }
  return known(value ?? {}, visitor, context);
}

function same(one: string, other: unknown): boolean {
  return typeof other === "string" && one.toLowerCase() === other.toLowerCase();
}

/** An address in a network, or the address itself. */
function inNetwork(address: string, network: string): boolean {
  const [base = "", bits] = network.split("/");
  const family = isIP(base);
  if (family === 0 || isIP(address) !== family) return false;
  const kind = family === 4 ? "ipv4" : "ipv6";
  const length = bits === undefined ? (family === 4 ? 32 : 128) : Number(bits);
  if (!Number.isInteger(length) || length < 0 || length > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(base, length, kind);
  return list.check(address, kind);
}
