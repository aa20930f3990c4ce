import { type StateResource, plainList, textOf } from "./plain";

type Describe = (resource: StateResource) => string | undefined;

const property =
  (...names: readonly string[]): Describe =>
  (resource) =>
    names.map((name) => textOf(resource, name)).find((text) => text !== undefined);

/** What a resource is about, by the last part of its type. Only what is named here is shown. */
const descriptions: Readonly<Record<string, Describe | undefined>> = {
  DnsRecord: (resource) => {
    const [name, type, content] = ["name", "type", "content"].map((key) => textOf(resource, key));
    const target =
      ["A", "AAAA", "CNAME"].includes(type ?? "") && content !== undefined ? ` → ${content}` : "";
    return name && `${type ?? ""} ${name}${target}`.trim();
  },
  ZoneSetting: (resource) => {
    const [id, value] = [textOf(resource, "settingId"), textOf(resource, "value")];
    return id && (value === undefined ? id : `${id} = ${value}`);
  },
  Ruleset: property("phase"),
  PagesProject: property("subdomain", "name"),
  PagesDomain: property("name"),
  R2Bucket: property("name"),
  R2BucketCors: property("bucketName"),
  R2BucketLifecycle: property("bucketName"),
  R2CustomDomain: property("domain"),
  R2ManagedDomain: property("bucketName"),
  ZeroTrustAccessApplication: property("domain", "name"),
  ZeroTrustAccessPolicy: (resource) => {
    const [name, decision] = [textOf(resource, "name"), textOf(resource, "decision")];
    return name && (decision === undefined ? name : `${name} (${decision})`);
  },
  ZeroTrustAccessIdentityProvider: property("name"),
  ZeroTrustAccessServiceToken: property("name"),
  ZeroTrustTunnelCloudflared: property("name"),
  AccountToken: property("name"),
  ApiToken: property("name"),
  OriginCaCertificate: (resource) =>
    plainList(resource.outputs?.["hostnames"] ?? resource.inputs?.["hostnames"]).join(", ") || undefined,
  Command: ({ urn }) => steps.find(([suffix]) => urn.endsWith(`-${suffix}`))?.[1],
  RandomPassword: (resource) => length(resource, "characters"),
  RandomString: (resource) => length(resource, "characters"),
  RandomBytes: (resource) => length(resource, "bytes"),
};

/** What a step on a host does, by the end of its name. */
const steps: readonly (readonly [string, string])[] = [
  ["prepared", "makes the host ready"],
  ["registry-login", "logs in to the image registry"],
  ["certificate-request", "makes a key and a signing request"],
  ["certificate-installed", "installs the signed certificate"],
  ["files", "writes compose files and variables"],
  ["database", "starts the database, waits until it is healthy"],
  ["roles", "makes roles and grants"],
  ["roles-after-migrations", "grants what migrations made"],
  ["migrations", "brings the schema up to date"],
  ["rollout", "starts the release, waits until it is healthy"],
  ["verified", "asks whether the release answers"],
];

function length(resource: StateResource, unit: string): string | undefined {
  const text = textOf(resource, "length");
  return text && `${text} ${unit}, generated`;
}

function lastPart(type: string): string {
  return type.slice(type.lastIndexOf(":") + 1);
}

/** One line on a resource, such as `A api.streampai.com → 203.0.113.10`. */
export function aboutResource(resource: StateResource): string | undefined {
  return descriptions[lastPart(resource.type)]?.(resource);
}

/** The provider's id where it names something. Ids of generated values are the values; those of tokens are half a key. */
export function publicId({ type, id }: StateResource): string | undefined {
  const isShown = type.startsWith("cloudflare:") && !/token/i.test(lastPart(type));
  return isShown && id !== undefined && id.length <= 100 ? id : undefined;
}
