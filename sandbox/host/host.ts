import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { UserError } from "../../common/user-error";
import { putTools } from "./bundle";
import type { HostConfig, HostMode } from "./config";
import { startCron } from "./crontab";
import { openDockerMachine, prepareDockerMachine } from "./docker/machine";
import { readJson, writeJson } from "./files";
import { sha256 } from "./hash";
import type { SandboxImage } from "./images/image";
import { ensureKeyPair, parsePublicKey } from "./keys";
import { hostLayout, type HostLayout } from "./layout";
import { type BackupPrograms, loginEnvironment, makeFolders, writePrograms } from "./login";
import type { HostService, Machine } from "./machine";
import { resolvePort } from "./ports";
import { openProcessMachine, prepareProcessMachine } from "./process/machine";
import { outsideFolder } from "./reachable";
import { endSessions } from "./sessions";
import { startSshServer } from "./ssh/server";

export type { SandboxImage } from "./images/image";
export type { BackupPrograms } from "./login";
export type { HostService } from "./machine";

/** How to start a host. */
export interface HostOptions {
  /** Everything of the host lies below this folder. Made where it does not exist. */
  readonly directory: string;
  /** `auto`: Docker where a daemon answers (or may be installed), else plain processes. */
  readonly mode: HostMode | "auto";
  /** Install Docker by apt and start its daemon where none answers; needs root on Debian. Default: false, true in CI. */
  readonly withDocker?: boolean;
  /** The one key that may log in, in authorized_keys form. Default: one is made, see `privateKeyFile`. */
  readonly clientPublicKey?: string;
  /** SSH port on 127.0.0.1. Default: 0, any free one. */
  readonly port?: number;
  /** Who may log in. Default: any valid user name; all are the same user of the sandbox. */
  readonly users?: readonly string[];
  /** Prefix of everything made in Docker: lower-case letters, digits and dashes. */
  readonly name: string;
  /** Images made from local files, by the names that compose files use. */
  readonly images: readonly SandboxImage[];
  /** What databases are backed up with. @default nothing: the host has none of it */
  readonly backups?: BackupPrograms | undefined;
  readonly log?: (line: string) => void;
}

/** The machine that is deployed to. */
export interface SandboxHost {
  readonly mode: HostMode;
  /** SSH port on 127.0.0.1, and on ::1 where `hasIPv6`. */
  readonly port: number;
  readonly hasIPv6: boolean;
  readonly user: string;
  /** `ssh-ed25519 AAAA…`: what a client pins. */
  readonly hostKey: string;
  /** The client's private key in OpenSSH form; undefined where `clientPublicKey` was given. */
  readonly privateKeyFile: string | undefined;
  /** HOME of those who log in. */
  readonly home: string;
  /** The loopback port where a published port of the host really is. */
  resolvePort(hostPort: number): number | undefined;
  status(): Promise<readonly HostService[]>;
  /**
   * Ends the SSH server. Services and what logins have started go on; with `services: true` both end, and services come
   * back at the next start.
   */
  close(options?: { readonly services?: boolean }): Promise<void>;
  /** Ends and removes everything that the host has made. */
  destroy(): Promise<void>;
}

const noLog = (): void => undefined;

/**
 * Starts the machine that is deployed to: an SSH server in front of Docker or of plain processes.
 *
 * @throws UserError for an unfit name, a missing Docker that was asked for.
 */
