import { X509Certificate } from "node:crypto";
import { isObject, type Value, type Values } from "../../values";
import { sameUnordered, textOf } from "../state";
import type { ResourceTable } from "../table";

/** PEM without regard to white space at its ends. */
const samePem = (one: unknown, other: unknown) => String(one).trim() === String(other).trim();
const privateKey = { secret: true, kept: true };

export const certificateTables: readonly ResourceTable[] = [
  {
    name: "OriginCaCertificate",
    create: "POST /certificates",
    read: "GET /certificates/{id}",
    delete: "DELETE /certificates/{id}",
    id: "id",
    importId: "id",
    replace: ["csr", "hostnames", "requestType", "requestedValidity"],
    rules: { csr: { kept: true }, requestedValidity: { default: 5475, kept: true } },
    // A revoked one can still be read.
    isGone: (answer) => typeof answer["revoked_at"] === "string",
    listedInZoneOf({ hostnames }) {
      const names = Array.isArray(hostnames) ? hostnames.map(textOf) : [];
      // The shortest is the nearest to the zone's own name.
      const [shortest = ""] = names.sort((one, other) => one.length - other.length);
      return shortest.replace(/^\*\./, "");
    },
    ofOwnKey,
  },
  {
    name: "AuthenticatedOriginPullsSettings",
    create: "PUT /zones/{zoneId}/origin_tls_client_auth/settings",
    read: "GET /zones/{zoneId}/origin_tls_client_auth/settings",
    update: "PUT /zones/{zoneId}/origin_tls_client_auth/settings",
    id: "zoneId",
    importId: "zoneId",
    replace: ["zoneId"],
  },
  {
    name: "AuthenticatedOriginPullsCertificate",
    create: "POST /zones/{zoneId}/origin_tls_client_auth",
    read: "GET /zones/{zoneId}/origin_tls_client_auth/{id}",
    delete: "DELETE /zones/{zoneId}/origin_tls_client_auth/{id}",
    id: "id",
    importId: "zoneId/id",
    replace: ["zoneId", "certificate"],
    rules: {
      privateKey: { ...privateKey, ignored: true },
      certificate: { same: samePem },
      certificateId: { answer: "id" },
    },
  },
  {
    name: "AuthenticatedOriginPullsHostnameCertificate",
    create: "POST /zones/{zoneId}/origin_tls_client_auth/hostnames/certificates",
    read: "GET /zones/{zoneId}/origin_tls_client_auth/hostnames/certificates/{id}",
    delete: "DELETE /zones/{zoneId}/origin_tls_client_auth/hostnames/certificates/{id}",
    id: "id",
    importId: "zoneId/id",
    replace: ["zoneId", "certificate", "privateKey"],
    rules: { privateKey, certificate: { same: samePem } },
  },
  {
    name: "AuthenticatedOriginPulls",
    create: "PUT /zones/{zoneId}/origin_tls_client_auth/hostnames",
    read: "GET /zones/{zoneId}/origin_tls_client_auth/hostnames/{hostname}",
    update: "PUT /zones/{zoneId}/origin_tls_client_auth/hostnames",
    delete: "PUT /zones/{zoneId}/origin_tls_client_auth/hostnames",
    id: "hostname",
    importId: "zoneId/hostname",
    replace: ["zoneId"],
    recomputed: ["updatedAt"],
    rules: { privateKey: { secret: true }, configs: { kept: true } },
    check({ configs }) {
      if (!Array.isArray(configs) || configs.length === 1) return [];
      return [{ property: "configs", reason: '"configs" has to have exactly one entry' }];
    },
    // Null takes the host out again.
    toBody(body, { operation, recorded }) {
      if (operation !== "delete") return body;
      const [config] = Array.isArray(recorded["configs"]) ? recorded["configs"] : [];
      const { certId, hostname } = isObject(config) ? config : {};
      return { config: [{ cert_id: certId, enabled: null, hostname: hostname ?? recorded["hostname"] }] };
    },
    fromAnswer: (answer): Value => (Array.isArray(answer) ? answer[0] : answer),
  },
];

const day = 24 * 60 * 60 * 1000;

/** Issued for this request's key; `equal` where it is for the same host names, and as long from now as is asked for. */
function ofOwnKey(
  { csr, hostnames, requestedValidity = 5475 }: Values,
  listed: Values,
): "equal" | "other" | undefined {
  const issued = readCertificate(textOf(listed["certificate"]));
  if (issued === undefined) return undefined;
  // A request holds its public key in the very bytes that the certificate has.
  const key = issued.publicKey.export({ type: "spki", format: "der" });
  const request = Buffer.from(textOf(csr).replace(/-----[^-]+-----/g, ""), "base64");
  if (!request.includes(key)) return undefined;
  const isForThem = sameUnordered(hostnames, listed["hostnames"]);
  const days = (Date.parse(issued.validTo) - Date.now()) / day;
  return isForThem && Math.abs(days - Number(requestedValidity)) < 2 ? "equal" : "other";
}

function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
