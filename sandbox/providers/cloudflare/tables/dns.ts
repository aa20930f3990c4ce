import { isUnknown, type Value, type Values } from "../../values";
import { sameUnordered, textOf } from "../state";
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
      // `@` is answered as the name of the zone.
      name: { same: sameName, kept: (_, before) => before === "@" },
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

/** `api` is the API's `api.example.com`; case and a trailing dot mean nothing. */
function sameName(one: Value, other: Value): boolean {
  const [short, long] = [host(one), host(other)].sort((a, b) => a.length - b.length) as [string, string];
  // A name without a dot cannot be a whole one.
  return short === long || (!short.includes(".") && long.startsWith(`${short}.`));
}

/** A CNAME points at a host, whose name has no case. Any other content is what it is. */
function sameContent(one: Value, other: Value, { type }: Values): boolean {
  return type === "CNAME" && host(one) === host(other);
}

function host(value: Value): string {
  return textOf(value).toLowerCase().replace(/\.$/, "");
}
