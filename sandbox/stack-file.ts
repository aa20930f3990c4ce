import { type Document, isSeq, parseDocument } from "yaml";
import { UserError } from "../common/user-error";
import type { SandboxRecord } from "./record";

/** What the sandbox needs to know of a stack file before its parts run. */
export interface StackFileFacts {
  readonly domain: string;
  readonly accountId: string;
  readonly zoneId?: string;
  /** SSH addresses of the machines that are deployed to, by their names. */
  readonly hosts: Readonly<Record<string, { readonly address: string; readonly port: number }>>;
  /** Host names of sites, origins and tunnels that visitors reach through Cloudflare. */
  readonly proxiedNames: readonly string[];
  /** Origins in a swarm, with the first of their hosts. */
  readonly swarms: Readonly<Record<string, string>>;
  /** Whether there are buckets. */
  readonly buckets: boolean;
  /** Ports of machines that are asked from outside, past Cloudflare. */
  readonly direct: readonly DirectPort[];
  /** Databases with backups. */
  readonly backups: readonly string[];
}

/** A port of a machine, by the machine's address or by a host name that leads to it. */
export interface DirectPort {
  readonly at: string;
  readonly port: number;
}

interface RawConfig {
  "groundwork:domain"?: unknown;
  "groundwork:cloudflare"?: { accountId?: unknown; zoneId?: unknown };
  "groundwork:hosts"?: Record<string, { address?: unknown; port?: unknown }>;
  "groundwork:origins"?: Record<string, RawOrigin | null>;
  "groundwork:buckets"?: Record<string, unknown> | null;
  "groundwork:sites"?: Record<string, { hostnames?: unknown } | null>;
  "groundwork:databases"?: Record<string, { backups?: unknown } | null>;
  "groundwork:tunnels"?: Record<string, { ingress?: Record<string, unknown> } | null>;
}

interface RawOrigin {
  kind?: unknown;
  host?: unknown;
  hosts?: unknown;
  hostnames?: unknown;
  proxied?: unknown;
  addresses?: unknown;
  closedPorts?: unknown;
  proxy?: { httpPort?: unknown; httpsPort?: unknown } | null;
}

/** Reads the few facts that the sandbox itself needs. Everything else of the file is checked by platform/settings. */
export function stackFileFacts(text: string, file: string): StackFileFacts {
  const { config = {} } = (parse(text, file).toJS() ?? {}) as { config?: RawConfig };
  const domain = config["groundwork:domain"];
  const cloudflare = config["groundwork:cloudflare"];
  if (typeof domain !== "string" || typeof cloudflare?.accountId !== "string") {
    throw new UserError({
      what: "the stack file names no domain or no Cloudflare account",
      value: file,
      allowed: "config with groundwork:domain and groundwork:cloudflare.accountId",
      next: "write both: docs/settings.md has an example",
    });
  }
  const hosts: Record<string, { address: string; port: number }> = {};
  for (const [name, host] of Object.entries(config["groundwork:hosts"] ?? {})) {
    hosts[name] = { address: String(host.address), port: typeof host.port === "number" ? host.port : 22 };
  }
  return {
    domain,
    accountId: cloudflare.accountId,
    ...(typeof cloudflare.zoneId === "string" ? { zoneId: cloudflare.zoneId } : {}),
    hosts,
    buckets: Object.keys(config["groundwork:buckets"] ?? {}).length > 0,
    proxiedNames: [...new Set(proxiedNames(config))].sort(),
    backups: Object.entries(config["groundwork:databases"] ?? {}).flatMap(([name, database]) =>
      typeof database?.backups === "object" ? [name] : [],
    ),
    swarms: Object.fromEntries(
      Object.entries(config["groundwork:origins"] ?? {}).flatMap(([name, origin]) =>
        origin?.kind === "swarm" && Array.isArray(origin.hosts) ? [[name, String(origin.hosts[0])]] : [],
      ),
    ),
    direct: Object.values(config["groundwork:origins"] ?? {}).flatMap((origin) => directPorts(origin, hosts)),
  };
}

