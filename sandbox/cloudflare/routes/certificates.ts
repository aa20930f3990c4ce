import { X509Certificate } from "node:crypto";
import { z } from "zod";
import type { Call, Route } from "../call";
import { type Answer, paginate, refuse } from "../envelope";
import type { CertificateRow } from "../model";
import { parse } from "../validate";
import { isHostname, owningZone } from "./zones";

const needs = ["SSL and Certificates"];
const days = [7, 30, 90, 365, 730, 1095, 5475] as const;
const create = z.object({
  csr: z.string().min(1, "a certificate signing request is required"),
  hostnames: z.array(z.string()).min(1, "at least one host name is required").max(200),
  request_type: z.enum(["origin-rsa", "origin-ecc", "keyless-certificate"]),
  requested_validity: z.literal([...days], { error: `must be one of ${days.join(", ")} days` }).default(5475),
});

export const certificateRoutes: readonly Route[] = [
  { method: "POST", path: "/certificates", needs: "any", handle: issue },
  { method: "GET", path: "/certificates", needs: "any", handle: list },
  {
    method: "GET",
    path: "/certificates/{certificate_id}",
    needs: "any",
    handle: (call) => ({ result: certificateBody(found(call)) }),
  },
  { method: "DELETE", path: "/certificates/{certificate_id}", needs: "any", handle: revoke },
];

/** The zone that owns a host name, on which the token must have the permission. */
function permitHosts(call: Call, hostnames: readonly string[], verb: "Read" | "Write"): void {
  for (const hostname of hostnames) {
    const zone = owningZone(call.store, hostname.replace(/^\*\./, ""));
    if (zone === undefined || !isHostname(hostname.replace(/^\*\./, ""))) {
      throw refuse(
        400,
        1010,
        `Failed to validate requested hostname ${hostname}: This zone is either not part of your account, or you do not have access to it.`,
      );
    }
    const names =
      verb === "Read"
        ? needs.flatMap((name) => [`${name} Read`, `${name} Write`])
        : needs.map((name) => `${name} Write`);
    if (!call.identity.may(names, { kind: "zone", account: call.account.id, zone: zone.id }))
      throw refuse(403, 10000, "Authentication error");
  }
}

async function issue(call: Call): Promise<Answer> {
  const body = parse(create, call.body ?? {}, { code: 1001, prefix: "Invalid request: " });
  permitHosts(call, body.hostnames, "Write");
  let certificate: string;
  try {
    certificate = await call.originCa.signRequest(body.csr, {
      hostnames: body.hostnames,
      days: body.requested_validity,
    });
  } catch (error) {
    throw refuse(
      400,
      1013,
      `Failed to parse the certificate signing request: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const parsed = new X509Certificate(certificate);
  const isEcc = parsed.publicKey.asymmetricKeyType === "ec";
  if (isEcc !== (body.request_type === "origin-ecc") && body.request_type !== "keyless-certificate") {
    throw refuse(
      400,
      1014,
      `The key of the certificate signing request does not fit the request type ${body.request_type}`,
    );
  }
  const row: CertificateRow = {
    id: BigInt(`0x${parsed.serialNumber}`).toString(),
    csr: body.csr,
    certificate,
    hostnames: body.hostnames,
    requestType: body.request_type,
    requestedValidity: body.requested_validity,
    expiresOn: new Date(parsed.validTo).toISOString(),
  };
  return { result: certificateBody(call.store.put("certificates", row.id, row)) };
}

function list(call: Call): Answer {
  const zoneId = call.query["zone_id"];
  const zone = zoneId === undefined ? undefined : call.store.get("zones", zoneId);
  if (zone === undefined) throw refuse(400, 1012, "zone_id is required and must be a zone of this account");
  permitHosts(call, [zone.name], "Read");
  const rows = call.store.list(
    "certificates",
    ({ hostnames, revokedAt }) =>
      revokedAt === undefined &&
      hostnames.some((hostname) => owningZone(call.store, hostname.replace(/^\*\./, ""))?.id === zone.id),
  );
  const { page, resultInfo } = paginate(rows, call.query);
  return { result: page.map(certificateBody), resultInfo };
}

function found(call: Call, verb: "Read" | "Write" = "Read"): CertificateRow {
  const row = call.store.get("certificates", call.params["certificate_id"]!);
  if (row === undefined) throw refuse(404, 1101, "Certificate not found");
  permitHosts(call, row.hostnames, verb);
  return row;
}

function revoke(call: Call): Answer {
  const row = found(call, "Write");
  if (row.revokedAt !== undefined) throw refuse(400, 1102, "Certificate is already revoked");
  call.store.put("certificates", row.id, { ...row, revokedAt: call.time });
  return { result: { id: row.id, revoked_at: call.time } };
}

function certificateBody(row: CertificateRow): object {
  return {
    id: row.id,
    certificate: row.certificate,
    csr: row.csr,
    hostnames: row.hostnames,
    request_type: row.requestType,
    requested_validity: row.requestedValidity,
    expires_on: row.expiresOn,
    ...(row.revokedAt === undefined ? {} : { revoked_at: row.revokedAt }),
  };
}
