/** Functions: one request each, its answer under the SDK's names. Results are never secret, as with the real provider. */
import { isObject, type Value, type Values } from "../values";
import type { Client } from "./client";
import { fillPath } from "./paths";
import { functionShape, type Shape } from "./shape";
import { decodeFields } from "./state";

/** Told with every function's run. */
interface InvokeContext {
  readonly config: Client;
  readonly signal: AbortSignal;
}

export type Invoke = (args: Values, context: InvokeContext) => Promise<Values>;

interface InvokeTable {
  readonly name: string;
  /** The path of the one thing that is asked for, when these arguments are given. */
  readonly one?: string;
  readonly oneBy?: string;
  /** The path of the list, and which arguments become its query. */
  readonly list?: string;
  readonly query?: (args: Values) => Record<string, Value>;
  /** `results`: the list is the result. Otherwise a list must have exactly one element. @default false */
  readonly isList?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Changes the answer. */
  readonly fromAnswer?: (answer: Value) => Value;
}

const filterOf = ({ filter }: Values): Values => (isObject(filter) ? filter : {});
const account = (value: Value): Values => (isObject(value) ? value : {});

const tables: readonly InvokeTable[] = [
  {
    name: "getZone",
    one: "/zones/{zoneId}",
    oneBy: "zoneId",
    list: "/zones",
    query: (args) => zoneQuery(filterOf(args)),
  },
  { name: "getZones", list: "/zones", query: zoneQuery, isList: true },
  { name: "getIpRanges", one: "/ips", query: ({ networks }) => ({ networks }) },
  {
    name: "getZeroTrustTunnelCloudflaredToken",
    one: "/accounts/{accountId}/cfd_tunnel/{tunnelId}/token",
    fromAnswer: (token) => ({ token }),
  },
  {
    name: "getZeroTrustAccessIdentityProviders",
    list: "/{scope}/access/identity_providers",
    query: ({ scimEnabled }) => ({ scim_enabled: scimEnabled }),
    isList: true,
  },
  {
    name: "getAccountApiTokenPermissionGroupsList",
    list: "/accounts/{accountId}/tokens/permission_groups",
    query: ({ name, scope }) => ({ name, scope }),
    isList: true,
  },
  {
    name: "getApiTokenPermissionGroupsList",
    list: "/user/tokens/permission_groups",
    query: ({ name, scope }) => ({ name, scope }),
    isList: true,
  },
  {
    name: "getAccount",
    one: "/accounts/{accountId}",
    oneBy: "accountId",
    list: "/accounts",
    query: (args) => ({ name: filterOf(args)["name"], direction: filterOf(args)["direction"] }),
  },
  {
    name: "getAccounts",
    list: "/accounts",
    query: ({ name, direction }) => ({ name, direction }),
    isList: true,
  },
  { name: "getPagesProject", one: "/accounts/{accountId}/pages/projects/{projectName}" },
  {
    name: "getR2Bucket",
    one: "/accounts/{accountId}/r2/buckets/{bucketName}",
    headers: { "cf-r2-jurisdiction": "default" },
  },
  {
    name: "getDnsRecord",
    one: "/zones/{zoneId}/dns_records/{dnsRecordId}",
    oneBy: "dnsRecordId",
    list: "/zones/{zoneId}/dns_records",
    query: (args) => dnsQuery(filterOf(args)),
  },
];

/** By token, for the provider's definition. */
export const invokes: Readonly<Record<string, Invoke>> = Object.fromEntries(
  tables.map((table) => {
    const shape = functionShape(table.name);
    return [shape.token, invokeOf(table, shape)];
  }),
);

function invokeOf(table: InvokeTable, shape: Shape): Invoke {
  return async (args, { config, signal }) => {
    const { one, oneBy, list, headers } = table;
    const query = queryText(table.query?.(args) ?? {});
    const request = { method: "GET", signal, headers };
    if (one !== undefined && (oneBy === undefined || args[oneBy] !== undefined)) {
      // The list's filters do not belong to the path of one thing.
      const path = fillPath(one, args, shape.token) + (list === undefined ? query : "");
      const { result } = await config.call({ ...request, path });
      return outputs(shape, args, table.fromAnswer?.(result) ?? result);
    }
    if (list === undefined) throw new Error(`${shape.token} needs ${oneBy ?? "other arguments"}`);
    if (oneBy !== undefined && args["filter"] === undefined) {
      throw new Error(`${shape.token} needs "${oneBy}" or "filter"`);
    }
    const most = typeof args["maxItems"] === "number" ? args["maxItems"] : undefined;
    const found = await config.list({ ...request, path: fillPath(list, args, shape.token) + query }, most);
    if (table.isList) return outputs(shape, args, { results: found });
    if (found.length !== 1) {
      const filter = JSON.stringify(args["filter"]);
      throw new Error(`${shape.token} found ${found.length} instead of exactly one for the filter ${filter}`);
    }
    return outputs(shape, args, found[0]);
  };
}

/** What was found, under the SDK's names, with the arguments and an id. */
function outputs(shape: Shape, args: Values, answer: Value): Values {
  const found = decodeFields(shape.fields, answer);
  const own = isObject(answer) ? answer : {};
  const id = own["id"] ?? own["name"] ?? args["accountId"] ?? args["zoneId"] ?? shape.token;
  const result: Values = { ...args, ...found, id };
  // Where the thing was found by a filter, its id is what the caller wants to go on with.
  for (const name of ["zoneId", "accountId", "dnsRecordId"]) {
    if (result[name] === undefined && shape.fields.some((field) => field.name === name)) result[name] = id;
  }
  return result;
}

function queryText(query: Record<string, Value>): string {
  const parts = Object.entries(query).flatMap(([name, value]) => {
    if (value === undefined || value === null || isObject(value)) return [];
    return (Array.isArray(value) ? value : [value]).map(
      (item) =>
        `${encodeURIComponent(name)}=${encodedOnce(typeof item === "string" ? item : JSON.stringify(item))}`,
    );
  });
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** The real provider wants filters URL-encoded by the program: those that are stay as they are. */
function encodedOnce(value: string): string {
  try {
    return decodeURIComponent(value) === value ? encodeURIComponent(value) : value;
  } catch {
    return encodeURIComponent(value);
  }
}

function zoneQuery(filter: Values): Record<string, Value> {
  const { name, status, match, order, direction, types } = filter;
  const { id, name: accountName } = account(filter["account"]);
  return {
    name,
    status,
    match,
    order,
    direction,
    type: types,
    "account.id": id,
    "account.name": accountName,
  };
}

function dnsQuery(filter: Values): Record<string, Value> {
  const query: Record<string, Value> = {};
  for (const name of ["type", "match", "order", "direction", "search", "proxied"]) query[name] = filter[name];
  for (const name of ["name", "content", "comment"]) {
    const condition = filter[name];
    if (!isObject(condition)) continue;
    for (const [key, value] of Object.entries(condition)) query[`${name}.${key}`] = value;
  }
  return query;
}
