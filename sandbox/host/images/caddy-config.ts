import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";

/** What of a machine's network Caddy gets otherwise from a container. */
export interface CaddyNetwork {
  /** The loopback address that is the service's own. */
  readonly address: string;
  /** Ports that it takes instead of 80 and 443, where this user may not take those. */
  readonly ports: Readonly<Record<number, number>>;
  /** Where names of its networks are asked for. */
  readonly resolver: string;
}

type Json = null | boolean | number | string | Json[] | JsonObject;
interface JsonObject {
  [name: string]: Json | undefined;
}

/** The sandbox's authority signs no other one, so it signs by itself. */
const internalIssuer: JsonObject = { module: "internal", sign_with_root: true };

/** A command that runs a configuration, and where its files are. */
export interface CaddyRun {
  /** The real Caddy. */
  readonly program: string;
  /** @example ["run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"] */
  readonly words: readonly string[];
  /** Variables that the configuration may name. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The place on this machine of a file that the command names. Default: the same. */
  readonly locate?: (path: string) => string;
}

/**
 * The configuration that such a command runs, as JSON.
 *
 * @throws Error with Caddy's own words where it does not take the file
 */
export function readCaddyConfig({
  program,
  words,
  environment,
  locate = (path) => path,
}: CaddyRun): JsonObject {
  const { values } = parseArgs({
    args: words.slice(1),
    strict: false,
    options: { config: { type: "string", short: "c" }, adapter: { type: "string", short: "a" } },
  });
  const written = typeof values.config === "string" ? values.config : "Caddyfile";
  const file = locate(written);
  if (!existsSync(file)) throw new Error(`there is no configuration ${written}`);
  if (values.adapter === undefined && file.endsWith(".json"))
    return JSON.parse(readFileSync(file, "utf8")) as JsonObject;
  const adapter = typeof values.adapter === "string" ? values.adapter : "caddyfile";
  const adapted = spawnSync(program, ["adapt", "--config", file, "--adapter", adapter], {
    encoding: "utf8",
    env: { ...environment },
  });
  if (adapted.status !== 0) {
    // Before it stand warnings of the log.
    const error = adapted.stderr.split("\n").find((line) => line.startsWith("Error: "));
    throw new Error(`${written} cannot be used: ${error ?? adapted.stderr.trim()}`);
  }
  return JSON.parse(adapted.stdout) as JsonObject;
}

/**
 * Makes a configuration of Caddy that somebody wrote for a server on the Internet serve in the sandbox: certificates that
 * it would ask for there are signed by the sandbox's authority, which no trust store takes; and where no container gives
 * it a network, it listens and asks for names where it can. Everything else is as it was. Pure.
 *
 * @param config JSON as `caddy adapt` prints it
 * @param network Default: it has a container's own.
 */
export function fitCaddyConfig(config: JsonObject, network?: CaddyNetwork): JsonObject {
  const apps = objectOf(config["apps"]);
  const http = objectOf(apps["http"]);
  const fitted: JsonObject = {
    ...apps,
    tls: fitCertificates(objectOf(apps["tls"])),
    pki: fitAuthority(objectOf(apps["pki"])),
  };
  if (apps["http"] !== undefined) {
    fitted["http"] = network === undefined ? http : fitServers(http, network);
  }
  return { ...config, apps: fitted };
}

function fitCertificates(tls: JsonObject): JsonObject {
  const automation = objectOf(tls["automation"]);
  const policies = listOf(automation["policies"]).map((policy) => ({
    ...objectOf(policy),
    issuers: [internalIssuer],
  }));
  const everyName = policies.some((policy) => !("subjects" in policy));
  return {
    ...tls,
    automation: {
      ...automation,
      policies: everyName ? policies : [...policies, { issuers: [internalIssuer] }],
    },
  };
}

function fitAuthority(pki: JsonObject): JsonObject {
  const authorities = objectOf(pki["certificate_authorities"]);
  const local = { ...objectOf(authorities["local"]), install_trust: false };
  return { ...pki, certificate_authorities: { ...authorities, local } };
}

function fitServers(http: JsonObject, network: CaddyNetwork): JsonObject {
  const { ports } = network;
  const servers = Object.entries(objectOf(http["servers"])).map(([name, server]) => {
    const { listen, routes, ...others } = objectOf(server);
    const fitted: JsonObject = { ...others };
    if (listen !== undefined)
      fitted["listen"] = listOf(listen).map((at) => (typeof at === "string" ? fitListener(at, network) : at));
    if (routes !== undefined) fitted["routes"] = fitProxies(routes, network);
    return [name, fitted] as const;
  });
  return {
    ...http,
    // Caddy's own redirect goes from the one to the other, and does not name the port then.
    http_port: portOf(http["http_port"], 80, ports),
    https_port: portOf(http["https_port"], 443, ports),
    servers: Object.fromEntries(servers),
  };
}

function portOf(written: Json | undefined, usual: number, ports: Readonly<Record<number, number>>): number {
  const port = typeof written === "number" ? written : usual;
  return ports[port] ?? port;
}

/** `[network/][host]:port`; a host that is named stays, but for "every address", which here is the service's own. */
function fitListener(at: string, { address, ports }: CaddyNetwork): string {
  const parts = /^((?:tcp|udp)[46]?\/)?(.*):(\d+)$/.exec(at);
  if (parts === null) return at;
  const [, network = "", host = "", port = ""] = parts;
  const here = ["", "0.0.0.0", "[::]"].includes(host) ? address : host;
  return `${network}${here}:${ports[Number(port)] ?? port}`;
}

/** Every reverse proxy, at whatever depth, asks for names at the network's resolver unless it says another one. */
function fitProxies(part: Json, network: CaddyNetwork): Json {
  if (Array.isArray(part)) return part.map((item) => fitProxies(item, network));
  if (typeof part !== "object" || part === null) return part;
  const fitted: JsonObject = Object.fromEntries(
    Object.entries(part).map(([name, value]) => [name, fitProxies(value ?? null, network)]),
  );
  if (part["handler"] === "reverse_proxy") {
    fitted["transport"] = {
      protocol: "http",
      resolver: { addresses: [network.resolver] },
      ...objectOf(fitted["transport"]),
    };
  }
  return fitted;
}

function objectOf(part: Json | undefined): JsonObject {
  return typeof part === "object" && part !== null && !Array.isArray(part) ? part : {};
}

function listOf(part: Json | undefined): Json[] {
  return Array.isArray(part) ? part : [];
}
