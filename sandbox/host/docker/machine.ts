import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../../common/user-error";
import type { DockerConfig, HostConfig, PreparedImage } from "../config";
import { readJson, writeJson } from "../files";
import { makeImage } from "../images/docker-image";
import type { HostLayout } from "../layout";
import type { HostService, Machine, MachineContext } from "../machine";
import { runProgram, type ProgramResult } from "../run-program";
import { findComposePlugin } from "./compose-plugin";
import { dockerEnvironment } from "./environment";
import { findDaemon, leaveOwnDaemon } from "./daemon";
import { hostLabel, projectLabel, serviceLabel } from "./labels";

/** Finds or starts Docker, makes the images, and tries one container: a daemon that answers may still not run any. */
export async function prepareDockerMachine(
  context: MachineContext & { withDocker: boolean },
): Promise<Machine> {
  const { layout, name, log } = context;
  if (process.platform !== "linux") {
    throw new UserError({
      what: "the sandbox makes its images from this machine's own Linux programs",
      value: process.platform,
      next: "run the sandbox in a Linux machine or container",
    });
  }
  const daemon = await findDaemon({ ...context, directory: layout.directory });
  const docker: DockerConfig = {
    client: daemon.client,
    host: daemon.host,
    compose: await findComposePlugin(log),
    ownDaemon: daemon.own,
  };
  const images: PreparedImage[] = [];
  for (const image of context.images) images.push(await makeImage(image, { layout, docker, name, log }));
  await tryContainer(docker, layout, images[0]);
  const config: HostConfig = {
    mode: "docker",
    name,
    images,
    volumes: join(layout.directory, "volumes"),
    sockets: join(layout.directory, "run"),
    docker,
  };
  return openDockerMachine(layout, config, log);
}

async function tryContainer(
  docker: DockerConfig,
  layout: HostLayout,
  image: PreparedImage | undefined,
): Promise<void> {
  if (image?.tag === undefined) return;
  const { code, stderr } = await runProgram(
    docker.client,
    [
      "run",
      "--rm",
      "--label",
      hostLabel(layout),
      "--entrypoint",
      "/usr/local/bin/node",
      image.tag,
      "-e",
      "0",
    ],
    { environment: dockerEnvironment(docker), timeout: 60_000 },
  );
  if (code === 0) return;
  throw new UserError({
    what: "Docker answers, but cannot run a container",
    // Its last words point at its help.
    value: stderr
      .split("\n")
      .filter((line) => line.trim() !== "" && !line.includes("--help"))
      .slice(-2)
      .join(" "),
    next: "docker run hello-world says more; the sandbox also runs without Docker",
  });
}

export function openDockerMachine(
  layout: HostLayout,
  config: HostConfig,
  log: (line: string) => void,
): Machine {
  const { docker } = config;
  if (docker === undefined) throw new Error("host.json says docker mode, but not where Docker is");
  const environment = dockerEnvironment(docker);
  const run = (...args: string[]): Promise<ProgramResult> => runProgram(docker.client, args, { environment });
  const label = `label=${hostLabel(layout)}`;
  const list = async (...args: string[]): Promise<string[]> =>
    (await run(...args)).stdout.split("\n").filter((line) => line !== "");
  const haltedFile = join(layout.docker, "halted.json");

  return {
    config,
    status: async () => {
      const lines = await list("ps", "--all", "--filter", label, "--format", "{{json .}}");
      return lines.map((line) => serviceOf(JSON.parse(line) as Record<string, string>, config));
    },
    hasAddress: async (address) => {
      const ids = await list("ps", "--quiet", "--filter", label);
      if (ids.length === 0) return false;
      const addresses = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}} {{end}}";
      return (await list("inspect", "--format", addresses, ...ids)).some((line) =>
        line.split(" ").includes(address),
      );
    },
    // Docker itself brings back what has a restart policy; here is only what halt() ended.
    revive: async () => {
      const halted = readJson<string[]>(haltedFile) ?? [];
      for (const id of halted) await run("start", id);
      rmSync(haltedFile, { force: true });
    },
    halt: async () => {
      const running = await list("ps", "--quiet", "--filter", label);
      if (running.length === 0) return;
      writeJson(haltedFile, running);
      await run("stop", ...running);
    },
    destroy: async () => {
      const remove = async (what: string, ids: readonly string[], ...command: string[]): Promise<void> => {
        if (ids.length === 0) return;
        const result = await run(...command, ...ids);
        if (result.code !== 0) log(`could not remove every ${what} in Docker: ${result.stderr.trim()}`);
      };
      await remove(
        "container",
        await list("ps", "--all", "--quiet", "--filter", label),
        "rm",
        "--force",
        "--volumes",
      );
      await remove(
        "volume",
        await list("volume", "ls", "--quiet", "--filter", label),
        "volume",
        "rm",
        "--force",
      );
      await remove("network", await list("network", "ls", "--quiet", "--filter", label), "network", "rm");
      const tags = await list(
        "image",
        "ls",
        "--format",
        "{{.Repository}}:{{.Tag}}",
        "--filter",
        `reference=${config.name}/*`,
      );
      await remove("image", tags, "image", "rm", "--force");
      if (existsSync(layout.docker)) rmSync(layout.docker, { recursive: true, force: true });
      if (docker.ownDaemon) await leaveOwnDaemon(layout.directory, log);
    },
  };
}

function serviceOf(entry: Readonly<Record<string, string>>, config: HostConfig): HostService {
  const labels = new Map(
    (entry["Labels"] ?? "")
      .split(",")
      .map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)] as const),
  );
  const status = entry["Status"] ?? "";
  const image = entry["Image"] ?? "";
  const made = config.images.find(({ tag }) => tag === image);
  return {
    project: (labels.get(projectLabel) ?? "").replace(`${config.name}-`, ""),
    service: labels.get(serviceLabel) ?? entry["Names"] ?? "",
    state: entry["State"] ?? "",
    health: /\((?:health: )?(healthy|unhealthy|starting)\)/.exec(status)?.[1] ?? "",
    status,
    image: made?.names[0] ?? image,
  };
}
