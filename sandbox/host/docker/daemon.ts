import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cacheDirectory, exclusively } from "../../../common/cache";
import { UserError } from "../../../common/user-error";
import { readJson, writeJson } from "../files";
import { sha256 } from "../hash";
import { findRealProgram } from "../postgres/real-program";
import { endProcess, identify, isRunning, sleep, type ProcessIdentity } from "../../../common/processes";
import { runProgram } from "../run-program";

const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

type Log = (line: string) => void;

/** A daemon that answers. */
export interface DockerDaemon {
  readonly client: string;
  /** As DOCKER_HOST takes it. */
  readonly host: string;
  /** Started by the sandbox, so ended by it. */
  readonly own: boolean;
}

/** The daemon that sandboxes start is shared by them; its data lie in the cache, so that images stay for the next time. */
interface OwnDaemon {
  readonly process: ProcessIdentity;
}

const howToStart =
  process.platform === "linux"
    ? "sudo systemctl start docker, or run this again with --with-docker as root"
    : "start Docker Desktop";

/**
 * Finds a Docker daemon: the one that the user's own client talks to; else one that a sandbox has started; else, where
 * that is allowed, installs Docker by apt and starts one.
 *
 * @throws UserError that says what is missing.
 */
export async function findDaemon({
  directory,
  withDocker,
  log,
}: {
  /** The host's folder: entered among those that use the sandboxes' own daemon, where it is that one. */
  directory: string;
  withDocker: boolean;
  log: Log;
}): Promise<DockerDaemon> {
  let client = findClient();
  if (client !== undefined) {
    const host = await currentHost(client);
    if ((await serverVersion(client, host)) !== undefined) return { client, host, own: false };
  }
  // Who names a daemon means that one.
  if (client !== undefined && (process.env["DOCKER_HOST"] ?? "") === "") {
    const host = await joinOwnDaemon(client, directory);
    if (host !== undefined) return { client, host, own: true };
  }
  if (!withDocker) {
    throw new UserError({
      what:
        client === undefined
          ? "Docker is not installed"
          : "Docker is installed, but its daemon does not answer",
      next:
        client === undefined
          ? "install Docker, or run this again with --with-docker as root on Debian"
          : howToStart,
    });
  }
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new UserError({
      what: "starting Docker needs root on Linux",
      value: process.platform,
      next: howToStart,
    });
  }
  if (client === undefined || findDaemonProgram() === undefined) await installDocker(log);
  client = findClient();
  const daemon = findDaemonProgram();
  if (client === undefined || daemon === undefined) {
    throw new UserError({
      what: "Docker is not there after its installation",
      next: "apt-get install docker.io",
    });
  }
  if (existsSync("/run/systemd/system")) {
    await runProgram("systemctl", ["start", "docker"], { timeout: 60_000 });
    const host = await currentHost(client);
    if ((await serverVersion(client, host)) !== undefined) return { client, host, own: false };
  }
  const host = await startOwnDaemon(client, daemon, { directory, log });
  return { client, host, own: true };
}

function searchPath(): string {
  return `${process.env["PATH"] ?? ""}:/usr/local/bin:/usr/bin:/usr/sbin:/sbin`;
}

function findClient(): string | undefined {
  return findRealProgram("docker", searchPath());
}

function findDaemonProgram(): string | undefined {
  return findRealProgram("dockerd", searchPath());
}

/** Where the user's client looks for its daemon: DOCKER_HOST, else its current context. */
async function currentHost(client: string): Promise<string> {
  const given = process.env["DOCKER_HOST"];
  if (given !== undefined && given !== "") return given;
  const { code, stdout } = await runProgram(client, [
    "context",
    "inspect",
    "--format",
    "{{.Endpoints.docker.Host}}",
  ]);
  return code === 0 && stdout.trim() !== "" ? stdout.trim() : "unix:///var/run/docker.sock";
}

/** The daemon's version, or undefined where none answers within 10 s. */
async function serverVersion(client: string, host: string): Promise<string | undefined> {
  const { code, stdout } = await runProgram(client, ["version", "--format", "{{.Server.Version}}"], {
    environment: { ...process.env, DOCKER_HOST: host },
    timeout: 10_000,
  });
  return code === 0 && /^\d/.test(stdout.trim()) ? stdout.trim() : undefined;
}

async function installDocker(log: Log): Promise<void> {
  const apt = findRealProgram("apt-get", searchPath());
  if (apt === undefined) {
    throw new UserError({
      what: "Docker can only be installed where apt-get is",
      next: "install Docker by hand",
    });
  }
  log("installing Docker (apt-get install docker.io)");
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = (): ReturnType<typeof runProgram> =>
    runProgram(
      apt,
      ["install", "-y", "--no-install-recommends", "docker.io", "iptables", "ca-certificates"],
      {
        environment,
        timeout: 600_000,
      },
    );
  let result = await install();
  if (result.code !== 0) {
    await runProgram(apt, ["update"], { environment, timeout: 300_000 });
    result = await install();
  }
  if (result.code !== 0) {
    throw new UserError({
      what: "Docker could not be installed by apt-get",
      value: result.stderr.trim().split("\n").slice(-3).join(" "),
      next: "install Docker by hand, or run without it",
    });
  }
}

