import { isObject, isUnknown, type Values } from "../../values";
import type { CheckFailure } from "../../definition";
import type { FieldRule, FieldRules } from "../shape";
import { sameUnordered } from "../state";
import type { ResourceTable } from "../table";

const bag: FieldRule = { same: sameUnordered };
const selectors: FieldRules = { includes: bag, excludes: bag, requires: bag };
const neverTold: FieldRule = { secret: true, kept: true };

/** Kinds of application that have sessions and cookies of their own. */
const browserApplications = new Set(["self_hosted", "ssh", "vnc", "rdp", "mcp", "mcp_portal"]);

export const accessTables: readonly ResourceTable[] = [
  {
    name: "ZeroTrustAccessApplication",
    create: "POST /{scope}/access/apps",
    read: "GET /{scope}/access/apps/{id}",
    update: "PUT /{scope}/access/apps/{id}",
    delete: "DELETE /{scope}/access/apps/{id}",
    id: "id",
    importId: "scope/id",
    replace: ["accountId", "zoneId"],
    rules: {
      type: { default: "self_hosted" },
      // Left out means none: the provider detaches what somebody else attached.
      policies: { default: [], asGiven: true },
      "destinations.*.type": { default: "public" },
      allowedIdps: bag,
      tags: bag,
      customPages: bag,
      selfHostedDomains: bag,
      "saasApp.clientSecret": neverTold,
      "scimConfig.authentication.password": neverTold,
      "scimConfig.authentication.token": neverTold,
      "scimConfig.authentication.clientSecret": neverTold,
    },
    check: applicationFailures,
    complete: completeApplication,
  },
  {
    name: "ZeroTrustAccessPolicy",
    create: "POST /accounts/{accountId}/access/policies",
    read: "GET /accounts/{accountId}/access/policies/{id}",
    update: "PUT /accounts/{accountId}/access/policies/{id}",
    delete: "DELETE /accounts/{accountId}/access/policies/{id}",
    id: "id",
    importId: "accountId/id",
    replace: ["accountId"],
    recomputed: ["appCount", "updatedAt", "reusable", "createdAt"],
    rules: { ...selectors, sessionDuration: { default: "24h" }, approvalGroups: bag },
    check: selectorFailures,
  },
  {
    name: "ZeroTrustAccessGroup",
    create: "POST /{scope}/access/groups",
    read: "GET /{scope}/access/groups/{id}",
    update: "PUT /{scope}/access/groups/{id}",
    delete: "DELETE /{scope}/access/groups/{id}",
    id: "id",
    importId: "scope/id",
    replace: ["accountId", "zoneId"],
    rules: selectors,
    check: scopeFailures,
  },
  {
    name: "ZeroTrustAccessIdentityProvider",
    create: "POST /{scope}/access/identity_providers",
    read: "GET /{scope}/access/identity_providers/{id}",
    update: "PUT /{scope}/access/identity_providers/{id}",
    delete: "DELETE /{scope}/access/identity_providers/{id}",
    id: "id",
    importId: "scope/id",
    replace: ["accountId", "zoneId", "type"],
    rules: {
      "config.clientSecret": neverTold,
      // Told once, by the create.
      "scimConfig.secret": { secret: true, kept: true },
      "config.scopes": bag,
      "config.claims": bag,
    },
    check(inputs) {
      const failures = [...scopeFailures(inputs)];
      if (inputs["type"] === "onetimepin" && inputs["scimConfig"] !== undefined) {
        failures.push({
          property: "scimConfig",
          reason: 'a provider of type "onetimepin" has no "scimConfig"',
        });
      }
      return failures;
    },
  },
  {
    name: "ZeroTrustAccessServiceToken",
    create: "POST /{scope}/access/service_tokens",
    read: "GET /{scope}/access/service_tokens/{id}",
    update: "PUT /{scope}/access/service_tokens/{id}",
    delete: "DELETE /{scope}/access/service_tokens/{id}",
    id: "id",
    importId: "scope/id",
    replace: ["accountId", "zoneId"],
    recomputed: ["expiresAt"],
    rules: {
      clientSecret: neverTold,
      clientSecretVersion: { default: 1, kept: true },
      duration: { default: "8760h" },
      previousClientSecretExpiresAt: { kept: true },
    },
    check: scopeFailures,
  },
  {
    name: "ZeroTrustAccessTag",
    create: "POST /accounts/{accountId}/access/tags",
    read: "GET /accounts/{accountId}/access/tags/{name}",
    delete: "DELETE /accounts/{accountId}/access/tags/{name}",
    id: "name",
    importId: "accountId/name",
    replace: ["accountId", "name"],
  },
  {
    name: "ZeroTrustOrganization",
    create: "PUT /{scope}/access/organizations",
    read: "GET /{scope}/access/organizations",
    update: "PUT /{scope}/access/organizations",
    id: "scope",
    importId: "accountId",
    replace: ["accountId", "zoneId"],
    check: scopeFailures,
  },
];

/** Either the account or the zone, and not both. */
function scopeFailures({ accountId, zoneId }: Values): CheckFailure[] {
  if ((accountId === undefined) !== (zoneId === undefined)) return [];
  return [{ property: "accountId", reason: 'exactly one of "accountId" and "zoneId" has to be given' }];
}

/** A rule has exactly one selector. */
function selectorFailures(inputs: Values): CheckFailure[] {
  const failures: CheckFailure[] = [];
  for (const list of ["includes", "excludes", "requires"]) {
    const rules = inputs[list];
    if (!Array.isArray(rules)) continue;
    rules.forEach((rule, index) => {
      if (!isObject(rule) || isUnknown(rule)) return;
      const count = Object.keys(rule).length;
      if (count !== 1) {
        const reason = `"${list}[${index}]" has ${count} selectors; each element has to have exactly one`;
        failures.push({ property: `${list}[${index}]`, reason });
      }
    });
  }
  return failures;
}

function applicationFailures(inputs: Values): CheckFailure[] {
  const failures = scopeFailures(inputs);
  if (inputs["destinations"] !== undefined && inputs["selfHostedDomains"] !== undefined) {
    const reason = '"destinations" and the deprecated "selfHostedDomains" exclude each other';
    failures.push({ property: "selfHostedDomains", reason });
  }
  if (inputs["corsHeaders"] !== undefined && inputs["optionsPreflightBypass"] === true) {
    const reason = '"optionsPreflightBypass" cannot be combined with "corsHeaders"';
    failures.push({ property: "optionsPreflightBypass", reason });
  }
  return failures;
}

/** Defaults that depend on the kind, and the precedence that follows from the place in the list. */
function completeApplication(wanted: Values): Values {
  const completed = { ...wanted };
  const type = completed["type"];
  if (typeof type === "string" && browserApplications.has(type)) {
    completed["sessionDuration"] ??= "24h";
    completed["appLauncherVisible"] ??= true;
    completed["httpOnlyCookieAttribute"] ??= true;
  }
  const { policies } = completed;
  if (Array.isArray(policies)) {
    completed["policies"] = policies.map((policy, index) =>
      isObject(policy) ? { ...policy, precedence: policy["precedence"] ?? index + 1 } : policy,
    );
  }
  return completed;
}
