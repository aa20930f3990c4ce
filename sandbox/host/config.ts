import { readJson } from "./files";
import { hostLayout, type HostLayout } from "./layout";
import type { SandboxImage } from "./images/image";

export type HostMode = "docker" | "process";

/** host.json: what the `docker` wrapper, a process of its own, has to know. */
export interface HostConfig {
  readonly mode: HostMode;
  /** Prefix of everything made in Docker. */
  readonly name: string;
  readonly images: readonly PreparedImage[];
  /** Process mode: hydrated PostgreSQL binaries. */
  readonly postgres?: { readonly directory: string };
  /** Process mode: where named volumes lie; below the host's folder if PostgreSQL's user can reach that. */
  readonly volumes: string;
  /** Process mode: folder of the databases' local sockets. */
  readonly sockets: string;
  /** Process mode as root: the user that PostgreSQL runs as. */
  readonly unprivileged?: { readonly uid: number; readonly gid: number };
  readonly docker?: DockerConfig;
}

export interface DockerConfig {
  /** The real `docker`. */
  readonly client: string;
  /** Address of the daemon's socket, as DOCKER_HOST takes it. */
  readonly host: string;
  /** The compose plug-in, a program of its own. */
  readonly compose: string;
  /** Whether the sandbox has started the daemon itself. */
  readonly ownDaemon: boolean;
}

/** An image with its files in place. */
export interface PreparedImage extends SandboxImage {
  /** Over everything that the image is made of. */
  readonly hash: string;
  /** node-app: the folder that holds the application's files. */
  readonly content?: string;
  /** Docker mode: the local tag. */
  readonly tag?: string;
}

/** The configuration in a host's folder. */
export function readHostConfig(directory: string): { layout: HostLayout; config: HostConfig } {
  const layout = hostLayout(directory);
  const config = readJson<HostConfig>(layout.configFile);
  if (config === undefined) throw new Error(`no sandbox host in ${directory}`);
  return { layout, config };
}
