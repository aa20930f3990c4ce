import { parse as parseDomain } from "tldts";
import { z } from "zod";
import type { Call, Route } from "../call";
import { paginate, refuse } from "../envelope";
import { hexId, stableId } from "../ids";
import type { PlanName, ZoneRow } from "../model";
import { planBody } from "../plan";
import type { Store } from "../store";
import { parse } from "../validate";

const create = z.object({
  name: z.string().min(1),
  account: z.object({ id: z.string() }).optional(),
  type: z.enum(["full", "partial", "secondary", "internal"]).default("full"),
  jump_start: z.boolean().optional(),
});
const edit = z.object({
  paused: z.boolean().optional(),
  type: z.enum(["full", "partial", "secondary", "internal"]).optional(),
  vanity_name_servers: z.array(z.string()).optional(),
  plan: z.object({ id: z.string() }).partial().optional(),
});

export const zoneRoutes: readonly Route[] = [
  { method: "GET", path: "/zones", needs: "any", handle: list },
  { method: "POST", path: "/zones", needs: "any", handle: add },
  {
    method: "GET",
    path: "/zones/{zone_id}",
    needs: ["Zone"],
    handle: (call) => ({ result: zoneBody(call, call.zone) }),
  },
  { method: "PATCH", path: "/zones/{zone_id}", needs: ["Zone"], handle: change },
  { method: "DELETE", path: "/zones/{zone_id}", needs: ["Zone"], handle: remove },
  { method: "PUT", path: "/zones/{zone_id}/activation_check", needs: ["Zone"], handle: activate },
];

function list(call: Call): ReturnType<Route["handle"]> {
  const { store, identity, account, query } = call;
  const zones = store.list("zones", (zone) => {
    if (!identity.may(["Zone Read", "Zone Write"], { kind: "zone", account: account.id, zone: zone.id }))
      return false;
    if (query["name"] !== undefined && !matchesName(zone.name, query["name"])) return false;
    if (query["status"] !== undefined && statusOf(call, zone) !== query["status"]) return false;
    if (query["account.id"] !== undefined && query["account.id"] !== account.id) return false;
    return query["account.name"] === undefined || matchesName(account.name, query["account.name"]);
  });
  if (query["order"] === "name") zones.sort((left, right) => left.name.localeCompare(right.name));
  if (query["direction"] === "desc") zones.reverse();
  const { page, resultInfo } = paginate(zones, query, { least: 5, most: 50 });
  return { result: page.map((zone) => zoneBody(call, zone)), resultInfo };
}

/** `name`, or `contains:…`, `starts_with:…`, `equal:…` as the API's filters have it. */
function matchesName(name: string, filter: string): boolean {
  const [, operator, text = ""] = /^(?:(equal|not_equal|starts_with|ends_with|contains):)?(.*)$/.exec(
    filter.toLowerCase(),
  )!;
  const value = name.toLowerCase();
  switch (operator) {
    case "not_equal":
      return value !== text;
    case "starts_with":
      return value.startsWith(text);
    case "ends_with":
      return value.endsWith(text);
    case "contains":
      return value.includes(text);
    default:
      return value === text;
  }
}

function add(call: Call): ReturnType<Route["handle"]> {
  const { store, account } = call;
  const body = parse(create, call.body, { code: 1001 });
  if (body.account !== undefined && body.account.id !== account.id)
    throw refuse(403, 10000, "Authentication error");
  if (!call.identity.may(["Zone Write"], { kind: "zone", account: account.id, zone: "*" })) {
    throw refuse(
      403,
      0,
      `Requires permission "com.cloudflare.api.account.zone.create" to create zones for the selected account`,
    );
  }
  const name = body.name.toLowerCase();
  const parsed = parseDomain(name, { allowPrivateDomains: true });
  if (parsed.domain !== name || !isHostname(name)) {
    throw refuse(
      400,
      1099,
      `Please ensure you are providing the root domain and not any subdomains (e.g., example.com, not subdomain.example.com): ${body.name}`,
    );
  }
  if (store.find("zones", (zone) => zone.name === name) !== undefined)
    throw refuse(400, 1061, `${name} already exists`);
  return {
    result: zoneBody(call, addZone(store, { name, type: body.type, status: "pending", time: call.time })),
  };
}