/** Ports that must be closed, at every address of the origin; and the doors of host names without Cloudflare in front. */
function directPorts(
  origin: RawOrigin | null,
  hosts: Readonly<Record<string, { readonly address: string }>>,
): DirectPort[] {
  const machines = list(origin?.hosts ?? origin?.host).flatMap((name) => hosts[name]?.address ?? []);
  const addresses = origin?.addresses === undefined ? machines : list(origin.addresses);
  const closed = list(origin?.closedPorts).map(Number);
  const { httpPort = 80, httpsPort = 443 } = origin?.proxy ?? {};
  const names = origin?.kind === "compose" && origin.proxied === false ? list(origin.hostnames) : [];
  return [
    ...addresses.flatMap((at) => closed.map((port) => ({ at, port }))),
    ...names.flatMap((at) => [httpPort, httpsPort].map((port) => ({ at, port: Number(port) }))),
  ].filter(({ port }) => Number.isInteger(port) && port > 0);
}

function list(value: unknown): string[] {
  return (Array.isArray(value) ? value : value === undefined ? [] : [value]).map(String);
}

function proxiedNames(config: RawConfig): string[] {
  const ofOrigins = Object.values(config["groundwork:origins"] ?? {}).flatMap((origin) =>
    Array.isArray(origin?.hostnames) && origin.proxied !== false ? origin.hostnames.map(String) : [],
  );
  const ofTunnels = Object.values(config["groundwork:tunnels"] ?? {}).flatMap((tunnel) =>
    Object.keys(tunnel?.ingress ?? {}),
  );
  const ofSites = Object.values(config["groundwork:sites"] ?? {}).flatMap((site) =>
    Array.isArray(site?.hostnames) ? site.hostnames.map(String) : [],
  );
  return [...ofSites, ...ofOrigins, ...ofTunnels];
}

/**
 * The sandbox's own copy of a stack file: the same, but for where things are. The API is the sandbox's, host names lead
 * to it as curl's `--resolve` would have it, its SSH host key is pinned, and the secrets are the sandbox's own.
 *
 * @param sandbox What of it is where. `ports`: the machine's ports, by their numbers there. `standIns`: origins that a
 * stand-in answers for.
 * @param secrets The encrypted secrets of an earlier copy, and the salt they were encrypted with.
 * @returns The text, and a line for each thing that differs, to be shown to the user.
 */
