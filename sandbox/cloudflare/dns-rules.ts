import { isIP, isIPv4, isIPv6 } from "node:net";
import { z } from "zod";
import { inRanges } from "./auth";
import { refuse } from "./envelope";
import { isHostname } from "./routes/zones";
import type { DnsRow, Json, ZoneRow } from "./model";
import { planLimits } from "./plan";

/** Record types that the API takes, and those among them that can be proxied. */
const types = [
  "A",
  "AAAA",
  "CAA",
  "CERT",
  "CNAME",
  "DNSKEY",
  "DS",
  "HTTPS",
  "LOC",
  "MX",
  "NAPTR",
  "NS",
  "OPENPGPKEY",
  "PTR",
  "SMIMEA",
  "SRV",
  "SSHFP",
  "SVCB",
  "TLSA",
  "TXT",
  "URI",
] as const;
const proxiable = new Set(["A", "AAAA", "CNAME"]);
const address = new Set(["A", "AAAA", "CNAME"]);

export const recordSchema = z.object({
  name: z.string().min(1),
  type: z.enum(types, { error: "Invalid or missing DNS record type" }),
  content: z.string().optional(),
  ttl: z.number().default(1),
  proxied: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  comment: z
    .string()
    .nullish()
    .transform((value) => (value === "" ? null : (value ?? null))),
  tags: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
  priority: z
    .number()
    .nullish()
    .transform((value) => value ?? undefined),
  data: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((value) => value ?? undefined),
  settings: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((value) => value ?? undefined),
  private_routing: z.boolean().optional(),
});

export type RecordBody = z.output<typeof recordSchema>;
export type RecordParts = Pick<
  DnsRow,
  | "name"
  | "type"
  | "content"
  | "ttl"
  | "proxied"
  | "comment"
  | "tags"
  | "priority"
  | "data"
  | "settings"
  | "privateRouting"
>;

export function isProxiable(type: string, content: string): boolean {
  return proxiable.has(type) && !(isIP(content) !== 0 && inRanges(content, notProxied));
}

/** What no proxy can reach. */
const notProxied = [
  "10.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "0.0.0.0/8",
  "::1/128",
  "fe80::/10",
];

/**
 * A record as it is stored: name completed to the zone's, content in its usual form.
 * @throws ApiError 9000…9109 for what a zone of this plan cannot hold.
 */
export function normaliseRecord(body: RecordBody, zone: ZoneRow): RecordParts {
  const limits = planLimits[zone.plan];
  const name = completeName(body.name, zone.name);
  const content = contentOf(body);
  checkTtl(body, limits.minimumTtl);
  if (body.proxied && !proxiable.has(body.type))
    throw refuse(400, 9004, "This record type cannot be proxied.");
  if (body.proxied && !isProxiable(body.type, content)) {
    throw refuse(400, 9003, `Target ${content} is not allowed for a proxied record.`);
  }
  if (body.tags.length > 0 && !limits.tags) {
    throw refuse(
      400,
      9300,
      "DNS record has 1 tag(s), exceeding the quota of 0.".replace("1", String(body.tags.length)),
    );
  }
  if ((body.comment?.length ?? 0) > (zone.plan === "free" ? 100 : 500)) {
    throw refuse(400, 9301, "The comment is longer than this zone's plan allows.");
  }
  return {
    name,
    type: body.type,
    content,
    ttl: body.ttl,
    proxied: body.proxied,
    comment: body.comment,
    tags: body.tags,
    priority: body.priority ?? (body.type === "SRV" ? numberIn(body.data, "priority") : undefined),
    data: body.data,
    settings: body.type === "CNAME" ? { flatten_cname: false, ...body.settings } : body.settings,
    privateRouting: body.private_routing,
  };
}

export function completeName(given: string, zoneName: string): string {
  const name = given.toLowerCase().replace(/\.$/, "");
  const full =
    name === "@"
      ? zoneName
      : name === zoneName || name.endsWith(`.${zoneName}`)
        ? name
        : `${name}.${zoneName}`;
  const labels = full.startsWith("*.") ? full.slice(2) : full;
  if (!isHostname(labels)) throw refuse(400, 9000, "DNS name is invalid.");
  return full;
}

