import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { readHostConfig, type DockerConfig, type HostConfig, type PreparedImage } from "../config";
import { readJson, withFileLock, writeFileAtomically, writeJson } from "../files";
import { chooseImage, knownImage, substitutionNotice } from "../images/image";
import type { HostLayout } from "../layout";
import { standInTask, type StandInTask } from "../stand-in/task";
import { noteStandIn } from "../stand-ins";
import { allocatePorts, resolvePort, type PortRequest } from "../ports";
import { findFiles } from "../process/compose-file";
import { runProgram, type ProgramResult } from "../run-program";
import { flag, splitComposeLine, UsageError, type ComposeLine } from "./arguments";
import { containerCaddyConfig } from "./caddy-config";
import { dockerEnvironment } from "./environment";
import { hostLabel, hostLabelName, hostLabelValue, projectLabel, serviceLabel } from "./labels";
import { composeOverride, type ComposeConfig, type ConfigPort, type ConfigService } from "./override";
import { rewriteDockerArguments } from "./rewrite";

const say = (line: string): void => {
  process.stderr.write(` ${line}\n`);
};

/** A failure that is told as it is, with its exit code. */
class WrapperError extends Error {
  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
  }
}

/** `docker …` in front of a real Docker: names behind the prefix, published ports moved, nothing else touched. */
export async function runDockerMode(directory: string, args: readonly string[]): Promise<number> {
  const { layout, config } = readHostConfig(directory);
  if (config.docker === undefined) throw new Error("host.json does not say where Docker is");
  const wrapper = new Wrapper(layout, config, config.docker);
  try {
    return await (args[0] === "compose" ? wrapper.compose(args.slice(1)) : wrapper.plain(args));
  } catch (error) {
    if (!(error instanceof WrapperError) && !(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error instanceof WrapperError ? error.exitCode : 16;
  }
}

/** Commands that make something, so need the override file. */
const making = new Set(["up", "create", "run", "pull", "build", "start", "restart", "scale"]);

class Wrapper {
  private readonly environment: NodeJS.ProcessEnv;

  constructor(
    private readonly layout: HostLayout,
    private readonly config: HostConfig,
    private readonly docker: DockerConfig,
  ) {
    this.environment = dockerEnvironment(docker);
  }

  async compose(args: readonly string[]): Promise<number> {
    const line = splitComposeLine(args);
    if (["", "version", "help"].includes(line.command)) return this.inherit(this.docker.compose, args);
    if (line.command === "ls")
      return this.inherit(this.docker.compose, [...args, "--filter", `name=^${this.config.name}-`]);
    const files = this.files(line);
    if (!making.has(line.command)) {
      const project = await this.projectName(line, files);
      return this.inherit(this.docker.compose, [
        ...this.globals(line, files, project),
        line.command,
        ...line.rest,
      ]);
    }
    const project = await this.projectName(line, files);
    const config = await this.readConfig(line, files, `${this.config.name}-${project}`);
    const images = await this.images(config);
    if (line.command === "pull") {
      say("sandbox: nothing is pulled that is made from local files or was fetched already");
      return 0;
    }
    const override = await this.writeOverride(project, config, images, line);
    const globals = [...this.globals(line, files, project), "--file", override];
    return this.inherit(this.docker.compose, [...globals, line.command, ...withoutPull(line)]);
  }

  async plain(args: readonly string[]): Promise<number> {
    const [command = "", verb = ""] = args;
    if (command === "login" || command === "logout") {
      say("sandbox: no registry is asked; images are made from local files");
      if (command === "login") process.stdout.write("Login Succeeded\n");
      return 0;
    }
    if (command === "pull" || (command === "image" && verb === "pull")) {
      for (const reference of args.slice(command === "pull" ? 1 : 2).filter((arg) => !arg.startsWith("-"))) {
        await this.imageFor(reference);
        process.stdout.write(`${reference}\n`);
      }
      return 0;
    }
    if (command === "image" && verb === "rm") {
      // The name alone goes: the image may be another release's, under another name.
      for (const reference of args.slice(2).filter((arg) => !arg.startsWith("-")))
        process.stdout.write(`Untagged: ${reference}\n`);
      return 0;
    }
    const rewritten = await rewriteDockerArguments(args, {
      prefix: this.config.name,
      label: hostLabel(this.layout),
      ownsId: (id) => this.owns(id),
      imageFor: (reference) => this.imageFor(reference),
      localPort: (port) => resolvePort(this.layout.portsFile, port),
    });
    return rewritten[0] === "ps" ? this.list(rewritten) : this.inherit(this.docker.client, rewritten);
  }

  /** `docker ps` with names as they would be on a machine of one's own: they are taken back like that, too. */
  private async list(args: readonly string[]): Promise<number> {
    const { code, stdout, stderr } = await this.run(this.docker.client, args);
    process.stdout.write(stdout.replaceAll(`${this.config.name}-`, ""));
    process.stderr.write(stderr);
    return code;
  }

  /** Flags before Compose's command, with the project behind the prefix and each file named. */
  private globals({ global }: ComposeLine, files: readonly string[], project: string): string[] {
    const kept = Object.entries(global.flags)
      .filter(([name]) => name !== "file" && name !== "project-name")
      .flatMap(([name, values]) => values.map((value) => `--${name}=${value}`));
    return [
      ...kept,
      ...["--project-name", `${this.config.name}-${project}`],
      ...files.flatMap((file) => ["--file", file]),
    ];
  }

  /** The compose files, empty where none is given or found: `-p X down` needs none. */
  private files(line: ComposeLine): string[] {
    const directory = flag(line.global, "project-directory");
    try {
      return findFiles({
        files: line.global.flags["file"] ?? [],
        cwd: process.cwd(),
        environment: process.env,
        ...(directory !== undefined && { projectDirectory: directory }),
      });
    } catch (error) {
      const named = flag(line.global, "project-name") ?? process.env["COMPOSE_PROJECT_NAME"];
      if (named !== undefined && !making.has(line.command) && line.global.flags["file"] === undefined)
        return [];
      throw new WrapperError((error as Error).message, 14);
    }
  }

  private async projectName(line: ComposeLine, files: readonly string[]): Promise<string> {
    const given = flag(line.global, "project-name") ?? process.env["COMPOSE_PROJECT_NAME"];
    const name = given ?? (await this.readConfig(line, files, undefined)).name;
    // A script that took the name from what Docker printed.
    return name.startsWith(`${this.config.name}-`) ? name.slice(this.config.name.length + 1) : name;
  }

  private async readConfig(
    line: ComposeLine,
    files: readonly string[],
    project: string | undefined,
  ): Promise<ComposeConfig> {
    const globals = Object.entries(line.global.flags)
      .filter(([name]) => name !== "file" && name !== "project-name")
      .flatMap(([name, values]) => values.map((value) => `--${name}=${value}`));
    const result = await this.run(this.docker.compose, [
      ...globals,
      ...(project === undefined ? [] : ["--project-name", project]),
      ...files.flatMap((file) => ["--file", file]),
      ...["config", "--format", "json"],
    ]);
    if (result.code !== 0) throw new WrapperError(result.stderr.trimEnd(), result.code);
    return JSON.parse(result.stdout) as ComposeConfig;
  }

  private async images(config: ComposeConfig): Promise<Map<string, string>> {
    const images = new Map<string, string>();
    for (const [name, { image }] of Object.entries(config.services ?? {})) {
      if (image === undefined) continue;
      const local = await this.imageFor(image);
      if (local !== image) images.set(name, local);
    }
    return images;
  }

  /** What runs for a reference: the image made for it, the one that Docker has or can fetch, else the stand-in. */
  private async imageFor(reference: string): Promise<string> {
    const known = knownImage(reference, this.config.images);
    if (known !== undefined) {
      say(substitutionNotice(reference, { image: known, exact: true }));
      return this.config.images.find((image) => image === known)?.tag ?? reference;
    }
    if (reference.startsWith(`${this.config.name}/`)) return reference;
    if ((await this.run(this.docker.client, ["image", "inspect", reference])).code === 0) return reference;
    if (!this.failedLately(reference)) {
      const pulled = await this.run(this.docker.client, ["pull", "--quiet", reference], 120_000);
      if (pulled.code === 0) return reference;
      this.rememberFailure(reference);
    }
    const choice = chooseImage(reference, this.config.images);
    if (choice === undefined)
      throw new WrapperError(
        `sandbox: the image ${reference} cannot be pulled and nothing stands in for it`,
        18,
      );
    say(substitutionNotice(reference, choice));
    return this.config.images.find((image) => image === choice.image)?.tag ?? reference;
  }

  private get failuresFile(): string {
    return join(this.layout.docker, "not-pulled.json");
  }

  /** A registry that could not be reached is not asked again for ten minutes. */
  private failedLately(reference: string): boolean {
    const failures = readJson<Record<string, number>>(this.failuresFile) ?? {};
    return Date.now() - (failures[reference] ?? 0) < 600_000;
  }

  private rememberFailure(reference: string): void {
    const failures = readJson<Record<string, number>>(this.failuresFile) ?? {};
    writeJson(this.failuresFile, { ...failures, [reference]: Date.now() });
  }

  private async writeOverride(
    project: string,
    config: ComposeConfig,
    images: ReadonlyMap<string, string>,
    line: ComposeLine,
  ): Promise<string> {
    const ports = new Map<ConfigPort, number>();
    for (const [service, { ports: wanted = [], network_mode: mode }] of Object.entries(
      config.services ?? {},
    )) {
      if (mode === "host") {
        throw new WrapperError(
          `service "${service}": network_mode: host is refused, the sandbox binds to loopback only`,
          15,
        );
      }
      if (line.command === "run") continue;
      const requests = wanted
        .filter(({ published }) => published !== undefined && published !== "" && published !== "0")
        .map((port) => ({ port, request: portRequest(port) }));
      if (requests.length === 0) continue;
      try {
        const locals = await allocatePorts(
          this.layout.portsFile,
          { project, service },
          requests.map(({ request }) => request),
          (entry) => this.isRunning(entry.project, entry.service),
        );
        for (const { port, request } of requests) ports.set(port, locals.get(request) ?? 0);
      } catch (error) {
        throw new WrapperError(`Error response from daemon: ${(error as Error).message}`);
      }
    }
    const standIn = this.config.images.find((image) => image.standIn === true)?.tag;
    const standsIn = (service: string): boolean => standIn !== undefined && images.get(service) === standIn;
    for (const [service, { image }] of Object.entries(config.services ?? {}))
      await noteStandIn(this.layout, `${project}/${service}`, standsIn(service) ? image : undefined);
    const madeFor = (service: string): PreparedImage | undefined =>
      this.config.images.find(({ tag }) => tag !== undefined && tag === images.get(service));
    const text = composeOverride({
      config,
      prefix: this.config.name,
      label: { name: hostLabelName, value: hostLabelValue(this.layout) },
      image: (service) => images.get(service),
      imposed: (service) => madeFor(service)?.imposed,
      mounts: (service) => madeFor(service)?.mounts,
      standIn: (service) =>
        standsIn(service) ? taskOf(service, config.services?.[service] ?? {}) : undefined,
      caddyConfig: (service) =>
        this.writeCaddyConfig(project, service, config.services?.[service] ?? {}, madeFor(service)),
      localPort: (_service, port) => ports.get(port),
    });
    const folder = join(this.layout.docker, "overrides");
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${project}${line.command === "run" ? ".run" : ""}.yaml`);
    await withFileLock(file, () => writeFileAtomically(file, text));
    return file;
  }

  /** The file that a Caddy of the user's own runs here; nothing for any other service. */
  private writeCaddyConfig(
    project: string,
    service: string,
    described: ConfigService,
    image: PreparedImage | undefined,
  ): string | undefined {
    try {
      const fitted = containerCaddyConfig(described, image);
      if (fitted === undefined) return undefined;
      const file = join(this.layout.docker, "caddy", `${project}-${service}.json`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileAtomically(file, JSON.stringify(fitted));
      return file;
    } catch (error) {
      throw new WrapperError(`service "${service}": ${(error as Error).message}`);
    }
  }

  private async isRunning(project: string, service: string): Promise<boolean> {
    const filters = [
      `label=${projectLabel}=${this.config.name}-${project}`,
      `label=${serviceLabel}=${service}`,
      "status=running",
      "status=restarting",
    ];
    const { stdout } = await this.run(this.docker.client, [
      "ps",
      "--quiet",
      ...filters.flatMap((filter) => ["--filter", filter]),
    ]);
    return stdout.trim() !== "";
  }

  /** Whether a container, network or volume is one of this host's. */
  private async owns(id: string): Promise<boolean> {
    const { code, stdout } = await this.run(this.docker.client, ["inspect", "--format", "{{json .}}", id]);
    if (code !== 0) return false;
    const { Config, Labels } = JSON.parse(stdout) as {
      Config?: { Labels?: Record<string, string> };
      Labels?: Record<string, string>;
    };
    return (Config?.Labels ?? Labels)?.[hostLabelName] === hostLabelValue(this.layout);
  }

  private run(program: string, args: readonly string[], timeout?: number): Promise<ProgramResult> {
    return runProgram(program, args, {
      environment: this.environment,
      ...(timeout !== undefined && { timeout }),
    });
  }

  private inherit(program: string, args: readonly string[]): Promise<number> {
    return new Promise((resolve) => {
      const child = spawn(program, args, { stdio: "inherit", env: this.environment });
      for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
        process.on(signal, () => child.kill(signal));
      child.once("error", (error) => {
        process.stderr.write(`${program}: ${error.message}\n`);
        resolve(127);
      });
      child.once("exit", (code, signal) => resolve(code ?? (signal === null ? 1 : 143)));
    });
  }
}

function taskOf(
  service: string,
  { image = "", environment, ports, healthcheck }: ConfigService,
): StandInTask {
  const test = healthcheck?.test ?? [];
  return standInTask({
    service,
    image,
    environment: environment ?? {},
    published: (ports ?? []).map((port) => ({
      hostPort: Number.parseInt(port.published ?? "0", 10),
      containerPort: port.target,
    })),
    healthcheck: typeof test === "string" ? [test] : test,
  });
}

function portRequest(port: ConfigPort): PortRequest {
  return {
    hostPort: Number.parseInt(port.published ?? "", 10),
    containerPort: port.target,
    protocol: port.protocol === "udp" ? "udp" : "tcp",
  };
}

/** Images are in place already: `--pull always` would look for local ones in a registry. */
function withoutPull({ command, rest }: ComposeLine): string[] {
  if (!["up", "create", "run"].includes(command)) return [...rest];
  return rest.filter((arg, index) => {
    if (arg === "--pull" || arg.startsWith("--pull=") || arg === "--quiet-pull") return false;
    return rest[index - 1] !== "--pull";
  });
}
