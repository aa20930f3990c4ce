import type { CheckFailure } from "../../definition";
import { isObject, isUnknown, type Values } from "../../values";
import type { FieldRules } from "../shape";
import { sameJson, sameUnordered } from "../state";
import type { ResourceTable } from "../table";

const rules: FieldRules = {
  value: { secret: true, kept: true },
  policies: { same: sameUnordered },
  "policies.*.permissionGroups": { same: sameUnordered },
  "policies.*.resources": { json: true, same: sameJson },
  "condition.requestIp.ins": { same: sameUnordered },
  "condition.requestIp.notIns": { same: sameUnordered },
  expiresOn: { same: sameTime },
  notBefore: { same: sameTime },
};

const gone = new Set(["expired", "revoked (exposed)"]);
const isGone = ({ status }: Values) => typeof status === "string" && gone.has(status);

export const tokenTables: readonly ResourceTable[] = [
  {
    name: "AccountToken",
    create: "POST /accounts/{accountId}/tokens",
    read: "GET /accounts/{accountId}/tokens/{id}",
    update: "PUT /accounts/{accountId}/tokens/{id}",
    delete: "DELETE /accounts/{accountId}/tokens/{id}",
    id: "id",
    importId: "accountId/id",
    replace: ["accountId"],
    recomputed: ["modifiedOn"],
    rules,
    check: failures,
    isGone,
  },
  {
    name: "ApiToken",
    create: "POST /user/tokens",
    read: "GET /user/tokens/{id}",
    update: "PUT /user/tokens/{id}",
    delete: "DELETE /user/tokens/{id}",
    id: "id",
    importId: "id",
    replace: [],
    // The value stays the same, and the real provider's preview says all the same that it may not.
    recomputed: ["modifiedOn", "value"],
    rules,
    check: failures,
    isGone,
  },
];

function failures({ policies }: Values): CheckFailure[] {
  if (!Array.isArray(policies)) return [];
  return policies.flatMap((policy, index) => {
    const resources = isObject(policy) ? policy["resources"] : undefined;
    if (typeof resources !== "string" || isUnknown(resources)) return [];
    try {
      if (isObject(JSON.parse(resources) as Values)) return [];
    } catch {
      // Said below.
    }
    const path = `policies[${index}].resources`;
    return [
      { property: path, reason: `"${path}" has to be the JSON text of an object (pulumi.jsonStringify)` },
    ];
  });
}

/** The same moment, however it is written. */
function sameTime(one: unknown, other: unknown): boolean {
  const [first, second] = [Date.parse(String(one)), Date.parse(String(other))];
  return !Number.isNaN(first) && first === second;
}
