import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { toolFile } from "../bundle-names";
import type { HostConfig, PreparedImage } from "../config";
import { readJson, withFileLock, writeJson } from "../files";
import { chooseImage, substitutionNotice } from "../images/image";
import { asStandIn } from "../images/stand-in";
import type { HostLayout } from "../layout";
import { standInProgram } from "../stand-in/task";
import { noteStandIn } from "../stand-ins";
import { allocatePorts, freePort, type PortEntry } from "../ports";
import { endProcess, identify, isRunning, sleep, type ProcessIdentity } from "../../../common/processes";
import { buildSpec, configHash } from "./build-spec";
import { ComposeError, startOrder } from "./compose-file";
import type { ComposeProject, ComposeService } from "./compose-model";
import { innerCommand } from "./health";
import {
  addNetwork,
  allocateAddress,
  readNames,
  registerNames,
  removeNetwork,
  unregisterNames,
} from "./names";
import type { PublishedSpec, ServiceSpec } from "./spec";
import { ServiceStore, type StoredService } from "./store";

export interface UpOptions {
  readonly services: readonly string[];
  readonly noDeps: boolean;
  readonly forceRecreate: boolean;
  readonly noRecreate: boolean;
  readonly removeOrphans: boolean;
  readonly start: boolean;
  readonly wait: boolean;
  /** Milliseconds; 0 = no limit. */
  readonly waitTimeout: number;
}

export interface InnerOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
}

/** Does to plain processes what Compose does to containers. */
export class ProcessRunner {
  readonly store: ServiceStore;

  constructor(
    private readonly layout: HostLayout,
    private readonly config: HostConfig,
    /** Progress and notices, one line each. */
    private readonly say: (line: string) => void,
  ) {
    this.store = new ServiceStore(layout);
  }

  async up(project: ComposeProject, options: UpOptions): Promise<void> {
    const wanted = options.noDeps ? [...options.services] : startOrder(project.services, options.services);
    this.noteLimits(project, wanted);
    await this.makeNetworksAndVolumes(project, wanted);
    await this.handleOrphans(project, options.removeOrphans);
    for (const name of wanted) {
      const named = project.services[name];
      if (named === undefined) throw new ComposeError(`no such service: ${name}`);
      const service = await this.asItRuns(project, named);
      if (options.start && !options.noDeps) await this.awaitDependencies(project, service);
      await this.lock(project.name, () => this.converge(project, service, options));
    }
    if (options.wait) await this.awaitHealthy(project.name, wanted, options.waitTimeout);
  }

  /** Starts services that exist, as `start` does. */
  async start(project: string, services: readonly StoredService[]): Promise<void> {
    for (const service of services) {
      if (isActive(service)) continue;
      await this.lock(project, () => this.launch(service.spec));
    }
  }

  async stop(services: readonly StoredService[], timeoutMs?: number): Promise<void> {
    await Promise.all(
      services.map(async (service) => {
        if (!isActive(service)) return;
        this.say(`Container ${service.spec.container}  Stopping`);
        await this.halt(service, timeoutMs);
        this.say(`Container ${service.spec.container}  Stopped`);
      }),
    );
  }

  async remove(services: readonly StoredService[], { volumes = false } = {}): Promise<void> {
    for (const { spec, folder } of services) {
      await unregisterNames(this.layout, spec.address, { forget: true });
      if (volumes) for (const path of spec.anonymousVolumes) rmSync(path, { recursive: true, force: true });
      rmSync(folder, { recursive: true, force: true });
      this.say(`Container ${spec.container}  Removed`);
    }
  }

  async down(
    project: string,
    { volumes = false, timeoutMs = undefined as number | undefined } = {},
  ): Promise<void> {
    const services = this.store.services(project);
    const stored = this.store.project(project);
    await this.stop(services, timeoutMs);
    await this.remove(services, { volumes: true });
    for (const network of stored?.networks ?? []) {
      await removeNetwork(this.layout, network);
      this.say(`Network ${network}  Removed`);
    }
    if (volumes) {
      for (const volume of stored?.volumes ?? []) {
        rmSync(join(this.config.volumes, volume), { recursive: true, force: true });
        this.say(`Volume ${volume}  Removed`);
      }
    }
    this.store.removeProject(project);
  }

  /** Runs a command as if inside of a running service. Returns its exit code. */
  async exec(service: StoredService, argv: readonly string[], options: InnerOptions): Promise<number> {
    const { spec } = service;
    const standIn = "GROUNDWORK_STAND_IN" in spec.environment;
    const [program, args] = innerCommand(spec, standIn ? [process.execPath, standInProgram, ...argv] : argv);
    return inherit(program, args, {
      cwd: innerFolder(spec, options.workingDirectory),
      env: { ...spec.environment, ...spec.execEnvironment, ...options.environment },
    });
  }