export async function startHost(options: HostOptions): Promise<SandboxHost> {
  const layout = hostLayout(resolve(options.directory));
  const log = options.log ?? noLog;
  if (!/^[a-z0-9][a-z0-9-]{0,51}$/.test(options.name)) {
    throw new UserError({
      what: "not a name for a sandbox host",
      value: options.name,
      allowed: "lower-case letters, digits and dashes, 52 characters at most",
    });
  }
  makeFolders(layout);
  const hostKey = ensureKeyPair(layout.keys, "host_ed25519");
  const client =
    options.clientPublicKey === undefined ? ensureKeyPair(layout.keys, "client_ed25519") : undefined;
  const authorizedKey = parsePublicKey(options.clientPublicKey ?? client?.publicKey ?? "");

  putTools(layout.tools);
  writePrograms(layout, options.backups);
  const machine = await prepareMachine(layout, options, log);
  writeJson(layout.configFile, machine.config);
  await machine.revive();

  const server = await startSshServer({
    port: options.port ?? 0,
    hostPrivateKey: hostKey.privateKey,
    authorizedKey,
    ...(options.users && { users: options.users }),
    home: layout.home,
    root: layout.home,
    environment: (user) => loginEnvironment(layout, user),
    isContainer: (address) => machine.hasAddress(address),
    forwardPort: (port) => resolvePort(layout.portsFile, port) ?? port,
    log,
  });
  const user = options.users?.[0] ?? "deploy";
  const endCron = startCron(layout, () => loginEnvironment(layout, user), log);
  log(`the host: SSH on 127.0.0.1:${server.port}`);
  return {
    mode: machine.config.mode,
    port: server.port,
    hasIPv6: server.hasIPv6,
    user,
    hostKey: hostKey.publicKey,
    privateKeyFile: client?.privateKeyFile,
    home: layout.home,
    resolvePort: (hostPort) => resolvePort(layout.portsFile, hostPort),
    status: () => machine.status(),
    close: async ({ services = false } = {}) => {
      endCron();
      await server.close();
      if (!services) return;
      await endSessions(layout);
      await machine.halt();
    },
    destroy: async () => {
      endCron();
      await server.close();
      await endSessions(layout);
      await machine.destroy();
      await removeFolder(layout.directory);
    },
  };
}

/**
 * Ends and removes everything of a host that is not running any more. Does nothing where there is none.
 *
 * @param directory the host's folder, as given to {@link startHost}.
 */
export async function destroyHost(
  directory: string,
  { log = noLog }: { log?: (line: string) => void } = {},
): Promise<void> {
  const layout = hostLayout(resolve(directory));
  const config = readJson<HostConfig>(layout.configFile);
  await endSessions(layout);
  if (config !== undefined) await openMachine(layout, config, log).destroy();
  // Made before host.json: there after a start that failed.
  await removeFolder(outsideFolder(layout));
  await removeFolder(layout.directory);
}

/** A process that ends may write once more: tried again for a second. */
async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

function openMachine(layout: HostLayout, config: HostConfig, log: (line: string) => void): Machine {
  return config.mode === "docker"
    ? openDockerMachine(layout, config, log)
    : openProcessMachine(layout, config, log);
}

/**
 * Docker where it serves; else, unless Docker was asked for, plain processes, said openly. A host stays with the mode
 * that it has begun with: its services and data could not follow to the other one.
 */
async function prepareMachine(
  layout: HostLayout,
  options: HostOptions,
  log: (line: string) => void,
): Promise<Machine> {
  const before = readJson<HostConfig>(layout.configFile);
  if (before !== undefined && options.mode !== "auto" && options.mode !== before.mode) {
    throw new UserError({
      what: `the sandbox's host has begun in ${before.mode} mode and cannot change to ${options.mode} mode`,
      value: layout.directory,
      next: "destroy this sandbox first (npm start -- --destroy), then start it again",
    });
  }
  const mode = before?.mode ?? options.mode;
  const withDocker = options.withDocker ?? process.env["CI"] === "true";
  const context = { layout, log, name: machineName(options.name, layout), images: options.images };
  if (mode === "process") {
    if (withDocker && options.mode === "auto") {
      log(
        "the host stays with plain processes, as it has begun; destroy the sandbox first to change to Docker",
      );
    }
    return prepareProcessMachine(context);
  }
  try {
    // A daemon of the sandbox's own is gone after a reboot: it is started again.
    return await prepareDockerMachine({
      ...context,
      withDocker: withDocker || before?.docker?.ownDaemon === true,
    });
  } catch (error) {
    if (mode === "docker" || !(error instanceof UserError)) throw error;
    const { what, value, next } = error.parts;
    log(`no Docker (${value === undefined ? what : `${what}: ${value}`}): services run as plain processes`);
    if (next !== undefined) log(`for Docker: ${next}`);
    return prepareProcessMachine(context);
  }
}

/** The prefix in Docker: two checkouts with a stack of the same name do not meet. */
function machineName(name: string, layout: HostLayout): string {
  return `${name}-${sha256(layout.directory).slice(0, 6)}`;
}
