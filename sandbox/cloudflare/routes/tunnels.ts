import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Call, Route } from "../call";
import type { TunnelConnection } from "../connectors";
import { type Answer, paginate, refuse } from "../envelope";
import { uuid } from "../ids";
import type { Json, TunnelRow } from "../model";
import { accountLimits } from "../plan";
import { parse } from "../validate";

const needs = ["Cloudflare Tunnel"];
const path = "/accounts/{account_id}/cfd_tunnel";
const one = `${path}/{tunnel_id}`;
const errors = { code: 1001, prefix: "Invalid request: " };

const tunnelSecret = z
  .string()
  .refine(
    (text) => /^[A-Za-z0-9+/]+=*$/.test(text) && Buffer.from(text, "base64").length >= 32,
    "must be base64 of at least 32 bytes",
  );
const create = z.object({
  name: z.string().min(1),
  config_src: z.enum(["local", "cloudflare"]).default("local"),
  tunnel_secret: tunnelSecret.optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
const edit = z.object({ name: z.string().min(1).optional(), tunnel_secret: tunnelSecret.optional() });
const ingressRule = z.looseObject({
  hostname: z.string().optional(),
  path: z.string().optional(),
  service: z.string().min(1),
  originRequest: z.record(z.string(), z.unknown()).optional(),
});
const configuration = z.object({
  config: z.looseObject({
    ingress: z.array(ingressRule).optional(),
    originRequest: z.record(z.string(), z.unknown()).optional(),
  }),
  source: z.enum(["local", "cloudflare"]).optional(),
});

export const tunnelRoutes: readonly Route[] = [
  { method: "POST", path, needs, handle: add },
  { method: "GET", path, needs, handle: list },
  { method: "GET", path: one, needs, handle: (call) => ({ result: tunnelBody(found(call), call) }) },
  { method: "PATCH", path: one, needs, handle: change },
  { method: "DELETE", path: one, needs, handle: remove },
  {
    method: "GET",
    path: `${one}/configurations`,
    needs,
    handle: (call) => ({ result: configBody(found(call), call) }),
  },
  { method: "PUT", path: `${one}/configurations`, needs, handle: configure },
  { method: "GET", path: `${one}/token`, needs, handle: (call) => ({ result: tokenOf(live(call), call) }) },
  { method: "GET", path: `${one}/connections`, needs, handle: connections },
  {
    method: "DELETE",
    path: `${one}/connections`,
    needs,
    handle: (call) => {
      const row = found(call);
      call.connectors.drop(row.id, call.query["client_id"]);
      return { result: null };
    },
  },
  { method: "GET", path: `${one}/connectors/{connector_id}`, needs, handle: connector },
];

function found({ store, params }: Call): TunnelRow {
  const row = store.get("tunnels", params["tunnel_id"]!);
  if (row === undefined) throw refuse(404, 1003, "Tunnel not found");
  return row;
}

function live(call: Call): TunnelRow {
  const row = found(call);
  if (row.deletedAt !== null) throw refuse(404, 1003, "Tunnel not found");
  return row;
}

function checkName({ store }: Call, name: string, own?: string): void {
  if (
    store.find("tunnels", (row) => row.name === name && row.deletedAt === null && row.id !== own) !==
    undefined
  ) {
    throw refuse(
      409,
      1013,
      "You already have a tunnel with this name. Delete the existing tunnel, or choose a different name for your new tunnel",
    );
  }
}

function add(call: Call): Answer {
  const body = parse(create, call.body ?? {}, errors);
  checkName(call, body.name);
  if (call.store.list("tunnels", ({ deletedAt }) => deletedAt === null).length >= accountLimits.tunnels) {
    throw refuse(400, 1014, "You have reached the maximum number of tunnels for this account");
  }
  const row: TunnelRow = {
    id: uuid(),
    name: body.name,
    configSrc: body.config_src,
    secret: body.tunnel_secret ?? randomBytes(32).toString("base64"),
    createdAt: call.time,
    deletedAt: null,
    metadata: body.metadata ?? {},
    wasConnected: false,
  };
  call.store.put("tunnels", row.id, row);
  return {
    result: {
      ...tunnelBody(row, call),
      credentials_file: {
        AccountTag: call.account.id,
        TunnelID: row.id,
        TunnelName: row.name,
        TunnelSecret: row.secret,
      },
      token: tokenOf(row, call),
    },
  };
}

function list(call: Call): Answer {
  const { query } = call;
  const rows = call.store.list("tunnels", (row) => {
    if (query["is_deleted"] !== undefined && query["is_deleted"] !== String(row.deletedAt !== null))
      return false;
    if (query["name"] !== undefined && query["name"] !== row.name) return false;
    if (query["uuid"] !== undefined && query["uuid"] !== row.id) return false;
    if (query["include_prefix"] !== undefined && !row.name.startsWith(query["include_prefix"])) return false;
    if (query["exclude_prefix"] !== undefined && row.name.startsWith(query["exclude_prefix"])) return false;
    return query["status"] === undefined || query["status"] === statusOf(row, call);
  });
  const { page, resultInfo } = paginate(rows, query);
  return { result: page.map((row) => tunnelBody(row, call)), resultInfo };
}

function change(call: Call): Answer {
  const before = live(call);
  const body = parse(edit, call.body ?? {}, errors);
  if (body.name !== undefined) checkName(call, body.name, before.id);
  const row = { ...before, name: body.name ?? before.name, secret: body.tunnel_secret ?? before.secret };
  return { result: tunnelBody(call.store.put("tunnels", row.id, row), call) };
}

function remove(call: Call): Answer {
  const row = live(call);
  if (call.query["cascade"] === "true") call.connectors.drop(row.id);
  const open = call.connectors.of(row.id).length;
  if (open > 0) {
    throw refuse(
      400,
      1022,
      `Cannot delete tunnel because it has active connections: ${open}. Stop its connectors first.`,
    );
  }
  return { result: tunnelBody(call.store.put("tunnels", row.id, { ...row, deletedAt: call.time }), call) };
}

function configure(call: Call): Answer {
  const row = live(call);
  const body = parse(configuration, call.body ?? {}, { code: 1056, prefix: "Bad Configuration: " });
  checkIngress(body.config.ingress ?? []);
  const config = { body: body.config as Json, version: (row.config?.version ?? 0) + 1, createdAt: call.time };
  return {
    result: configBody(call.store.put("tunnels", row.id, { ...row, configSrc: "cloudflare", config }), call),
  };
}

/** @throws ApiError 1056 in cloudflared's words. */
export function checkIngress(rules: readonly z.output<typeof ingressRule>[]): void {
  if (rules.length === 0) throw bad("The ingress rules must not be empty");
  for (const [index, { hostname = "", path: pattern = "", service }] of rules.entries()) {
    const isLast = index === rules.length - 1;
    const all = (hostname === "" || hostname === "*") && pattern === "";
    if (isLast && !all)
      throw bad(
        "The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)",
      );
    if (!isLast && all)
      throw bad(`Rule #${index + 1} is matching all URLs, so the rules after it can never match`);
    if (hostname.includes("*") && !/^\*(\.[^*]+)?$/.test(hostname))
      throw bad(
        `Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, e.g. "*.example.com"`,
      );
    if (/:\d+$/.test(hostname)) throw bad("Hostname cannot contain a port");
    if (!isService(service))
      throw bad(`${service} is an invalid address, please make sure it has a scheme and a hostname`);
    try {
      new RegExp(pattern);
    } catch {
      throw bad(`Rule #${index + 1} has an invalid regex`);
    }
  }
}

function isService(service: string): boolean {
  if (["hello_world", "hello-world", "bastion", "socks-proxy"].includes(service)) return true;
  const status = /^http_status:(\d{3})$/.exec(service)?.[1];
  if (status !== undefined) return Number(status) >= 100 && Number(status) <= 999;
  if (/^unix(\+tls)?:.+/.test(service)) return true;
  return /^[a-z][a-z0-9+.-]*:\/\/[^/\s]+$/i.test(service.replace(/\/$/, ""));
}

function bad(reason: string): Error {
  return refuse(400, 1056, `Bad Configuration: Validation failed: ${reason}`);
}

function configBody(row: TunnelRow, { account }: Call): object {
  return {
    account_id: account.id,
    tunnel_id: row.id,
    version: row.config?.version ?? 0,
    config: row.config?.body ?? null,
    source: row.configSrc,
    created_at: row.config?.createdAt ?? row.createdAt,
  };
}

/** What `cloudflared tunnel run --token` takes. */
function tokenOf({ id, secret }: TunnelRow, { account }: Call): string {
  return Buffer.from(JSON.stringify({ a: account.id, t: id, s: secret })).toString("base64");
}

function statusOf(row: TunnelRow, { connectors }: Call): string {
  if (connectors.of(row.id).length > 0) return "healthy";
  return row.wasConnected ? "down" : "inactive";
}

function tunnelBody(row: TunnelRow, call: Call): object {
  const open = call.connectors.of(row.id);
  return {
    id: row.id,
    account_tag: call.account.id,
    name: row.name,
    created_at: row.createdAt,
    deleted_at: row.deletedAt,
    connections: open.map(connectionBody),
    conns_active_at: open[0]?.openedAt ?? null,
    conns_inactive_at: null,
    status: statusOf(row, call),
    tun_type: "cfd_tunnel",
    remote_config: row.configSrc === "cloudflare",
    config_src: row.configSrc,
    metadata: row.metadata,
  };
}

function connectionBody(connection: TunnelConnection): object {
  return {
    id: connection.id,
    uuid: connection.id,
    client_id: connection.connectorId,
    client_version: connection.version,
    colo_name: "SBX",
    is_pending_reconnect: false,
    opened_at: connection.openedAt,
    origin_ip: connection.originIp,
  };
}

/** Connectors of the tunnel, each with its connections. */
function connectorBodies(row: TunnelRow, call: Call): Map<string, object> {
  const byConnector = new Map<string, TunnelConnection[]>();
  for (const open of call.connectors.of(row.id)) {
    byConnector.set(open.connectorId, [...(byConnector.get(open.connectorId) ?? []), open]);
  }
  return new Map(
    [...byConnector].map(([id, open]) => [
      id,
      {
        id,
        arch: "linux_amd64",
        features: [],
        version: open[0]!.version,
        run_at: open[0]!.openedAt,
        config_version: row.config?.version ?? 0,
        conns: open.map(connectionBody),
      },
    ]),
  );
}

function connections(call: Call): Answer {
  return { result: [...connectorBodies(found(call), call).values()] };
}

function connector(call: Call): Answer {
  const body = connectorBodies(found(call), call).get(call.params["connector_id"]!);
  if (body === undefined) throw refuse(404, 1003, "Connector not found");
  return { result: body };
}