function checkTtl({ ttl, proxied }: RecordBody, minimum: number): void {
  if (proxied && ttl !== 1) throw refuse(400, 9021, "ttl must be set to 1 when `proxied` is true.");
  if (ttl !== 1 && !(Number.isInteger(ttl) && ttl >= minimum && ttl <= 86_400)) {
    throw refuse(400, 9021, `Invalid TTL. Must be between ${minimum} and 86400 seconds, or 1 for Automatic.`);
  }
}

function contentOf(body: RecordBody): string {
  if (body.content === undefined || body.content === "") {
    if (body.data === undefined) throw refuse(400, 9005, `Content for ${body.type} record is required.`);
    return contentOfData(body.type, body.data);
  }
  const content = body.content.trim();
  switch (body.type) {
    case "A":
      if (!isIPv4(content)) throw refuse(400, 9005, "Content for A record must be a valid IPv4 address.");
      return content;
    case "AAAA":
      if (!isIPv6(content)) throw refuse(400, 9006, "Content for AAAA record must be a valid IPv6 address.");
      return content.toLowerCase();
    case "CNAME":
      return hostContent(content, 9007, "CNAME");
    case "MX":
      if (body.priority === undefined) throw refuse(400, 9101, "priority is a required data field.");
      return hostContent(content, 9009, "MX");
    case "NS":
      return hostContent(content, 9010, "NS");
    case "PTR":
      return hostContent(content, 9011, "PTR");
    case "TXT":
      return content.length > 2048 ? tooLong() : content;
    default:
      return content;
  }
}

function hostContent(content: string, code: number, type: string): string {
  const host = content.toLowerCase().replace(/\.$/, "");
  if (!isHostname(host) && host !== "@") throw refuse(400, code, `Content for ${type} record is invalid.`);
  return host;
}

function tooLong(): never {
  throw refuse(400, 9207, "Content for TXT record must be at most 2048 characters.");
}

/** Members of `data` in the order in which they make up the content of a record. */
const dataOrder: Readonly<Record<string, readonly string[]>> = {
  CAA: ["flags", "tag", "value"],
  CERT: ["type", "key_tag", "algorithm", "certificate"],
  DNSKEY: ["flags", "protocol", "algorithm", "public_key"],
  DS: ["key_tag", "algorithm", "digest_type", "digest"],
  HTTPS: ["priority", "target", "value"],
  NAPTR: ["order", "preference", "flags", "service", "regex", "replacement"],
  SMIMEA: ["usage", "selector", "matching_type", "certificate"],
  SRV: ["weight", "port", "target"],
  SSHFP: ["algorithm", "type", "fingerprint"],
  SVCB: ["priority", "target", "value"],
  TLSA: ["usage", "selector", "matching_type", "certificate"],
  URI: ["weight", "target"],
};

function contentOfData(type: string, data: Json): string {
  const fields = dataOrder[type];
  if (fields === undefined) return Object.values(data).map(String).join(" ");
  const missing = fields.find((field) => data[field] === undefined);
  if (missing !== undefined) throw refuse(400, 9101, `${missing} is a required data field.`);
  if (type === "CAA") return `${String(data["flags"])} ${String(data["tag"])} "${String(data["value"])}"`;
  return fields.map((field) => String(data[field])).join(" ");
}

function numberIn(data: Json | undefined, field: string): number | undefined {
  const value = data?.[field];
  return typeof value === "number" ? value : undefined;
}

/**
 * Uniqueness within the zone.
 * @throws ApiError 81053, 81054, 81057, 81058 as the new record meets an existing one.
 */
export function checkUnique(next: RecordParts, others: readonly DnsRow[]): void {
  const same = others.filter(({ name }) => name === next.name);
  const twin = same.find(
    ({ type, content, priority }) =>
      type === next.type && content === next.content && priority === next.priority,
  );
  if (twin !== undefined) {
    const identical = twin.ttl === next.ttl && twin.proxied === next.proxied;
    throw identical
      ? refuse(400, 81058, "An identical record already exists.")
      : refuse(400, 81057, "A record with the same type, name and content already exists.");
  }
  if (next.type === "CNAME" && same.some(({ type }) => address.has(type))) {
    throw refuse(400, 81053, "An A, AAAA, or CNAME record with that host already exists.");
  }
  if (next.type !== "CNAME" && address.has(next.type) && same.some(({ type }) => type === "CNAME")) {
    throw refuse(400, 81054, "A CNAME record with that host already exists.");
  }
}
