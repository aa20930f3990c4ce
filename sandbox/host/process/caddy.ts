import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { shellWords } from "../../../common/shell-words";
import type { PreparedImage } from "../config";
import { placeFiles } from "../images/caddy";
import type { ComposeService } from "./compose-model";
import { rewritePaths, type ServiceSpec } from "./spec";

/** Ports that our Caddyfiles name by variables, as they are in the container. */
const ports = { HTTP_PORT: 80, HTTPS_PORT: 443, GATE_PORT: 2020 } as const;
const dnsPort = 53;

interface CaddyPlace extends Pick<ServiceSpec, "address" | "paths"> {
  /** The folder that stands for `/`. */
  readonly root: string;
  /** Folder of local sockets, its path short enough for one. */
  readonly sockets: string;
}

/** What Caddy gets outside of a container: see components/origin/caddyfile.ts for the variables. */
export function outsideContainer(
  image: PreparedImage,
  service: ComposeService,
  { address, paths, root, sockets }: CaddyPlace,
  mayTakeLowPorts = takesLowPorts(),
): Pick<ServiceSpec, "environment" | "listens" | "resolverPort"> {
  const here = (path: string): string => {
    const rewritten = rewritePaths(path, paths);
    return rewritten === path ? join(root, path) : rewritten;
  };
  placeFiles(image, here);
  mkdirSync(sockets, { recursive: true });
  // Caddy talks to nobody at a loopback address other than 127.0.0.1, which is not this service's own.
  const admin = `unix/${join(sockets, `${address}.admin`)}`;
  const real = (port: number): number => (port < 1024 && !mayTakeLowPorts ? port + 8000 : port);
  const resolverPort = real(dnsPort);
  const own = { ...image.environment, ...service.environment };
  return {
    environment: {
      XDG_CONFIG_HOME: here(own["XDG_CONFIG_HOME"] ?? "/config"),
      XDG_DATA_HOME: here(own["XDG_DATA_HOME"] ?? "/data"),
      UPSTREAMS: here("/upstreams"),
      CERTIFICATES: here("/certificates"),
      BIND: address,
      ADMIN: admin,
      // What is taken where the Caddyfile says nothing of it.
      CADDY_ADMIN: admin,
      RESOLVER: `${address}:${resolverPort}`,
      ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(real(port))])),
    },
    listens: Object.fromEntries(Object.values(ports).map((port) => [port, real(port)])),
    resolverPort,
  };
}

/**
 * A `caddy` that runs a configuration of the user's own as one that serves here: see caddy-command.ts.
 *
 * @param files the real program, the tool that writes the configuration anew, and where that is written
 */
export function caddyScript(files: {
  readonly program: string;
  readonly command: string;
  readonly target: string;
}): string {
  const program = shellWords([files.program]);
  const target = shellWords([files.target]);
  return [
    "case $1 in run | reload)",
    `  ${shellWords([process.execPath, files.command, files.program, files.target])} "$@" || exit`,
    `  exec ${program} "$1" --config ${target} ;;`,
    "esac",
    `exec ${program} "$@"`,
  ].join("\n");
}

/** Whether this user may listen below 1024. */
function takesLowPorts(): boolean {
  if (process.getuid?.() === 0) return true;
  try {
    return Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8")) <= dnsPort;
  } catch {
    return false;
  }
}
