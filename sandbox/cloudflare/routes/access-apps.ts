import { z } from "zod";
import { checkDuration, invalidRequest } from "../access-rules";
import { atBothLevels, type Call, type Route } from "../call";
import { objectOf } from "../crud";
import { type Answer, paginate, refuse } from "../envelope";
import { sha256, uuid } from "../ids";
import type { AccessAppRow } from "../model";
import { accountLimits } from "../plan";
import { parse } from "../validate";
import { policyBody, savePolicy } from "./access-policies";
import { isHostname, owningZone } from "./zones";

const needs = ["Access: Apps and Policies"];
const types = [
  "self_hosted",
  "saas",
  "ssh",
  "vnc",
  "app_launcher",
  "warp",
  "biso",
  "bookmark",
  "dash_sso",
  "infrastructure",
  "rdp",
  "mcp",
  "mcp_portal",
  "proxy_endpoint",
] as const;
const hosted = new Set(["self_hosted", "ssh", "vnc"]);
const destination = z.looseObject({
  type: z.enum(["public", "private", "via_mcp_server_portal"]).default("public"),
  uri: z.string().optional(),
});
const schema = z.looseObject({
  name: z.string().optional(),
  type: z.enum(types).default("self_hosted"),
  domain: z.string().optional(),
  destinations: z.array(destination).optional(),
  self_hosted_domains: z.array(z.string()).optional(),
  policies: z
    .array(
      z.union([
        z.string(),
        z.looseObject({ id: z.string().optional(), precedence: z.int().min(1).optional() }),
      ]),
    )
    .nullish(),
  allowed_idps: z.array(z.string()).nullish(),
  auto_redirect_to_identity: z.boolean().optional(),
  session_duration: z.string().optional(),
  tags: z.array(z.string()).nullish(),
  options_preflight_bypass: z.boolean().optional(),
  cors_headers: z.record(z.string(), z.unknown()).nullish(),
  same_site_cookie_attribute: z.enum(["", "none", "lax", "strict"]).nullish(),
});
type AppBody = z.output<typeof schema>;

const one = "/access/apps/{app_id}";

export const accessAppRoutes: readonly Route[] = atBothLevels([
  {
    method: "POST",
    path: "/access/apps",
    needs,
    handle: (call) => ({ status: 201, result: appBody(save(call), call) }),
  },
  { method: "GET", path: "/access/apps", needs, handle: list },
  { method: "GET", path: one, needs, handle: (call) => ({ result: appBody(found(call), call) }) },
  { method: "PUT", path: one, needs, handle: (call) => ({ result: appBody(save(call, found(call)), call) }) },
  { method: "DELETE", path: one, needs, handle: remove },
  {
    method: "POST",
    path: `${one}/revoke_tokens`,
    needs,
    handle(call) {
      const app = found(call);
      call.store.put("accessApps", app.id, { ...app, tokensRevokedAt: call.time });
      return { status: 202, result: {} };
    },
  },
]);

function found({ store, params, scope }: Call): AccessAppRow {
  const row = store.get("accessApps", params["app_id"]!);
  if (row?.scope !== scope) throw refuse(404, 11012, "access.api.error.unknown_application");
  return row;
}

function list(call: Call): Answer {
  const { query } = call;
  const rows = call.store.list("accessApps", ({ scope, body, aud }) => {
    if (scope !== call.scope || (query["aud"] !== undefined && query["aud"] !== aud)) return false;
    if (query["name"] !== undefined && body["name"] !== query["name"]) return false;
    return query["domain"] === undefined || body["domain"] === query["domain"];
  });
  const { page, resultInfo } = paginate(rows, query, { perPage: 25 });
  return { result: page.map((row) => appBody(row, call)), resultInfo };
}

function save(call: Call, before?: AccessAppRow): AccessAppRow {
  const given = parse(schema, call.body ?? {}, { code: 12130, prefix: "access.api.error.invalid_request: " });
  checkDuration(given.session_duration, "session_duration");
  checkReferences(given, call);
  const where = hosted.has(given.type) ? addresses(given, call, before) : {};
  if (before === undefined && call.store.list("accessApps").length >= accountLimits.accessApplications) {
    throw refuse(400, 11014, "access.api.error.application_limit_reached");
  }
  const { policies: wanted, ...body } = given;
  const id = before?.id ?? uuid();
  const policies = wanted === undefined ? (before?.policies ?? []) : attach(wanted ?? [], call, id);
  removeOrphans(call, id, policies);
  return call.store.put("accessApps", id, {
    id,
    kind: "access-app",
    scope: call.scope,
    body: { ...defaults, ...body, ...where },
    createdAt: before?.createdAt ?? call.time,
    updatedAt: call.time,
    aud: before?.aud ?? sha256(id),
    policies,
    tokensRevokedAt: before?.tokensRevokedAt,
  });
}

const defaults = {
  app_launcher_visible: true,
  auto_redirect_to_identity: false,
  enable_binding_cookie: false,
  http_only_cookie_attribute: true,
  options_preflight_bypass: false,
  session_duration: "24h",
};