  /** `run --rm`: one command in a new process of a service. Returns its exit code. */
  async runOnce(
    project: ComposeProject,
    named: ComposeService,
    options: InnerOptions & { noDeps: boolean; argv: readonly string[]; entrypoint?: readonly string[] },
  ): Promise<number> {
    this.noteLimits(project, [named.name]);
    const service = await this.asItRuns(project, named);
    const standIn = service !== named;
    await this.makeNetworksAndVolumes(project, [service.name]);
    const dependencies = startOrder(project.services, Object.keys(service.dependsOn));
    if (!options.noDeps && dependencies.length > 0) {
      await this.up(project, { ...plainUp, services: dependencies });
      await this.awaitDependencies(project, service);
    }
    const suffix = randomBytes(6).toString("hex");
    const owner = `${project.name}/${service.name}-run-${suffix}`;
    const folder = join(this.store.projectFolder(project.name), "run", suffix);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const address = await allocateAddress(this.layout, owner);
    try {
      const spec = buildSpec({
        layout: this.layout,
        config: this.config,
        project,
        service: {
          ...service,
          ...(options.argv.length > 0 && { command: options.argv }),
          // What would run is told, not run: without words of its own it is what the image does by itself.
          ...(standIn && options.argv.length === 0 && { command: named.command ?? ["its own command"] }),
          ...(options.entrypoint && !standIn && { entrypoint: options.entrypoint }),
          environment: { ...service.environment, ...options.environment },
          ...(options.workingDirectory !== undefined && { workingDirectory: options.workingDirectory }),
        },
        image: this.image(service),
        address,
        published: [],
        folder,
      });
      const [program = "", ...args] = spec.argv;
      return await inherit(program, args, { cwd: spec.cwd, env: spec.environment }, (identity) =>
        writeJson(join(folder, "process.json"), identity),
      );
    } finally {
      await unregisterNames(this.layout, address, { forget: true });
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** After a start of the machine: what has a restart policy and was not stopped by hand runs again. */
  async revive(): Promise<void> {
    for (const service of this.store.all()) {
      const policy = service.spec.restart.split(":")[0];
      const wanted = policy === "always" || (policy === "unless-stopped" && !service.state.stoppedByUser);
      if (!wanted || isActive(service) || service.state.supervisor === undefined) continue;
      if (policy === "always" && service.state.stoppedByUser) continue;
      await this.lock(service.spec.project, () => this.launch(service.spec));
    }
  }

  /** The machine goes down: ends every process of every project, one-off commands too. Files stay. */
  async haltAll(): Promise<void> {
    await Promise.all(this.store.all().map((service) => this.halt(service, undefined, "SIGINT")));
    for (const project of this.store.projects()) {
      const folder = join(this.store.projectFolder(project.name), "run");
      for (const entry of existsSync(folder) ? readdirSync(folder) : []) {
        await endProcess(readJson<ProcessIdentity>(join(folder, entry, "process.json")));
      }
    }
  }

  /** The image that runs for a service; says so where it is not the one named. */
  image(service: ComposeService): PreparedImage {
    const choice = chooseImage(service.image, this.config.images);
    if (choice === undefined) {
      throw new ComposeError(
        `no image for ${service.image}: the sandbox has no image of this name and no stand-in`,
        18,
      );
    }
    return choice.image as PreparedImage;
  }

  /** The service itself, or as a stand-in runs it where its image is not to be had. */
  private async asItRuns(project: ComposeProject, service: ComposeService): Promise<ComposeService> {
    const choice = chooseImage(service.image, this.config.images);
    const standIn = choice?.exact === false && choice.image.standIn === true;
    await noteStandIn(this.layout, `${project.name}/${service.name}`, standIn ? service.image : undefined);
    return standIn ? asStandIn(service) : service;
  }

  private noteLimits(project: ComposeProject, names: readonly string[]): void {
    for (const name of names) {
      const service = project.services[name];
      if (service === undefined) continue;
      const choice = chooseImage(service.image, this.config.images);
      if (choice !== undefined) this.say(substitutionNotice(service.image, choice));
      if (service.ignored.length > 0) {
        this.say(
          `sandbox: ${name} runs as a plain process; without effect here: ${service.ignored.join(", ")}`,
        );
      }
      if (service.replicas > 1) this.say(`sandbox: ${name} runs once, not ${service.replicas} times`);
    }
  }

  private async converge(
    project: ComposeProject,
    service: ComposeService,
    options: UpOptions,
  ): Promise<void> {
    const existing = this.store.service(project.name, service.name);
    const image = this.image(service);
    const changed = existing?.spec.configHash !== configHash(service, image);
    if (existing !== undefined && !options.forceRecreate && (!changed || options.noRecreate)) {
      if (!options.start || isActive(existing)) this.say(`Container ${existing.spec.container}  Running`);
      else await this.launch(existing.spec);
      return;
    }
    if (existing !== undefined) {
      this.say(`Container ${existing.spec.container}  Recreate`);
      await this.halt(existing);
    }
    const spec = await this.create(project, service, image);
    this.say(`Container ${spec.container}  ${existing === undefined ? "Created" : "Recreated"}`);
    if (options.start) await this.launch(spec);
  }

  private async create(
    project: ComposeProject,
    service: ComposeService,
    image: PreparedImage,
  ): Promise<ServiceSpec> {
    const address = await allocateAddress(this.layout, `${project.name}/${service.name}`);
    const folder = this.store.folder(project.name, service.name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const published = await this.publish(project.name, service);
    const input = {
      layout: this.layout,
      config: this.config,
      project,
      service,
      image,
      address,
      published,
      folder,
    };
    const spec = buildSpec(input);
    this.store.saveSpec(spec);
    const names = new Map(
      Object.entries(service.networks).map(([network, aliases]) => [
        project.networks[network]?.name ?? network,
        [service.name, spec.container, spec.id.slice(0, 12), ...aliases],
      ]),
    );
    await registerNames(this.layout, address, names);
    return spec;
  }

  private async publish(project: string, service: ComposeService): Promise<PublishedSpec[]> {
    const fixed = service.ports.filter(({ hostPort }) => hostPort !== 0);
    const isAlive = ({ project: other, service: name }: PortEntry): boolean => {
      const holder = this.store.service(other, name);
      return holder !== undefined && isActive(holder);
    };
    try {
      const locals = await allocatePorts(
        this.layout.portsFile,
        { project, service: service.name },
        fixed,
        isAlive,
      );
      return await Promise.all(
        service.ports.map(async (port) => {
          const local = locals.get(port) ?? (await freePort());
          return { ...port, hostPort: port.hostPort === 0 ? local : port.hostPort, local };
        }),
      );
    } catch (error) {
      throw new ComposeError(`Error response from daemon: ${(error as Error).message}`);
    }
  }

  private async launch(spec: ServiceSpec): Promise<void> {
    const folder = this.store.folder(spec.project, spec.service);
    const before = this.store.state(folder);
    // A supervisor that was killed leaves its service behind.
    if (!isRunning(before.supervisor)) await endProcess(before.child, { group: true });
    rmSync(join(folder, "state.json"), { force: true });
    const child = spawn(process.execPath, [toolFile(this.layout.tools, "supervisor"), folder], {
      cwd: this.layout.directory,
      detached: true,
      stdio: "ignore",
      env: { PATH: process.env["PATH"] },
    });
    child.unref();
    const deadline = Date.now() + 20_000;
    while (this.store.state(folder).status === "created") {
      if (Date.now() > deadline)
        throw new ComposeError(`container ${spec.container} was not started within 20 s`);
      await sleep(20);
    }
    const state = this.store.state(folder);
    if (state.error !== undefined) {
      throw new ComposeError(
        `Error response from daemon: cannot start container ${spec.container}: ${state.error}`,
      );
    }
    this.say(`Container ${spec.container}  Started`);
  }

  private async halt(
    service: StoredService,
    timeoutMs?: number,
    signal: "SIGTERM" | "SIGINT" = "SIGTERM",
  ): Promise<void> {
    const graceMs = timeoutMs ?? service.spec.stopGraceMs;
    if (isRunning(service.state.supervisor)) {
      const cut = setTimeout(
        () => void endProcess(service.state.child, { signal: "SIGKILL", group: true }),
        graceMs,
      );
      await endProcess(service.state.supervisor, { signal, graceMs: graceMs + 5000 });
      clearTimeout(cut);
    }
    const { child } = this.store.state(service.folder);
    await endProcess(child ?? service.state.child, { graceMs, group: true });
  }

  private async makeNetworksAndVolumes(project: ComposeProject, services: readonly string[]): Promise<void> {
    const stored = this.store.project(project.name);
    const used = services.flatMap((name) => Object.keys(project.services[name]?.networks ?? {}));
    const own = new Set(stored?.networks);
    for (const key of new Set(used)) {
      const network = project.networks[key];
      if (network === undefined) continue;
      const exists = readNames(this.layout).networks[network.name] !== undefined;
      if (network.external && !exists) {
        throw new ComposeError(`network ${network.name} declared as external, but could not be found`);
      }
      if (!network.external) own.add(network.name);
      if (!exists) {
        await addNetwork(this.layout, network.name);
        this.say(`Network ${network.name}  Created`);
      }
    }
    const volumes = new Set(stored?.volumes);
    for (const volume of Object.values(project.volumes)) {
      const folder = join(this.config.volumes, volume.name);
      if (volume.external && !existsSync(folder)) {
        throw new ComposeError(`external volume "${volume.name}" not found`);
      }
      if (!volume.external) volumes.add(volume.name);
      mkdirSync(folder, { recursive: true });
    }
    this.store.saveProject({
      name: project.name,
      workingDirectory: project.workingDirectory,
      files: project.files,
      networks: [...own],
      volumes: [...volumes],
    });
  }

  private async handleOrphans(project: ComposeProject, remove: boolean): Promise<void> {
    const orphans = this.store
      .services(project.name)
      .filter(({ spec }) => !(spec.service in project.services));
    if (orphans.length === 0) return;
    if (remove) {
      await this.stop(orphans);
      await this.remove(orphans);
    } else {
      const names = orphans.map(({ spec }) => spec.container).join(" ");
      this.say(
        `Found orphan containers ([${names}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
      );
    }
  }

  private async awaitDependencies(project: ComposeProject, service: ComposeService): Promise<void> {
    for (const [name, { condition, required }] of Object.entries(service.dependsOn)) {
      if (project.services[name] === undefined && !required) continue;
      if (condition === "service_started") continue;
      for (;;) {
        const stored = this.store.service(project.name, name);
        if (stored === undefined) throw new ComposeError(`no such service: ${name}`);
        const { container } = stored.spec;
        const { status, exitCode, health } = stored.state;
        if (condition === "service_completed_successfully") {
          if (status === "exited" && exitCode === 0) break;
          if (status === "exited") {
            throw new ComposeError(`service "${name}" didn't complete successfully: exit ${exitCode}`);
          }
        } else {
          if (stored.spec.healthcheck === undefined) {
            throw new ComposeError(
              `dependency failed to start: container ${container} has no healthcheck configured`,
            );
          }
          if (health === "healthy") break;
          if (health === "unhealthy")
            throw new ComposeError(`dependency failed to start: container ${container} is unhealthy`);
          if (status === "exited")
            throw new ComposeError(`dependency failed to start: container ${container} exited (${exitCode})`);
        }
        await sleep(50);
      }
    }
  }

  /** Waits until services run, and are healthy where they have a check. */
  async awaitHealthy(project: string, names: readonly string[], timeoutMs: number): Promise<void> {
    const deadline = timeoutMs === 0 ? Infinity : Date.now() + timeoutMs;
    for (const name of names) {
      for (;;) {
        const stored = this.store.service(project, name);
        if (stored === undefined) throw new ComposeError(`no such service: ${name}`);
        const { container, healthcheck } = stored.spec;
        const { status, health, exitCode } = stored.state;
        if (status === "running" && (healthcheck === undefined || health === "healthy")) {
          this.say(`Container ${container}  Healthy`);
          break;
        }
        if (status === "exited") throw new ComposeError(`container ${container} exited (${exitCode})`);
        if (health === "unhealthy") throw new ComposeError(`container ${container} is unhealthy`);
        if (Date.now() > deadline) {
          throw new ComposeError(`application not healthy after ${timeoutMs / 1000}s`);
        }
        await sleep(50);
      }
    }
  }

  private lock<T>(project: string, action: () => Promise<T>): Promise<T> {
    return withFileLock(join(this.layout.directory, "locks", project), action);
  }
}

export const plainUp: UpOptions = {
  services: [],
  noDeps: false,
  forceRecreate: false,
  noRecreate: false,
  removeOrphans: false,
  start: true,
  wait: false,
  waitTimeout: 0,
};

/** Runs now, or will again by itself. */
export function isActive({ state }: Pick<StoredService, "state">): boolean {
  return state.status === "running" || state.status === "restarting";
}

function innerFolder(spec: ServiceSpec, workingDirectory: string | undefined): string {
  if (workingDirectory === undefined) return spec.cwd;
  const exact = spec.paths.find(
    ([from]) => workingDirectory === from || workingDirectory.startsWith(`${from}/`),
  );
  return exact === undefined ? spec.cwd : exact[1] + workingDirectory.slice(exact[0].length);
}

/** Runs a program on this process's own streams; signals that end this process end it first. */
async function inherit(
  program: string,
  args: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv },
  started: (identity: ProcessIdentity) => void = () => undefined,
): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { ...options, stdio: "inherit" });
    const forward = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, forward);
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity !== undefined) started(identity);
    child.once("error", (error: NodeJS.ErrnoException) => {
      process.stderr.write(
        `exec failed: exec: "${program}": ${error.code === "ENOENT" ? "executable file not found in $PATH" : error.message}\n`,
      );
      resolve(error.code === "ENOENT" ? 127 : 126);
    });
    child.once("exit", (code, signal) =>
      resolve(code ?? 128 + (signal === "SIGKILL" ? 9 : signal === "SIGINT" ? 2 : 15)),
    );
  });
}
