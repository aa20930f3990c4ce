import { createPrivateKey, X509Certificate } from "node:crypto";
import { z } from "zod";
import type { Call, Route } from "../call";
import { below, crud, type ObjectKind, objectOf, objectsOf } from "../crud";
import { type Answer, refuse } from "../envelope";
import { uuid } from "../ids";
import type { ObjectRow } from "../model";
import { parse } from "../validate";
import { completeName } from "../dns-rules";

/** Client certificates with which Cloudflare proves itself to origins. */

const needs = ["SSL and Certificates"];
const errors = { code: 1470, prefix: "Invalid request: " };

function certificates(kind: string, at: string): Route[] {
  const options: ObjectKind = {
    kind,
    at,
    needs,
    id: uuid,
    schema: z.object({ certificate: z.string().min(1), private_key: z.string().min(1) }),
    errors,
    updateBy: [],
    missing: () => refuse(404, 1471, "certificate not found"),
    complete({ certificate, private_key: key }, call) {
      const parsed = readPair(String(certificate), String(key));
      if (Date.parse(parsed.validTo) <= call.now().getTime())
        throw refuse(400, 1473, "The certificate has expired");
      // The key is not kept: nothing here ever uses it, and no answer shows it.
      return {
        certificate,
        expires_on: new Date(parsed.validTo).toISOString(),
        issuer: parsed.issuer,
        serial_number: parsed.serialNumber,
      };
    },
    beforeDelete(row, call) {
      if (
        kind === "host-client-certificate" &&
        hostsOf(call).some(({ body }) => body["cert_id"] === row.id)
      ) {
        throw refuse(400, 1474, "The certificate is used by a hostname");
      }
    },
    present: certificateBody,
    deleted: (row) => ({ ...certificateBody(row), status: "pending_deletion" }),
  };
  return crud(options);
}

function readPair(certificate: string, key: string): X509Certificate {
  try {
    const parsed = new X509Certificate(certificate);
    if (parsed.checkPrivateKey(createPrivateKey(key))) return parsed;
  } catch {
    throw refuse(400, 1472, "The certificate or the private key cannot be read");
  }
  throw refuse(400, 1475, "The private key does not belong to the certificate");
}

function certificateBody(row: ObjectRow): object {
  return {
    ...row.body,
    id: row.id,
    signature: "SHA256WithRSA",
    status: "active",
    enabled: true,
    uploaded_on: row.createdAt,
  };
}

const hostsPath = "/origin_tls_client_auth/hostnames";
const hosts: Route[] = [
  { method: "PUT", path: hostsPath, needs, handle: setHosts },
  {
    method: "GET",
    path: `${hostsPath}/{hostname}`,
    needs,
    handle: (call) => {
      const row = objectOf(call.store, "origin-pull-host", call.params["hostname"]!.toLowerCase());
      if (row === undefined) throw refuse(404, 1476, "No such hostname");
      return { result: hostBody(row, call) };
    },
  },
];

function hostsOf({ store, scope }: Call): ObjectRow[] {
  return objectsOf(store, "origin-pull-host", scope);
}

function setHosts(call: Call): Answer {
  const entry = z.object({ hostname: z.string(), cert_id: z.string(), enabled: z.boolean().nullable() });
  const { config } = parse(z.object({ config: z.array(entry).min(1) }), call.body ?? {}, errors);
  const rows = config.map(({ hostname, cert_id: certId, enabled }) => {
    if (objectOf(call.store, "host-client-certificate", certId) === undefined)
      throw refuse(400, 1471, "certificate not found");
    const name = completeName(hostname, call.zone.name);
    const before = objectOf(call.store, "origin-pull-host", name);
    const row: ObjectRow = {
      id: name,
      kind: "origin-pull-host",
      scope: call.scope,
      body: { hostname: name, cert_id: certId, enabled },
      createdAt: before?.createdAt ?? call.time,
      updatedAt: call.time,
    };
    // `enabled: null` takes the host out.
    if (enabled === null) call.store.delete("objects", `${row.kind}/${name}`);
    else call.store.put("objects", `${row.kind}/${name}`, row);
    return row;
  });
  return { result: rows.map((row) => hostBody(row, call)) };
}

function hostBody(row: ObjectRow, { store }: Call): object {
  const certificate = objectOf(store, "host-client-certificate", String(row.body["cert_id"]));
  return {
    ...row.body,
    status: row.body["enabled"] === null ? "pending_deletion" : "active",
    cert_status: "active",
    certificate: certificate?.body["certificate"],
    expires_on: certificate?.body["expires_on"],
    issuer: certificate?.body["issuer"],
    serial_number: certificate?.body["serial_number"],
    cert_uploaded_on: certificate?.createdAt,
    cert_updated_at: certificate?.updatedAt,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  };
}

export const originPullRoutes: readonly Route[] = below("/zones/{zone_id}", [
  ...hosts,
  ...certificates("host-client-certificate", `${hostsPath}/certificates`),
  ...certificates("zone-client-certificate", "/origin_tls_client_auth"),
]);