/** A new zone as it is stored. */
export function addZone(
  store: Store,
  parts: {
    id?: string;
    name: string;
    type?: ZoneRow["type"];
    plan?: PlanName;
    status: ZoneRow["status"];
    time: string;
  },
): ZoneRow {
  const id = parts.id ?? hexId();
  const servers = ["ada", "bob", "cleo", "dana", "elma", "finn", "gail", "hank"];
  const pick = Number.parseInt(stableId(parts.name).slice(0, 2), 16);
  return store.put("zones", id, {
    id,
    name: parts.name,
    type: parts.type ?? "full",
    paused: false,
    plan: parts.plan ?? "free",
    status: parts.status,
    nameServers: [0, 3].map((step) => `${servers[(pick + step) % servers.length]!}.ns.cloudflare.com`),
    createdOn: parts.time,
    modifiedOn: parts.time,
    activatedOn: parts.status === "active" ? parts.time : null,
    verificationKey: `${Number.parseInt(stableId(id).slice(0, 7), 16)}-${Number.parseInt(stableId(id).slice(7, 14), 16)}`,
  });
}

/** Pending in the answer to its creation; the registrar is taken to have followed by the next look. */
function statusOf({ time }: Call, zone: ZoneRow): string {
  return zone.status === "pending" && zone.createdOn === time ? "pending" : "active";
}

function change(call: Call): ReturnType<Route["handle"]> {
  const body = parse(edit, call.body, { code: 1001 });
  if (Object.keys(body).length > 1)
    throw refuse(400, 1002, "Only one zone property can be changed at a time");
  const { zone, store } = call;
  const next: ZoneRow = {
    ...zone,
    paused: body.paused ?? zone.paused,
    type: body.type ?? zone.type,
    modifiedOn: call.time,
  };
  return { result: zoneBody(call, store.put("zones", zone.id, next)) };
}

function activate(call: Call): ReturnType<Route["handle"]> {
  call.store.put("zones", call.zone.id, { ...call.zone, status: "active", activatedOn: call.time });
  return { result: { id: call.zone.id } };
}

function remove({ store, zone }: Call): ReturnType<Route["handle"]> {
  const scope = `zones/${zone.id}`;
  store.deleteWhere("dns", (row) => row.zoneId === zone.id);
  store.deleteWhere("settings", (row) => row.zoneId === zone.id);
  store.deleteWhere("bucketDomains", (row) => row.zoneId === zone.id);
  store.deleteWhere("documents", (row) => row.owner === scope);
  for (const table of ["rulesets", "objects", "accessPolicies", "accessApps", "serviceTokens"] as const) {
    store.deleteWhere(table, (row) => row.scope === scope);
  }
  store.delete("zones", zone.id);
  return { result: { id: zone.id } };
}

/** A host name of at least two labels, without a trailing dot; `_` is allowed at a label's start. */
export function isHostname(text: string): boolean {
  return (
    text.length <= 253 &&
    /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(text)
  );
}

/** The zone that owns a host: the longest whose name it is or ends with. */
export function owningZone(store: Store, host: string): ZoneRow | undefined {
  const name = host.toLowerCase();
  return store
    .list("zones", (zone) => name === zone.name || name.endsWith(`.${zone.name}`))
    .sort((left, right) => right.name.length - left.name.length)[0];
}

function zoneBody(call: Call, zone: ZoneRow): object {
  const { account } = call;
  const status = statusOf(call, zone);
  return {
    id: zone.id,
    name: zone.name,
    status,
    paused: zone.paused,
    type: zone.type,
    development_mode: 0,
    name_servers: zone.type === "full" ? zone.nameServers : [],
    original_name_servers: null,
    original_registrar: null,
    original_dnshost: null,
    modified_on: zone.modifiedOn,
    created_on: zone.createdOn,
    activated_on: status === "active" ? (zone.activatedOn ?? zone.createdOn) : null,
    verification_key: zone.verificationKey,
    vanity_name_servers: [],
    meta: {
      step: 2,
      custom_certificate_quota: 0,
      page_rule_quota: 3,
      phishing_detected: false,
      cdn_only: false,
      dns_only: false,
      foundation_dns: false,
    },
    owner: { id: account.id, type: "organization", name: account.name },
    account: { id: account.id, name: account.name },
    tenant: { id: null, name: null },
    tenant_unit: { id: null },
    permissions: [
      "#dns_records:edit",
      "#dns_records:read",
      "#zone:edit",
      "#zone:read",
      "#zone_settings:edit",
      "#zone_settings:read",
    ],
    plan: planBody(zone.plan),
  };
}
