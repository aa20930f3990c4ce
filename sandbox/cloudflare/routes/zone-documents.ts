import { z } from "zod";
import type { Call, Needs, Route } from "../call";
import { type Answer, refuse } from "../envelope";
import { sha256, stableId } from "../ids";
import type { Json } from "../model";
import { parse } from "../validate";
import { completeName } from "../dns-rules";

/** A single document of a zone that is always there: read, changed, and set back by DELETE where that exists. */
interface ZoneDocument {
  readonly path: string;
  readonly needs: Needs;
  readonly changedBy: readonly ("PATCH" | "PUT" | "POST")[];
  /** The status that DELETE answers: 204 comes without a body. Default: there is no DELETE. */
  readonly removable?: 200 | 204;
  readonly schema: z.ZodType;
  readonly initial: Json;
  present(body: Json, call: Call, modifiedOn: string | null): object;
  /** @throws ApiError for a change that the state does not allow. */
  next?(given: Json, before: Json, call: Call): Json;
}

const errors = { code: 1004, prefix: "Invalid request body: " };

function documentRoutes(document: ZoneDocument): Route[] {
  const path = `/zones/{zone_id}${document.path}`;
  const keyOf = (call: Call): string => `${document.path}/${call.scope}/${call.params["hostname"] ?? ""}`;
  const read = (call: Call): { body: Json; modifiedOn: string | null } =>
    call.store.get("documents", keyOf(call)) ?? { body: document.initial, modifiedOn: null };
  const show = (call: Call): Answer => {
    const { body, modifiedOn } = read(call);
    return { result: document.present(body, call, modifiedOn) };
  };
  return [
    { method: "GET", path, needs: document.needs, handle: show },
    ...document.changedBy.map((method): Route => ({
      method,
      path,
      needs: document.needs,
      handle: (call) => {
        const given = parse(document.schema, call.body ?? {}, errors) as Json;
        const before = read(call).body;
        const body = document.next?.(given, before, call) ?? { ...before, ...given };
        call.store.put("documents", keyOf(call), { owner: call.scope, body, modifiedOn: call.time });
        return show(call);
      },
    })),
    ...(document.removable !== undefined
      ? [
          {
            method: "DELETE" as const,
            path,
            needs: document.needs,
            handle: (call: Call) => {
              const { body } = read(call);
              call.store.delete("documents", keyOf(call));
              return { status: document.removable!, result: document.present(body, call, call.time) };
            },
          },
        ]
      : []),
  ];
}

const dnssec: ZoneDocument = {
  path: "/dnssec",
  needs: ["DNS"],
  changedBy: ["PATCH"],
  schema: z.looseObject({
    status: z.enum(["active", "disabled"]).optional(),
    dnssec_multi_signer: z.boolean().optional(),
    dnssec_presigned: z.boolean().optional(),
    dnssec_use_nsec3: z.boolean().optional(),
  }),
  initial: { status: "disabled" },
  present(body, { zone }, modifiedOn) {
    if (body["status"] !== "active") return { ...body, modified_on: modifiedOn };
    const digest = sha256(`dnssec ${zone.id}`).toUpperCase();
    const keyTag = Number.parseInt(stableId(zone.id).slice(0, 4), 16);
    const publicKey = Buffer.from(sha256(zone.id), "hex").toString("base64");
    return {
      ...body,
      flags: 257,
      algorithm: "13",
      key_type: "ECDSAP256SHA256",
      digest_type: "2",
      digest_algorithm: "SHA256",
      digest,
      key_tag: keyTag,
      public_key: publicKey,
      ds: `${zone.name}. 3600 IN DS ${keyTag} 13 2 ${digest}`,
      modified_on: modifiedOn,
    };
  },
};

