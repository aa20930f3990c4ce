import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheDirectory, exclusively } from "../../common/cache";
import { childrenOf, killIfThere } from "./processes";

/** A Docker daemon of the tests' own: its own data, its own socket. */
export interface TestDaemon {
  /** `unix:///…/docker.sock` */
  readonly host: string;
  docker(...args: string[]): string;
  /** Kills the daemon and its containers, as a reboot does, and starts it again. */
  reboot(): Promise<void>;
  close(): Promise<void>;
}

function programOnPath(name: string): string | undefined {
  const folders = `${process.env["PATH"] ?? ""}:/usr/sbin`.split(":");
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** Whether this process may mount and make namespaces (CAP_SYS_ADMIN), which root in a container may not. */
function isPrivileged(): boolean {
  if (userInfo().uid !== 0) return false;
  const status = readFileSync("/proc/self/status", "utf8");
  const effective = BigInt(`0x${/^CapEff:\s*([\da-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return ((effective >> 21n) & 1n) === 1n;
}

/** Whether {@link startDaemon} can be had: the daemon and the client are installed, and this is root in full. */
export const canStartDaemon =
  programOnPath("dockerd") !== undefined && programOnPath("docker") !== undefined && isPrivileged();

/**
 * @param networks with networks between containers and published ports, which needs rules in the machine's firewall: who
 *   makes networks removes them before the end. Without: no bridge and no rule.
 */
export async function startDaemon({ networks = false } = {}): Promise<TestDaemon> {
  // The socket's path must stay below 108 characters.
  const directory = mkdtempSync(join(tmpdir(), "gw-docker-"));
  const host = `unix://${join(directory, "docker.sock")}`;
  const docker = (...args: string[]) =>
    execFileSync(programOnPath("docker")!, ["--host", host, ...args], {
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
  // Daemons that start at the same moment do not see each other's networks: each has a range of its own, small ones.
  const range = `198.${18 + Math.floor(Math.random() * 2)}.${Math.floor(Math.random() * 64) * 4}.0/22`;
  let settled = (): void => undefined;
  const launch = async () => {
    settled();
    if (networks) settled = await takeTurn();
    const output = openSync(join(directory, "log"), "a");
    const child = spawn(
      programOnPath("dockerd")!,
      [
        ...["--data-root", join(directory, "data"), "--exec-root", join(directory, "exec")],
        ...["--pidfile", join(directory, "pid"), "--host", host],
        ...(networks
          ? ["--default-address-pool", `base=${range},size=27`]
          : ["--storage-driver", "vfs", "--iptables=false", "--ip6tables=false", "--bridge=none"]),
      ],
      {
        stdio: ["ignore", output, output],
        env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
      },
    );
    for (let tries = 0; ; tries++) {
      try {
        docker("version");
        return child;
      } catch (error) {
        if (tries > 150 || child.exitCode !== null) {
          const said = readFileSync(join(directory, "log"), "utf8").trim().split("\n").slice(-5).join("\n");
          throw new Error(`the Docker daemon does not start:\n${said}`, { cause: error });
        }
        await sleep(200);
      }
    }
  };
  const ended = (child: ChildProcess) => new Promise((resolve) => child.once("exit", resolve));
  let daemon = await launch();
  return {
    host,
    docker,
    reboot: async () => {
      const old = ended(daemon);
      // Of this daemon alone: its containers' shims name its folder.
      const shims = spawnSync("pgrep", ["-f", `containerd-shim.*${directory}/`], { encoding: "utf8" }).stdout;
      daemon.kill("SIGKILL");
      await old;
      for (const pid of shims.trim().split("\n").filter(Boolean).map(Number)) {
        for (const child of childrenOf(pid)) killIfThere(child);
        killIfThere(pid);
      }
      rmSync(join(directory, "pid"), { force: true });
      const containerd = join(directory, "exec", "containerd", "containerd.pid");
      killIfThere(Number(readFileSync(containerd, "utf8")));
      // /run is empty after a reboot.
      rmSync(containerd);
      await sleep(500);
      daemon = await launch();
    },
    close: async () => {
      settled();
      const old = ended(daemon);
      daemon.kill("SIGTERM");
      await old;
      // What was mounted before a reboot.
      while (spawnSync("umount", [join(directory, "data")], { stdio: "ignore" }).status === 0);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** So long a daemon has the machine's firewall to itself: what its user makes first needs a few seconds. */
const settlingMs = 15_000;

/**
 * A daemon that starts makes the machine's chain DOCKER anew; in that moment another one cannot make a network. So they start one
 * after the other, each when the one before it has had time for its first networks.
 *
 * @returns what ends the turn early
 */
function takeTurn(): Promise<() => void> {
  return new Promise((begin, fail) => {
    const turn = () =>
      new Promise<void>((end) => {
        setTimeout(end, settlingMs).unref();
        begin(end);
      });
    exclusively(join(cacheDirectory(), "test-daemons"), turn).catch(fail);
  });
}

/** Imports an image of the machine's own shell and `sleep`, with the libraries they need: nothing is downloaded. */
export function importShellImage(daemon: TestDaemon, name: string): void {
  const root = mkdtempSync(join(tmpdir(), "gw-rootfs-"));
  const put = (file: string) => {
    const target = join(root, file);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(file, target);
  };
  for (const program of ["/bin/sh", "/bin/sleep"]) {
    put(program);
    const libraries = execFileSync("ldd", [program], { encoding: "utf8" }).match(/\/\S+/g) ?? [];
    libraries.forEach(put);
  }
  const archive = `${root}.tar`;
  execFileSync("tar", ["-C", root, "-cf", archive, "."]);
  daemon.docker("import", archive, name);
  rmSync(root, { recursive: true, force: true });
  rmSync(archive, { force: true });
}
