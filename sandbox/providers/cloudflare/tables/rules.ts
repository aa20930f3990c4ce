import { isObject, type Value, type Values } from "../../values";
import { mapValues, sameUnordered, textOf } from "../state";
import type { ResourceTable } from "../table";

export const rulesTables: readonly ResourceTable[] = [
  {
    name: "Ruleset",
    create: "POST /{scope}/rulesets",
    read: "GET /{scope}/rulesets/{id}",
    update: "PUT /{scope}/rulesets/{id}",
    delete: "DELETE /{scope}/rulesets/{id}",
    id: "id",
    importId: "scope/id",
    replace: ["accountId", "zoneId", "kind", "name", "phase"],
    recomputed: ["version", "lastUpdated"],
    rules: {
      description: { default: "" },
      "rules.*.description": { default: "" },
      "rules.*.enabled": { default: true },
      "rules.*.actionParameters": { default: {} },
      "rules.*.ratelimit.requestsToOrigin": { default: false },
      "rules.*.ratelimit.characteristics": { same: sameUnordered },
      // The API's own, for those that were never given.
      "rules.*.id": { ignored: true, local: true },
    },
    check({ accountId, zoneId }) {
      if ((accountId === undefined) !== (zoneId === undefined)) return [];
      return [{ property: "zoneId", reason: 'exactly one of "accountId" and "zoneId" has to be given' }];
    },
    // Its first version was made when it was.
    madeAt: ({ version, lastUpdated }) => Promise.resolve(version === "1" ? lastUpdated : undefined),
    toBody: (body) => queryStrings(body, toWire),
    fromAnswer: (answer) => queryStrings(answer, fromWire),
  },
  {
    name: "List",
    create: "POST /accounts/{accountId}/rules/lists",
    read: "GET /accounts/{accountId}/rules/lists/{id}",
    update: "PUT /accounts/{accountId}/rules/lists/{id}",
    delete: "DELETE /accounts/{accountId}/rules/lists/{id}",
    id: "id",
    importId: "accountId/id",
    replace: ["accountId", "kind", "name"],
    recomputed: ["modifiedOn"],
    rules: { items: { local: true, kept: true } },
    check({ items }) {
      if (items === undefined) return [];
      return [
        {
          property: "items",
          reason: "this provider makes lists without items: they are filled asynchronously",
        },
      ];
    },
    toBody: (body, { operation, wanted }) =>
      operation === "update" ? { description: wanted["description"] ?? "" } : body,
  },
  {
    name: "ManagedTransforms",
    create: "PATCH /zones/{zoneId}/managed_headers",
    read: "GET /zones/{zoneId}/managed_headers",
    update: "PATCH /zones/{zoneId}/managed_headers",
    delete: "DELETE /zones/{zoneId}/managed_headers",
    id: "zoneId",
    importId: "zoneId",
    replace: ["zoneId"],
    rules: {
      managedRequestHeaders: { same: sameUnordered },
      managedResponseHeaders: { same: sameUnordered },
    },
    async beforeCreate(_wanted, call) {
      const found = await call("GET /zones/{zoneId}/managed_headers");
      const enabled = headerLists.flatMap((list) => enabledIds(isObject(found) ? found[list] : undefined));
      if (enabled.length > 0) {
        throw new Error(
          `managed transforms are enabled already on this zone (${enabled.join(", ")}): import them, ` +
            "pulumi import cloudflare:index/managedTransforms:ManagedTransforms <name> '<zone_id>'",
        );
      }
    },
    toBody: (_body, { wanted, recorded, operation }) =>
      operation === "delete" ? undefined : transformsBody(wanted, recorded),
    fromAnswer: onlyDeclared,
  },
];

const headerLists = ["managed_request_headers", "managed_response_headers"] as const;
const headerNames = {
  managed_request_headers: "managedRequestHeaders",
  managed_response_headers: "managedResponseHeaders",
};

function enabledIds(list: Value): string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item) => (isObject(item) && item["enabled"] === true ? [textOf(item["id"])] : []));
}

/** Both lists, those that are no longer listed switched off. */
function transformsBody(wanted: Values, recorded: Values): Value {
  const body: Values = {};
  for (const list of headerLists) {
    const [now, before] = [wanted[headerNames[list]], recorded[headerNames[list]]].map((value) =>
      Array.isArray(value) ? value : [],
    ) as [Value[], Value[]];
    const id = (item: Value) => (isObject(item) ? item["id"] : undefined);
    const removed = before.filter((old) => !now.some((item) => id(item) === id(old)));
    body[list] = [...now, ...removed.map((old) => ({ id: id(old), enabled: false }))];
  }
  return body;
}

/** The answer lists every transform there is: those count that are enabled or were declared. */
function onlyDeclared(answer: Value, recorded: Values): Value {
  if (!isObject(answer)) return answer;
  const lists = headerLists.map((list) => {
    const declared = recorded[headerNames[list]];
    const ids = new Set(Array.isArray(declared) ? declared.map((item) => isObject(item) && item["id"]) : []);
    const found = Array.isArray(answer[list]) ? answer[list] : [];
    const kept = found.filter(
      (item) => isObject(item) && (item["enabled"] === true || ids.has(item["id"] as string)),
    );
    return [list, kept.map((item) => (isObject(item) ? { id: item["id"], enabled: item["enabled"] } : item))];
  });
  return Object.fromEntries(lists) as Values;
}

/** A cache key's query string is a plain list, or `*` for all, on the wire. */
function queryStrings(value: Value, change: (value: Value) => Value): Value {
  if (Array.isArray(value)) return value.map((item) => queryStrings(item, change));
  if (!isObject(value)) return value;
  return mapValues(value, (item, name) =>
    name === "query_string" && isObject(item) ? mapValues(item, change) : queryStrings(item, change),
  );
}

function toWire(value: Value): Value {
  if (!isObject(value)) return value;
  return value["all"] === true ? "*" : (value["list"] ?? []);
}

function fromWire(value: Value): Value {
  if (value === "*") return { all: true };
  return Array.isArray(value) ? { list: value } : value;
}