export function deriveStackFile(
  text: string,
  file: string,
  {
    api,
    host,
    edge,
    storage,
    databases = [],
    targets = [],
    ports = new Map(),
    standIns = new Map(),
  }: Pick<SandboxRecord, "api" | "host"> &
    Partial<Pick<SandboxRecord, "edge" | "storage" | "databases" | "targets">> & {
      readonly ports?: ReadonlyMap<number, number>;
      readonly standIns?: ReadonlyMap<string, readonly string[]>;
    },
  secrets: KeptInCopy = {},
): { readonly text: string; readonly notes: readonly string[] } {
  const facts = stackFileFacts(text, file);
  const document = parse(text, file);
  const notes = [`Cloudflare's API is ${api.url}`];
  document.setIn(["config", "groundwork:cloudflare", "apiUrl"], api.url);
  if (storage !== undefined && facts.buckets) {
    document.setIn(["config", "groundwork:storage", "endpoint"], storage.url);
    notes.push(`the S3 interface of the buckets is ${storage.url}`);
  }
  const resolve: string[] = [];
  for (const [name, { address, port }] of Object.entries(facts.hosts)) {
    const isIPv6 = address.includes(":");
    const here = isIPv6 && host.address6 !== undefined ? `[${host.address6}]` : host.address;
    resolve.push(`${isIPv6 ? `[${address}]` : address}:${port}:${here}:${host.port}`);
    document.setIn(["config", "groundwork:hosts", name, "hostKey"], host.hostKey);
    document.setIn(["config", "groundwork:hosts", name, "user"], host.user);
    notes.push(`SSH to ${address}:${port} goes to ${here}:${host.port}, with the sandbox's keys`);
  }
  for (const [name, first] of Object.entries(facts.swarms)) {
    // There is one machine here, and its Docker is the user's: it joins no swarm.
    const at = ["config", "groundwork:origins", name];
    document.setIn([...at, "kind"], "compose");
    document.setIn([...at, "host"], first);
    for (const member of ["hosts", "advertiseAddresses"]) document.deleteIn([...at, member]);
    notes.push(
      `origins.${name} runs on one host, as kind: compose: the swarm's own rolling updates are not tried here`,
    );
  }
  for (const { host: name, port, localPort, adminUser } of databases) {
    resolve.push(`${name}:${port}:127.0.0.1:${localPort}`);
    notes.push(
      `${name}:${port} is a PostgreSQL of the sandbox's own (127.0.0.1:${localPort}, as ${adminUser})`,
    );
  }
  for (const { target, httpsPort } of targets) {
    resolve.push(`${target}:443:127.0.0.1:${httpsPort}`);
    notes.push(`${target} is a stand-in at 127.0.0.1:${httpsPort}: the application itself is not here`);
  }
  if (edge !== undefined) {
    resolve.push(...facts.proxiedNames.map((name) => `${name}:443:127.0.0.1:${edge.httpsPort}`));
  }
  for (const [name, notAsked] of standIns) {
    const at = ["config", "groundwork:origins", name, "verify"];
    const checks = document.getIn(at);
    if (!isSeq(checks)) continue;
    for (const [index] of checks.items.entries())
      for (const content of notAsked) document.deleteIn([...at, index, content]);
    notes.push(
      `origins.${name}: verify asks for ${notAsked.includes("http2") ? "the statuses alone" : "no contents"}, as a stand-in answers here`,
    );
  }
  for (const { at, port } of facts.direct) {
    const local = ports.get(port);
    if (local !== undefined) resolve.push(`${at.includes(":") ? `[${at}]` : at}:${port}:127.0.0.1:${local}`);
  }
  document.setIn(["config", "groundwork:resolve"], [...new Set(resolve)]);
  document.deleteIn(["config", "groundwork:secrets"]);
  document.delete("secretsprovider");
  document.delete("encryptedkey");
  document.delete("encryptionsalt");
  if (secrets.salt !== undefined) document.set("encryptionsalt", secrets.salt);
  if (secrets.sealed !== undefined) document.setIn(["config", "groundwork:secrets"], secrets.sealed);
  for (const name of facts.backups) {
    // A bucket of the stack is one of the sandbox's; elsewhere nothing is written, and nobody is told of a sandbox.
    const at = ["config", "groundwork:databases", name, "backups"];
    for (const member of ["s3", "alertSecret"]) document.deleteIn([...at, member]);
    const place = document.hasIn([...at, "bucket"])
      ? "the sandbox's bucket"
      : "a folder of the sandbox's host";
    notes.push(`the backups of ${name} lie in ${place}, and nobody is alerted`);
  }
  for (const [name, { passwordVersion, passwordOverlap }] of Object.entries(secrets.rotations ?? {})) {
    const at = ["config", "groundwork:databases", name];
    if (!document.hasIn(at) || passwordVersion <= Number(document.getIn([...at, "passwordVersion"]) ?? 1))
      continue;
    document.setIn([...at, "passwordVersion"], passwordVersion);
    if (passwordOverlap !== undefined) document.setIn([...at, "passwordOverlap"], passwordOverlap);
    notes.push(`the passwords of ${name} have been rotated here (passwordVersion: ${passwordVersion})`);
  }
  notes.push("secrets are generated ones of the sandbox");
  return { text: document.toString(), notes };
}

/** What an earlier copy has that the stack file has not. */
export interface KeptInCopy {
  readonly salt?: string;
  readonly sealed?: unknown;
  /** Databases whose passwords were rotated in the sandbox. */
  readonly rotations?: Readonly<
    Record<string, { readonly passwordVersion: number; readonly passwordOverlap?: boolean }>
  >;
}

/** The salt, the sealed secrets and the rotations in an earlier copy; nothing where there is none. */
export function keptInCopy(copy: string): KeptInCopy {
  const { config, encryptionsalt: salt } = (parseDocument(copy).toJS() ?? {}) as {
    readonly config?: Readonly<Record<string, unknown>>;
    readonly encryptionsalt?: unknown;
  };
  const sealed = config?.["groundwork:secrets"];
  const databases = config?.["groundwork:databases"];
  const rotations = Object.entries(
    (typeof databases === "object" && databases !== null ? databases : {}) as Record<string, unknown>,
  ).flatMap(([name, database]) => {
    const { passwordVersion, passwordOverlap } = (database ?? {}) as Record<string, unknown>;
    if (typeof passwordVersion !== "number") return [];
    return [
      [
        name,
        { passwordVersion, ...(typeof passwordOverlap === "boolean" ? { passwordOverlap } : {}) },
      ] as const,
    ];
  });
  return {
    ...(typeof salt === "string" ? { salt } : {}),
    ...(sealed === undefined ? {} : { sealed }),
    ...(rotations.length === 0 ? {} : { rotations: Object.fromEntries(rotations) }),
  };
}

function parse(text: string, file: string): Document {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error === undefined) return document;
  throw new UserError({
    what: "the stack file is not YAML",
    value: `${file}: ${error.message}`,
    next: "mend that line and run the same command again",
    cause: error,
  });
}