/** One for the machine, and short enough for a socket; gone after a reboot, as the daemon is. */
function ownFolder(): string {
  return process.env["GROUNDWORK_DOCKER"] ?? "/run/groundwork-docker";
}

/** Ways to start a daemon, tried in this order: what a machine in a container cannot do is left out. */
const attempts: readonly { readonly args: readonly string[]; readonly said: string }[] = [
  { args: [], said: "" },
  { args: ["--storage-driver=vfs"], said: " with storage driver vfs" },
  { args: ["--iptables=false", "--ip6tables=false"], said: " without iptables" },
  {
    args: ["--storage-driver=vfs", "--iptables=false", "--ip6tables=false"],
    said: " with vfs, without iptables",
  },
];

const socketHost = (): string => `unix://${join(ownFolder(), "docker.sock")}`;
const recordFile = (): string => join(ownFolder(), "daemon.json");

/** Where the daemon is that a sandbox has started before, if it still answers. */
async function runningOwnDaemon(client: string): Promise<string | undefined> {
  if (!isRunning(readJson<OwnDaemon>(recordFile())?.process)) return undefined;
  return (await serverVersion(client, socketHost())) === undefined ? undefined : socketHost();
}

/**
 * Enters a host among those that use the running daemon. Under the lock: one that its last user is about to end answers still, and
 * would be gone in a moment.
 */
async function joinOwnDaemon(client: string, directory: string): Promise<string | undefined> {
  if ((await runningOwnDaemon(client)) === undefined) return undefined;
  return exclusively(ownFolder(), () => enterRunning(client, directory));
}

/** Under the lock. */
async function enterRunning(client: string, directory: string): Promise<string | undefined> {
  const host = await runningOwnDaemon(client);
  if (host !== undefined) enterUser(directory);
  return host;
}

async function startOwnDaemon(
  client: string,
  daemon: string,
  { directory, log }: { readonly directory: string; readonly log: Log },
): Promise<string> {
  const folder = ownFolder();
  const host = socketHost();
  return exclusively(
    folder,
    async () => {
      if ((await enterRunning(client, directory)) !== undefined) return host;
      for (const attempt of attempts) {
        log(`starting the Docker daemon${attempt.said}`);
        const identity = await launchDaemon({ client, daemon, folder, host, args: attempt.args });
        if (identity === undefined) continue;
        writeJson(recordFile(), { process: identity });
        enterUser(directory);
        return host;
      }
      throw new UserError({
        what: "the Docker daemon does not start on this machine",
        value: lastLines(join(folder, "daemon.log")),
        next: "start Docker by hand, or run without it",
      });
    },
    { log, doing: "start the Docker daemon" },
  );
}

async function launchDaemon(options: {
  client: string;
  daemon: string;
  folder: string;
  host: string;
  args: readonly string[];
}): Promise<ProcessIdentity | undefined> {
  const { client, daemon, folder, host, args } = options;
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, "dockerd.pid"), { force: true });
  const output = openSync(join(folder, "daemon.log"), "w", 0o600);
  const child = spawn(
    daemon,
    [
      ...["--data-root", join(cacheDirectory(), "docker"), "--exec-root", join(folder, "exec")],
      ...["--pidfile", join(folder, "dockerd.pid"), "-H", host, ...args],
    ],
    {
      detached: true,
      stdio: ["ignore", output, output],
      cwd: "/",
      // It outlives whoever starts it, and that one's temporary folder: without one no container could be entered. It calls iptables
      // by where it found it.
      env: { ...process.env, TMPDIR: "/tmp", PATH: `${systemPath}:${process.env["PATH"] ?? ""}` },
    },
  );
  closeSync(output);
  child.unref();
  let ended = false;
  child.once("exit", () => (ended = true));
  child.once("error", () => (ended = true));
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  for (const deadline = Date.now() + 45_000; !ended && Date.now() < deadline;) {
    if ((await serverVersion(client, host)) !== undefined) return identity;
    await sleep(100);
  }
  await endProcess(identity, { graceMs: 10_000 });
  return undefined;
}

function lastLines(file: string): string {
  try {
    return readFileSync(file, "utf8").trim().split("\n").slice(-3).join("\n");
  } catch {
    return "";
  }
}

function userFile(directory: string): string {
  return join(ownFolder(), "users", sha256(directory).slice(0, 16));
}

function enterUser(directory: string): void {
  mkdirSync(join(ownFolder(), "users"), { recursive: true });
  writeFileSync(userFile(directory), directory);
}

/** Takes a host out; the last one ends the daemon. */
export async function leaveOwnDaemon(directory: string, log: Log): Promise<void> {
  const folder = ownFolder();
  await exclusively(folder, async () => {
    rmSync(userFile(directory), { force: true });
    if (hasUsers(folder)) return;
    const record = readJson<OwnDaemon>(recordFile());
    if (record !== undefined) {
      log("ending the Docker daemon that the sandbox had started");
      await endProcess(record.process, { graceMs: 30_000 });
    }
    rmSync(folder, { recursive: true, force: true });
  });
}

/** Whether a host that still exists uses the daemon. */
function hasUsers(folder: string): boolean {
  const users = join(folder, "users");
  const files = existsSync(users) ? readdirSync(users) : [];
  return files.some((name) => existsSync(readFileSync(join(users, name), "utf8")));
}
