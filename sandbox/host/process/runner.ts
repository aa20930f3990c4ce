import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endProcess, type ProcessIdentity } from "../../../common/processes";
import type { HostConfig, PreparedImage } from "../config";
import { readJson, writeJson } from "../files";
import { chooseImage, substitutionNotice } from "../images/image";
import { asStandIn } from "../images/stand-in";
import type { HostLayout } from "../layout";
import { standInProgram } from "../stand-in/task";
import { noteStandIn } from "../stand-ins";
import { buildSpec, configHash } from "./build-spec";
import { ComposeError, startOrder } from "./compose-file";
import type { ComposeProject, ComposeService } from "./compose-model";
import { withProjectLock, type RunContext } from "./context";
import { createService } from "./creation";
import { innerCommand } from "./health";
import { inherit, innerFolder } from "./inherit";
import { halt, launch } from "./lifecycle";
import { allocateAddress, unregisterNames } from "./names";
import { makeNetworksAndVolumes, removeNetworks } from "./networks-volumes";
import { isActive, ServiceStore, type StoredService } from "./store";
import { awaitDependencies, awaitHealthy } from "./waiting";

export interface UpOptions {
  readonly services: readonly string[];
  readonly noDeps: boolean;
  readonly forceRecreate: boolean;
  readonly noRecreate: boolean;
  readonly removeOrphans: boolean;
  readonly start: boolean;
  readonly wait: boolean;
  /** Service -> how many of it; those without are as the file says. Only none or one can be had here. */
  readonly scale: Readonly<Record<string, number>>;
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
  private readonly context: RunContext;

  constructor(
    private readonly layout: HostLayout,
    private readonly config: HostConfig,
    /** Progress and notices, one line each. */
    private readonly say: (line: string) => void,
  ) {
    this.store = new ServiceStore(layout);
    this.context = { layout, config, store: this.store, say };
  }

  async up(project: ComposeProject, options: UpOptions): Promise<void> {
    const wanted = options.noDeps ? [...options.services] : startOrder(project.services, options.services);
    this.noteLimits(project, wanted);
    await makeNetworksAndVolumes(this.context, project, wanted);
    await this.handleOrphans(project, options.removeOrphans);
    const absent = wanted.filter((name) => (options.scale[name] ?? project.services[name]?.replicas) === 0);
    for (const name of wanted) {
      const named = project.services[name];
      if (named === undefined) throw new ComposeError(`no such service: ${name}`);
      if (absent.includes(name)) {
        await this.takeAway(project.name, name);
        continue;
      }
      const service = await this.asItRuns(project, named);
      if (options.start && !options.noDeps) await awaitDependencies(this.context, project, service);
      await withProjectLock(this.context, project.name, () => this.converge(project, service, options));
    }
    const present = wanted.filter((name) => !absent.includes(name));
    if (options.wait) await awaitHealthy(this.context, project.name, present, options.waitTimeout);
  }

  private async takeAway(project: string, name: string): Promise<void> {
    const existing = this.store.service(project, name);
    if (existing === undefined) return;
    await this.stop([existing]);
    await this.remove([existing]);
  }

  /** Starts services that exist, as `start` does. */
  async start(project: string, services: readonly StoredService[]): Promise<void> {
    for (const service of services) {
      if (isActive(service)) continue;
      await withProjectLock(this.context, project, () => launch(this.context, service.spec));
    }
  }

  async stop(services: readonly StoredService[], timeoutMs?: number): Promise<void> {
    await Promise.all(
      services.map(async (service) => {
        if (!isActive(service)) return;
        this.say(`Container ${service.spec.container}  Stopping`);
        await halt(this.context, service, timeoutMs);
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
    await removeNetworks(this.context, stored?.networks ?? []);
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
    await makeNetworksAndVolumes(this.context, project, [service.name]);
    const dependencies = startOrder(project.services, Object.keys(service.dependsOn));
    if (!options.noDeps && dependencies.length > 0) {
      await this.up(project, { ...plainUp, services: dependencies });
      await awaitDependencies(this.context, project, service);
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
      await withProjectLock(this.context, service.spec.project, () => launch(this.context, service.spec));
    }
  }

  /** The machine goes down: ends every process of every project, one-off commands too. Files stay. */
  async haltAll(): Promise<void> {
    await Promise.all(this.store.all().map((service) => halt(this.context, service, undefined, "SIGINT")));
    for (const project of this.store.projects()) {
      const folder = join(this.store.projectFolder(project.name), "run");
      for (const entry of existsSync(folder) ? readdirSync(folder) : []) {
        await endProcess(readJson<ProcessIdentity>(join(folder, entry, "process.json")));
      }
    }
  }

  /** Waits until services run, and are healthy where they have a check. @param timeoutMs 0 = no limit */
  awaitHealthy(project: string, names: readonly string[], timeoutMs: number): Promise<void> {
    return awaitHealthy(this.context, project, names, timeoutMs);
  }

  /** The image that runs for a service. */
  image(service: Pick<ComposeService, "image">): PreparedImage {
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
      else await launch(this.context, existing.spec);
      return;
    }
    if (existing !== undefined) {
      this.say(`Container ${existing.spec.container}  Recreate`);
      await halt(this.context, existing);
    }
    const spec = await createService(this.context, project, service, image);
    this.say(`Container ${spec.container}  ${existing === undefined ? "Created" : "Recreated"}`);
    if (options.start) await launch(this.context, spec);
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
}

export const plainUp: UpOptions = {
  services: [],
  noDeps: false,
  forceRecreate: false,
  noRecreate: false,
  removeOrphans: false,
  start: true,
  wait: false,
  scale: {},
  waitTimeout: 0,
};
