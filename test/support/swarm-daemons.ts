import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeFrames, type Frames } from "../../remote/framing";
import { stepCommand, stepInput, type RemoteStep } from "../../remote/scripts";
import { canStartDaemon } from "./docker-daemon";
import type { StepResult } from "./remote-step";

/** One of several machines: a Docker daemon with a network, a host name and a home of its own. */
export interface SwarmMachine {
  /** The others, and this process, reach it here. */
  readonly address: string;
  readonly home: string;
  /** What commands on it find in their environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly docker: (...args: string[]) => string;
  /** Its network, as `nsenter --net` takes it. */
  readonly network: string;
  /** Runs a step as SSH would: in the machine's network, with its home; `onLine` gets each line as it comes. */
  run(step: RemoteStep, frames: Frames, onLine?: (line: string) => void): Promise<StepResult>;
}

/** Machines on one switch. */
export interface SwarmMachines {
  readonly machines: readonly SwarmMachine[];
  /** Puts an archive of a folder into every machine's Docker as an image. */
  importImage(folder: string, tag: string, ...changes: string[]): void;
  close(): Promise<void>;
}

/** Whether {@link startMachines} can be had: real daemons, and network namespaces with a switch between them. */
export const canStartMachines =
  canStartDaemon && existsSync("/usr/sbin/ip") && existsSync("/usr/bin/nsenter");

/**
 * Starts real Docker daemons, each in a network namespace of its own, joined by a switch in another. This process has a
 * leg on the switch. The machine's own Docker and firewall are not touched.
 *
 * @param compose path of the compose plug-in.
 */
export async function startMachines(count: number, compose: string): Promise<SwarmMachines> {
  const directory = mkdtempSync(join(tmpdir(), "gw-sw-"));
  const tag = `gw${process.pid.toString(36)}`;
  // One of 16,384 nets of the range for tests between machines, by process.
  const net = `198.${18 + ((process.pid >> 8) & 1)}.${process.pid & 255}`;
  const ip = (...args: string[]) => execFileSync("/usr/sbin/ip", args, { stdio: "pipe" });
  const spaces: string[] = [];
  const daemons: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(
      daemons.map(
        (daemon) =>
          new Promise<void>((resolve) => {
            if (daemon.exitCode !== null || daemon.signalCode !== null) return resolve();
            // One that hangs at its end must not hold the tests.
            const patience = setTimeout(() => daemon.kill("SIGKILL"), 60_000);
            daemon.once("exit", () => {
              clearTimeout(patience);
              resolve();
            });
            daemon.kill("SIGTERM");
          }),
      ),
    );
    for (const space of spaces) ip("netns", "del", space);
    // Docker leaves its networks' namespaces and its own folder mounted.
    const mounts = readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[1] ?? "")
      .filter((path) => path.startsWith(`${directory}/`));
    for (const path of mounts.reverse()) spawnSync("umount", [path], { stdio: "ignore" });
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const addSpace = (name: string) => {
      ip("netns", "add", name);
      spaces.push(name);
      ip("-n", name, "link", "set", "lo", "up");
      return name;
    };
    const hub = addSpace(`${tag}-hub`);
    ip("-n", hub, "link", "add", "br0", "type", "bridge");
    ip("-n", hub, "link", "set", "br0", "up");
    ip("link", "add", `${tag}h`, "type", "veth", "peer", "name", "leg", "netns", hub);
    ip("-n", hub, "link", "set", "leg", "master", "br0", "up");
    ip("addr", "add", `${net}.254/24`, "dev", `${tag}h`);
    ip("link", "set", `${tag}h`, "up");

    const machines = Array.from({ length: count }, (_, index): SwarmMachine => {
      const name = `${tag}-${index + 1}`;
      const address = `${net}.${index + 1}`;
      const space = addSpace(name);
      ip("link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", `p${index}`, "netns", hub);
      ip("-n", hub, "link", "set", `p${index}`, "master", "br0", "up");
      ip("-n", space, "addr", "add", `${address}/24`, "dev", "eth0");
      ip("-n", space, "link", "set", "eth0", "up");
      ip("-n", space, "route", "add", "default", "via", `${net}.254`);
      const home = join(directory, `${index + 1}`);
      mkdirSync(join(home, ".docker", "cli-plugins"), { recursive: true });
      symlinkSync(compose, join(home, ".docker", "cli-plugins", "docker-compose"));
      const host = `unix://${join(home, "s")}`;
      // The namespace by `nsenter`, not by `ip netns exec`, which would hide the control groups; a host name of its own.
      daemons.push(
        spawn(
          "/usr/bin/nsenter",
          [
            ...[
              `--net=/run/netns/${space}`,
              "unshare",
              "--uts",
              "sh",
              "-c",
              'hostname "$0"; exec "$@"',
              name,
            ],
            ...["dockerd", "--data-root", join(home, "data"), "--exec-root", join(home, "exec")],
            ...["--pidfile", join(home, "pid"), "--host", host, "--storage-driver", "overlay2"],
          ],
          { stdio: "ignore", env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` } },
        ),
      );
      const environment = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin`, HOME: home, DOCKER_HOST: host };
      return {
        address,
        home,
        environment,
        network: `/run/netns/${space}`,
        docker: (...args) =>
          execFileSync("docker", args, { encoding: "utf8", stdio: "pipe", env: environment }).trim(),
        run: (step, frames, onLine = () => undefined) =>
          new Promise((resolve, reject) => {
            const child = spawn(
              "/usr/bin/nsenter",
              [`--net=/run/netns/${space}`, "sh", "-c", stepCommand(step)],
              { env: environment, stdio: "pipe" },
            );
            const output = { stdout: "", stderr: "" };
            let rest = "";
            child.stdout.on("data", (chunk: Buffer) => {
              output.stdout += chunk.toString("utf8");
              const lines = (rest + chunk.toString("utf8")).split("\n");
              rest = lines.pop() ?? "";
              lines.forEach(onLine);
            });
            child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString("utf8")));
            child.on("error", reject);
            child.on("close", (code) => resolve({ code: code ?? -1, ...output }));
            child.stdin.on("error", () => undefined);
            child.stdin.end(stepInput(step, encodeFrames(frames)));
          }),
      };
    });
    for (const machine of machines) {
      for (let tries = 0; ; tries++) {
        try {
          machine.docker("version");
          break;
        } catch (error) {
          if (tries > 150) throw error;
          await sleep(200);
        }
      }
    }
    return {
      machines,
      importImage: (folder, image, ...changes) => {
        const archive = join(directory, "image.tar");
        execFileSync("tar", ["-C", folder, "-cf", archive, "."]);
        for (const { docker } of machines) {
          docker("import", ...changes.flatMap((change) => ["--change", change]), archive, image);
        }
        rmSync(archive);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Lays the root of an image out: a static busybox with all its names, and further static programs.
 *
 * @param programs target path in the image -> file here.
 */
export function staticRoot(busybox: string, programs: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "gw-root-"));
  for (const folder of ["bin", "etc", "tmp", "data", "config"]) mkdirSync(join(root, folder));
  copyFileSync(busybox, join(root, "bin/busybox"));
  chmodSync(join(root, "bin/busybox"), 0o755);
  const names = execFileSync(busybox, ["--list"], { encoding: "utf8" }).split("\n").filter(Boolean);
  for (const name of names) if (name !== "busybox") symlinkSync("busybox", join(root, "bin", name));
  for (const [target, source] of Object.entries(programs)) {
    mkdirSync(join(root, target, ".."), { recursive: true });
    copyFileSync(source, join(root, target));
    chmodSync(join(root, target), 0o755);
  }
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
  return root;
}
