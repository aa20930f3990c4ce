import { isUnknown } from "../../values";
import { sameUnordered } from "../state";
import type { ResourceTable } from "../table";

/** DNS records, zones and DNSSEC. */
export const dnsTables: readonly ResourceTable[] = [
  {
    name: "DnsRecord",
    create: "POST /zones/{zoneId}/dns_records",
    read: "GET /zones/{zoneId}/dns_records/{id}",
    update: "PUT /zones/{zoneId}/dns_records/{id}",
    delete: "DELETE /zones/{zoneId}/dns_records/{id}",
    id: "id",
    importId: "zoneId/id",
    replace: ["zoneId", "type"],
    recomputed: ["modifiedOn", "commentModifiedOn", "tagsModifiedOn"],
    rules: {
      proxied: { default: false },
      tags: { same: sameUnordered },
      // A question asked along with reads, of no use here.
      includeShadowMetadata: { local: true, kept: true },
      name: { same: sameName },
      content: { same: sameContent },
    },
    check({ proxied, ttl }) {
      if (proxied !== true || ttl === 1 || ttl === undefined || isUnknown(ttl)) return [];
      return [{ property: "ttl", reason: '"ttl" has to be 1 (automatic) where "proxied" is true' }];
    },
  },
  {
    name: "Zone",
    create: "POST /zones",
    read: "GET /zones/{id}",
    update: "PATCH /zones/{id}",
    delete: "DELETE /zones/{id}",
    id: "id",
    importId: "id",
    replace: ["name", "account"],
    recomputed: ["modifiedOn"],
    rules: {
      type: { default: "full" },
      vanityNameServers: { same: sameUnordered },
      permissions: { same: sameUnordered },
    },
  },
  {
    name: "ZoneDnssec",
    create: "PATCH /zones/{zoneId}/dnssec",
    read: "GET /zones/{zoneId}/dnssec",
    update: "PATCH /zones/{zoneId}/dnssec",
    delete: ["PATCH /zones/{zoneId}/dnssec", "DELETE /zones/{zoneId}/dnssec"],
    id: "zoneId",
    importId: "zoneId",
    replace: ["zoneId"],
    recomputed: ["modifiedOn"],
    rules: {
      // It is "pending" until the registrar has the DS record, and "pending-disabled" on the way back.
      status: { same: (one, other) => other === `pending${one === "disabled" ? "-disabled" : ""}` },
    },
    toBody: (body, { operation }) => (operation === "delete" ? { status: "disabled" } : body),
  },
  {
    name: "ZoneDnsSettings",
    create: "PATCH /zones/{zoneId}/dns_settings",
    read: "GET /zones/{zoneId}/dns_settings",
    update: "PATCH /zones/{zoneId}/dns_settings",
    id: "zoneId",
    importId: "zoneId",
    replace: ["zoneId"],
  },
];

/** `api` and `api.example.com.` as the API's `api.example.com`; `@` as the zone's own name. */
function sameName(one: unknown, other: unknown): boolean {
  const [short, long] = [text(one), text(other)].sort((a, b) => a.length - b.length) as [string, string];
  if (short === long) return true;
  if (short === "@") return !long.startsWith("_") && long.includes(".");
  // A name without a dot cannot be a whole one.
  return !short.includes(".") && long.startsWith(`${short}.`);
}

/** Host names have no case and no trailing dot. */
function sameContent(one: unknown, other: unknown): boolean {
  return text(one) === text(other) && /^[\w.-]+\.[a-z]{2,}\.?$/i.test(String(one));
}

function text(value: unknown): string {
  return String(value).toLowerCase().replace(/\.$/, "");
}