const dnsSettings: ZoneDocument = {
  path: "/dns_settings",
  needs: ["DNS"],
  changedBy: ["PATCH"],
  schema: z.looseObject({
    flatten_all_cnames: z.boolean().optional(),
    foundation_dns: z.boolean().optional(),
    multi_provider: z.boolean().optional(),
    ns_ttl: z.int().min(30).max(86_400).optional(),
    secondary_overrides: z.boolean().optional(),
    zone_mode: z.enum(["standard", "cdn_only", "dns_only"]).optional(),
  }),
  initial: {
    flatten_all_cnames: false,
    foundation_dns: false,
    multi_provider: false,
    secondary_overrides: false,
    ns_ttl: 86_400,
    zone_mode: "standard",
    nameservers: { type: "cloudflare.standard" },
    soa: {
      expire: 604_800,
      min_ttl: 1800,
      mname: null,
      refresh: 10_000,
      retry: 2400,
      rname: "dns.cloudflare.com",
      ttl: 3600,
    },
  },
  present: (body) => body,
};

const tieredCache: ZoneDocument = {
  path: "/cache/tiered_cache_smart_topology_enable",
  needs: ["Cache Settings", "Zone Settings"],
  changedBy: ["PATCH", "POST"],
  removable: 200,
  schema: z.strictObject({ value: z.enum(["on", "off"]) }),
  initial: { value: "off" },
  present: ({ value }, _call, modifiedOn) => ({
    id: "tiered_cache_smart_topology_enable",
    value,
    editable: true,
    modified_on: modifiedOn,
  }),
};

const universalSsl: ZoneDocument = {
  path: "/ssl/universal/settings",
  needs: ["SSL and Certificates"],
  changedBy: ["PATCH"],
  schema: z.looseObject({ enabled: z.boolean().optional(), certificate_authority: z.string().optional() }),
  initial: { enabled: true },
  present: (body) => body,
};

const urlNormalization: ZoneDocument = {
  path: "/url_normalization",
  needs: ["URL Normalization", "Transform Rules"],
  changedBy: ["PUT"],
  removable: 204,
  schema: z.strictObject({
    type: z.enum(["cloudflare", "rfc3986"]),
    scope: z.enum(["incoming", "both", "none"]),
  }),
  initial: { type: "cloudflare", scope: "incoming" },
  present: (body) => body,
};

/** Managed transforms that exist, and whether the plan has them. */
const requestHeaders = [
  "add_bot_protection_headers",
  "add_client_certificate_headers",
  "add_visitor_location_headers",
  "add_waf_credential_check_status_header",
  "remove_visitor_ip_headers",
];
const responseHeaders = ["remove_x-powered-by_header", "add_security_headers"];
const enterpriseOnly = new Set(["add_bot_protection_headers", "add_waf_credential_check_status_header"]);
const transforms = z.array(z.looseObject({ id: z.string(), enabled: z.boolean() })).optional();

const managedHeaders: ZoneDocument = {
  path: "/managed_headers",
  needs: ["Managed headers", "Transform Rules"],
  changedBy: ["PATCH"],
  removable: 204,
  schema: z.strictObject({ managed_request_headers: transforms, managed_response_headers: transforms }),
  initial: {},
  next(given, before, { zone }) {
    const enabled = new Set((before["enabled"] ?? []) as readonly string[]);
    for (const [list, known] of [
      ["managed_request_headers", requestHeaders],
      ["managed_response_headers", responseHeaders],
    ] as const) {
      for (const { id, enabled: wanted } of (given[list] ?? []) as { id: string; enabled: boolean }[]) {
        if (!known.includes(id)) throw refuse(400, 20101, `unknown managed transform: ${id}`);
        if (wanted && enterpriseOnly.has(id) && zone.plan !== "enterprise")
          throw refuse(403, 20102, `not entitled to use managed transform: ${id}`);
        if (wanted) enabled.add(id);
        else enabled.delete(id);
      }
    }
    return { enabled: [...enabled] };
  },
  present(body) {
    const enabled = (body["enabled"] ?? []) as readonly string[];
    const show = (ids: readonly string[]): object[] =>
      ids.map((id) => ({ id, enabled: enabled.includes(id), has_conflict: false }));
    return { managed_request_headers: show(requestHeaders), managed_response_headers: show(responseHeaders) };
  },
};