function checkReferences(given: AppBody, call: Call): void {
  for (const id of given.allowed_idps ?? []) {
    if (objectOf(call.store, "identity-provider", id) === undefined) {
      throw invalidRequest(`allowed_idps: identity provider not found: ${id}`);
    }
  }
  if (given.auto_redirect_to_identity === true && (given.allowed_idps ?? []).length !== 1) {
    throw invalidRequest("auto_redirect_to_identity requires exactly one identity provider in allowed_idps");
  }
  if (given.options_preflight_bypass === true && (given.cors_headers ?? undefined) !== undefined) {
    throw invalidRequest("options_preflight_bypass cannot be used together with cors_headers");
  }
  for (const name of given.tags ?? []) {
    if (objectOf(call.store, "access-tag", name) === undefined)
      throw invalidRequest(`tag does not exist: ${name}`);
  }
}

/** domain, self_hosted_domains and destinations, whichever of them was given. */
function addresses(given: AppBody, call: Call, before: AccessAppRow | undefined): object {
  if (given.destinations !== undefined && given.self_hosted_domains !== undefined) {
    throw invalidRequest("destinations and self_hosted_domains cannot be used together");
  }
  const listed =
    given.destinations ?? given.self_hosted_domains?.map((uri) => ({ type: "public" as const, uri }));
  const uris = (listed ?? []).flatMap(({ type, uri }) => (type === "public" ? [uri ?? ""] : []));
  const domain = given.domain ?? uris[0];
  if (domain === undefined) throw invalidRequest("a domain or at least one destination is required");
  if (listed === undefined) uris.push(domain);
  else if (given.domain !== undefined && !uris.includes(given.domain)) {
    throw invalidRequest("domain must be one of the public destinations");
  }
  if (uris.length > accountLimits.accessDestinations) {
    throw invalidRequest(
      `at most ${accountLimits.accessDestinations} public destinations are allowed, found ${uris.length}`,
    );
  }
  for (const uri of uris) checkUri(uri, call, before);
  if (new Set(uris).size < uris.length) throw invalidRequest("destinations must be unique");
  return { domain, self_hosted_domains: uris, destinations: listed ?? [{ type: "public", uri: domain }] };
}

function checkUri(uri: string, call: Call, before: AccessAppRow | undefined): void {
  const [host = "", ...path] = uri.split("/");
  if (/[?#:\s]/.test(uri))
    throw invalidRequest(`a destination has no scheme, port, query or fragment: ${uri}`);
  if (
    !isHostname(host.replaceAll("*", "a")) ||
    host.split(".").some((label) => label.split("*").length > 2)
  ) {
    throw invalidRequest(`not a valid domain: ${host}`);
  }
  if (path.some((segment) => segment.split("*").length > 2))
    throw invalidRequest(`one wildcard between slashes at most: ${uri}`);
  const zone = owningZone(call.store, host.replace(/^[^.]*\*[^.]*\./, ""));
  if (zone === undefined || (call.scope.startsWith("zones/") && call.scope !== `zones/${zone.id}`)) {
    throw invalidRequest(`domain does not belong to zone: ${host}`);
  }
  const taken = call.store.find(
    "accessApps",
    (app) =>
      app.id !== before?.id && ((app.body["self_hosted_domains"] ?? []) as readonly string[]).includes(uri),
  );
  if (taken !== undefined) throw refuse(409, 11010, "access.api.error.application_already_exists");
}

/** The policies of an application: references to reusable ones, and inline ones that it owns. */
function attach(
  wanted: NonNullable<AppBody["policies"]>,
  call: Call,
  appId: string,
): AccessAppRow["policies"] {
  const attached = wanted.map((entry, index) => {
    const body = typeof entry === "string" ? { id: entry } : entry;
    const precedence = ("precedence" in body ? body.precedence : undefined) ?? index + 1;
    const existing = body.id === undefined ? undefined : call.store.get("accessPolicies", body.id);
    if ("decision" in body && (existing === undefined || existing.appId === appId)) {
      const row = savePolicy(
        call,
        { ...body, precedence },
        existing === undefined ? { appId } : { before: existing },
      );
      return { id: row.id, precedence };
    }
    const usable = existing !== undefined && (existing.appId === undefined || existing.appId === appId);
    if (!usable) throw invalidRequest(`policy not found: ${body.id ?? "(no id)"}`);
    return { id: existing.id, precedence };
  });
  if (new Set(attached.map(({ precedence }) => precedence)).size < attached.length) {
    throw invalidRequest("policies must have unique precedence");
  }
  return attached.sort((left, right) => left.precedence - right.precedence);
}

function removeOrphans({ store }: Call, appId: string, kept: AccessAppRow["policies"]): void {
  store.deleteWhere("accessPolicies", (row) => row.appId === appId && !kept.some(({ id }) => id === row.id));
}

function remove(call: Call): Answer {
  const app = found(call);
  removeOrphans(call, app.id, []);
  call.store.delete("accessApps", app.id);
  return { status: 202, result: { id: app.id } };
}

function appBody(row: AccessAppRow, { store }: Call): object {
  return {
    ...row.body,
    id: row.id,
    uid: row.id,
    aud: row.aud,
    policies: row.policies.map(({ id, precedence }) => ({
      ...policyBody(store.get("accessPolicies", id)!, store),
      precedence,
    })),
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  };
}
