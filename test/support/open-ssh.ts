import { spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { utils } from "ssh2";
import { generateSshKey } from "../../common/ssh-key";
import type { SshServer } from "../../remote/access";
import { startSshServer } from "../../sandbox/host/ssh/server";
import { childrenOf, killIfThere } from "./processes";

/** Where Debian puts the server. */
export const openSsh = "/usr/sbin/sshd";

/** A real SSH server on the loopback, with keys made for this run. */
export interface RealSsh {
  readonly kind: "OpenSSH" | "the sandbox's host";
  readonly server: SshServer;
  /** Cuts every connection, as a rebooted host does; goes on listening. */
  cut(): Promise<void>;
  close(): Promise<void>;
}

/** Options of {@link startRealSsh}. */
export interface RealSshOptions {
  /** Folder for keys and configuration, and home of commands. */
  readonly directory: string;
  /** A folder of programs that are found before the machine's: an `sh` in it takes every step of remote/. @default none */
  readonly bin?: string;
  /** @default any free one */
  readonly port?: number;
  /** Further variables of commands. @default {} */
  readonly variables?: Readonly<Record<string, string>>;
  /** OpenSSH only: a further key that may log in, as in authorized_keys. @default none */
  readonly authorizedKey?: string;
}

/** The servers that this machine has: the sandbox's own always, OpenSSH where it is installed. */
export const realSshKinds: readonly (readonly [
  RealSsh["kind"],
  (options: RealSshOptions) => Promise<RealSsh>,
])[] = [
  ["the sandbox's host", startSandboxSsh],
  ...(existsSync(openSsh) ? [["OpenSSH", startOpenSsh] as const] : []),
];

/** The machine's OpenSSH with a configuration of its own: nothing of the machine's is read or changed. */
export async function startOpenSsh({
  directory,
  bin,
  port: wanted,
  variables = {},
  authorizedKey = "",
}: RealSshOptions): Promise<RealSsh> {
  const [host, user] = [generateSshKey(), generateSshKey()];
  const file = (name: string) => join(directory, name);
  writeFileSync(file("host_key"), host.private, { mode: 0o600 });
  writeFileSync(file("authorized_keys"), `${user.public.trim()}\n${authorizedKey}\n`, { mode: 0o600 });
  const port = wanted ?? (await freePort());
  writeFileSync(
    file("sshd_config"),
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${file("host_key")}`,
      `AuthorizedKeysFile ${file("authorized_keys")}`,
      `PidFile ${file("sshd.pid")}`,
      "StrictModes no",
      "UsePAM no",
      "PermitRootLogin prohibit-password",
      "AcceptEnv LANG LC_*",
      "Subsystem sftp internal-sftp",
      `SetEnv ${assignments({ TEST_HOME: directory, PATH: pathWith(bin), ...variables })}`,
    ].join("\n"),
  );
  if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true });
  const daemon = spawn(openSsh, ["-D", "-e", "-f", file("sshd_config")], { stdio: "ignore" });
  await untilOpen(port);
  return {
    kind: "OpenSSH",
    server: {
      address: "127.0.0.1",
      port,
      user: userInfo().username,
      hostKey: host.public.trim(),
      privateKey: user.private,
    },
    cut: () => {
      // The processes of its connections, and not what they run.
      childrenOf(daemon.pid ?? 0).forEach(killIfThere);
      return Promise.resolve();
    },
    close: () =>
      new Promise((resolve) => {
        if (daemon.exitCode !== null) return resolve();
        childrenOf(daemon.pid ?? 0).forEach(killIfThere);
        daemon.once("exit", () => resolve());
        daemon.kill("SIGTERM");
      }),
  };
}

export async function startSandboxSsh({
  directory,
  bin,
  port = 0,
  variables = {},
}: RealSshOptions): Promise<RealSsh> {
  const [host, user] = [generateSshKey(), generateSshKey()];
  const authorizedKey = utils.parseKey(user.public);
  if (authorizedKey instanceof Error) throw authorizedKey;
  const start = (at: number) =>
    startSshServer({
      port: at,
      hostPrivateKey: host.private,
      authorizedKey,
      home: directory,
      root: directory,
      environment: () => ({ PATH: pathWith(bin), HOME: directory, TEST_HOME: directory, ...variables }),
      forwardPort: (forwarded) => forwarded,
    });
  let server = await start(port);
  const own = server.port;
  return {
    kind: "the sandbox's host",
    server: {
      address: "127.0.0.1",
      port: own,
      user: "deploy",
      hostKey: host.public.trim(),
      privateKey: user.private,
    },
    cut: async () => {
      await server.close();
      server = await start(own);
    },
    close: () => server.close(),
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A network in front of a port: it can be held up, in which nothing comes through and nobody is told, or cut. */
export interface TestNetwork {
  readonly port: number;
  /** Connections that came. */
  readonly connections: () => number;
  hold(): void;
  cut(): void;
  /** Takes no connection for some milliseconds. */
  pause(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

export async function startNetwork(to: number): Promise<TestNetwork> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let count = 0;
  let paused = false;
  const server: Server = createServer((near) => {
    if (paused) return near.destroy();
    count += 1;
    const far = connect(to, "127.0.0.1");
    const pair = [near, far] as const;
    pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const socket of pair) {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        pairs.delete(pair);
        for (const each of pair) each.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const end = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => count,
    hold: () => {
      for (const pair of pairs) for (const socket of pair) socket.unpipe().pause();
    },
    cut: end,
    pause: async (milliseconds) => {
      paused = true;
      await sleep(milliseconds);
      paused = false;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        end();
      }),
  };
}

async function untilOpen(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
      socket.once("error", () => resolve(false));
    });
    if (isUp) return;
    await sleep(25);
  }
  throw new Error("sshd does not listen");
}

function assignments(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

function pathWith(bin: string | undefined): string {
  return [...(bin === undefined ? [] : [bin]), process.env["PATH"] ?? "/usr/bin:/bin"].join(":");
}