/** Per-host TLS settings. */
const hostnameValues: Readonly<Record<string, z.ZodType>> = {
  min_tls_version: z.enum(["1.0", "1.1", "1.2", "1.3"]),
  http2: z.enum(["on", "off"]),
  ciphers: z.array(z.string()),
};
const hostnamePath = "/zones/{zone_id}/hostnames/settings/{setting_id}";
const oneHostname = `${hostnamePath}/{hostname}`;
const hostnameNeeds = ["SSL and Certificates"];

const hostnameRoutes: Route[] = [
  {
    method: "GET",
    path: hostnamePath,
    needs: hostnameNeeds,
    handle: (call) => ({
      result: call.store
        .list("documents", ({ owner, body }) => owner === call.scope && body["setting"] === settingOf(call))
        .map(hostnameBody),
    }),
  },
  {
    method: "GET",
    path: oneHostname,
    needs: hostnameNeeds,
    handle: (call) => {
      const row = call.store.get("documents", hostnameKey(call));
      if (row === undefined) throw refuse(404, 1103, "No such setting for this hostname");
      return { result: hostnameBody(row) };
    },
  },
  {
    method: "PUT",
    path: oneHostname,
    needs: hostnameNeeds,
    handle: (call) => {
      const setting = settingOf(call);
      const { value } = parse(z.object({ value: hostnameValues[setting]! }), call.body ?? {}, {
        code: 1102,
        prefix: "Invalid request body: ",
      });
      const hostname = completeName(call.params["hostname"]!, call.zone.name);
      const before = call.store.get("documents", hostnameKey(call));
      const body = { setting, hostname, value, created_at: before?.body["created_at"] ?? call.time };
      return {
        result: hostnameBody(
          call.store.put("documents", hostnameKey(call), { owner: call.scope, body, modifiedOn: call.time }),
        ),
      };
    },
  },
  {
    method: "DELETE",
    path: oneHostname,
    needs: hostnameNeeds,
    handle: (call) => {
      const row = call.store.get("documents", hostnameKey(call));
      if (row === undefined) throw refuse(404, 1103, "No such setting for this hostname");
      call.store.delete("documents", hostnameKey(call));
      return { result: { ...hostnameBody(row), status: "pending_deletion" } };
    },
  },
];

function settingOf({ params }: Call): string {
  const setting = params["setting_id"]!;
  if (!(setting in hostnameValues)) throw refuse(400, 1101, `Unknown hostname setting: ${setting}`);
  return setting;
}

function hostnameKey(call: Call): string {
  return `hostname-settings/${call.scope}/${settingOf(call)}/${call.params["hostname"]!.toLowerCase()}`;
}

function hostnameBody({ body, modifiedOn }: { body: Json; modifiedOn: string }): object {
  return {
    hostname: body["hostname"],
    value: body["value"],
    status: "active",
    created_at: body["created_at"],
    updated_at: modifiedOn,
  };
}

const originPulls: ZoneDocument = {
  path: "/origin_tls_client_auth/settings",
  needs: ["SSL and Certificates"],
  changedBy: ["PUT"],
  schema: z.strictObject({ enabled: z.boolean() }),
  initial: { enabled: false },
  present: (body) => body,
};

const dnssecDelete: Route = {
  method: "DELETE",
  path: "/zones/{zone_id}/dnssec",
  needs: ["DNS"],
  handle: ({ store, scope }) => {
    store.delete("documents", `/dnssec/${scope}/`);
    return { result: "" };
  },
};

export const zoneDocumentRoutes: readonly Route[] = [
  ...[dnssec, dnsSettings, tieredCache, universalSsl, urlNormalization, managedHeaders, originPulls].flatMap(
    documentRoutes,
  ),
  dnssecDelete,
  ...hostnameRoutes,
];
