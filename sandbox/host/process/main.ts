import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  flag,
  isSet,
  parseArguments,
  splitComposeLine,
  UsageError,
  type ComposeLine,
  type ParsedArguments,
} from "../docker/arguments";
import { readHostConfig } from "../config";
import { sleep } from "../../../common/processes";
import { configHash } from "./build-spec";
import { commandFlags } from "./commands";
import { ComposeError, loadProject, type LoadOptions } from "./compose-file";
import type { ComposeProject } from "./compose-model";
import { runDocker } from "./docker";
import { psEntry, table } from "./output";
import { isActive, plainUp, ProcessRunner } from "./runner";
import type { StoredService } from "./store";
import { parseDuration } from "./words";

/** The version whose commands these are. */
export const composeVersion = "2.40.3-sandbox";

const print = (text: string): void => {
  process.stdout.write(text);
};
const say = (line: string): void => {
  process.stderr.write(` ${line}\n`);
};

/** `docker …` where no Docker is: `docker compose` upon plain processes, and the few other commands that scripts use. */
export async function runProcessMode(directory: string, args: readonly string[]): Promise<number> {
  const { layout, config } = readHostConfig(directory);
  const runner = new ProcessRunner(layout, config, say);
  try {
    if (args[0] !== "compose") return await runDocker({ layout, config, runner, args, print });
    return await new ComposeCommand(runner, splitComposeLine(args.slice(1))).run();
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n`);
      return 16;
    }
    if (error instanceof ComposeError) {
      process.stderr.write(`${error.message}\n`);
      return error.exitCode;
    }
    throw error;
  }
}

class ComposeCommand {
  private readonly parsed: ParsedArguments;
  private readonly load: LoadOptions;

  constructor(
    private readonly runner: ProcessRunner,
    private readonly line: ComposeLine,
  ) {
    const { global, command, rest } = line;
    const flags = commandFlags[command];
    if (flags === undefined) {
      if (isSet(global, "version") || command === "version") this.parsed = { flags: {}, words: [] };
      else
        throw new UsageError(
          `unknown docker command: "compose ${command}" (the sandbox runs without Docker)`,
        );
    } else this.parsed = parseArguments(rest, flags);
    const projectName = flag(global, "project-name");
    const projectDirectory = flag(global, "project-directory");
    this.load = {
      files: global.flags["file"] ?? [],
      ...(projectName !== undefined && { projectName }),
      ...(projectDirectory !== undefined && { projectDirectory }),
      envFiles: global.flags["env-file"] ?? [],
      cwd: process.cwd(),
      environment: process.env,
      warn: (text) =>
        process.stderr.write(
          `time="${new Date().toISOString()}" level=warning msg=${JSON.stringify(text)}\n`,
        ),
    };
  }

  async run(): Promise<number> {
    const { parsed } = this;
    switch (this.line.command) {
      case "":
      case "version":
        return this.version();
      case "up":
      case "create":
        return this.up();
      case "ps":
        return this.ps();
      case "exec":
        return this.exec();
      case "run":
        return this.runOnce();
      case "stop":
      case "kill":
        await this.runner.stop(this.chosen(), this.timeout());
        return 0;
      case "start":
        await this.runner.start(this.projectName(), this.chosen());
        if (isSet(parsed, "wait")) {
          const names = this.chosen().map(({ spec }) => spec.service);
          await this.runner.awaitHealthy(this.projectName(), names, this.waitTimeout());
        }
        return 0;
      case "restart": {
        const services = this.chosen();
        await this.runner.stop(services, this.timeout());
        await this.runner.start(
          this.projectName(),
          services.map((service) => ({ ...service, state: this.runner.store.state(service.folder) })),
        );
        return 0;
      }
      case "rm":
        return this.rm();
      case "down": {
        const timeoutMs = this.timeout();
        await this.runner.down(this.projectName(), {
          volumes: isSet(parsed, "volumes"),
          ...(timeoutMs !== undefined && { timeoutMs }),
        });
        return 0;
      }
      case "logs":
        return this.logs();
      case "config":
        return this.showConfig();
      case "pull":
        say("sandbox: nothing is pulled without Docker; images are made from local files");
        return 0;
      case "images":
        return this.images();
      case "port":
        return this.port();
      case "ls":
        return this.ls();
      default:
        throw new UsageError(
          `docker compose ${this.line.command} is not supported by the sandbox without Docker`,
        );
    }
  }

  private project(): ComposeProject {
    return loadProject(this.load);
  }

  /** The project's name, from the file only where no flag or variable gives it. */
  private projectName(): string {
    return this.load.projectName ?? process.env["COMPOSE_PROJECT_NAME"] ?? this.project().name;
  }

  /** Existing services named on the command line, all of the project's without any. */
  private chosen(names: readonly string[] = this.parsed.words): StoredService[] {
    const services = this.runner.store.services(this.projectName());
    for (const name of names) {
      if (services.some(({ spec }) => spec.service === name)) continue;
      const known = this.load.projectName === undefined ? this.project().services[name] : undefined;
      if (known === undefined) throw new ComposeError(`no such service: ${name}`);
    }
    return names.length === 0 ? services : services.filter(({ spec }) => names.includes(spec.service));
  }

  /** Services of the file to start: those named, else all whose profiles are on. */
  private wanted(project: ComposeProject): string[] {
    const names = this.parsed.words;
    for (const name of names)
      if (project.services[name] === undefined) throw new ComposeError(`no such service: ${name}`);
    if (names.length > 0) return [...names];
    const variable = process.env["COMPOSE_PROFILES"]?.split(",") ?? [];
    const profiles = [...(this.line.global.flags["profile"] ?? []), ...variable];
    return Object.values(project.services)
      .filter(
        (service) =>
          service.profiles.length === 0 ||
          service.profiles.some((name) => profiles.includes(name) || profiles.includes("*")),
      )
      .map(({ name }) => name);
  }

  private timeout(): number | undefined {
    const given = flag(this.parsed, "timeout");
    if (this.line.command === "kill") return 0;
    return given === undefined ? undefined : Number(given) * 1000;
  }

  private waitTimeout(): number {
    return Number(flag(this.parsed, "wait-timeout") ?? 0) * 1000;
  }

  private version(): number {
    const short =
      isSet(this.parsed, "short") ||
      parseArguments(this.line.rest, commandFlags["version"] ?? { values: [], booleans: [] }).flags[
        "short"
      ] !== undefined;
    print(short ? `${composeVersion}\n` : `Docker Compose version v${composeVersion}\n`);
    return 0;
  }

  private async up(): Promise<number> {
    const { parsed } = this;
    const project = this.project();
    const services = this.wanted(project);
    if (services.length === 0) throw new ComposeError("no service selected");
    const isUp = this.line.command === "up";
    if (isUp && !isSet(parsed, "detach") && !isSet(parsed, "wait"))
      say("sandbox: without Docker, `up` is always detached");
    await this.runner.up(project, {
      ...plainUp,
      services,
      noDeps: isSet(parsed, "no-deps"),
      forceRecreate: isSet(parsed, "force-recreate"),
      noRecreate: isSet(parsed, "no-recreate"),
      removeOrphans: isSet(parsed, "remove-orphans"),
      start: isUp && !isSet(parsed, "no-start"),
      wait: isSet(parsed, "wait"),
      waitTimeout: this.waitTimeout(),
    });
    return 0;
  }

  private ps(): number {
    const { parsed } = this;
    const statuses = [
      ...(parsed.flags["status"] ?? []),
      ...(parsed.flags["filter"] ?? []).map((text) => text.replace(/^status=/, "")),
    ];
    const services = this.chosen().filter((service) => {
      if (statuses.length > 0) return statuses.includes(service.state.status);
      return isSet(parsed, "all") || isActive(service);
    });
    if (isSet(parsed, "quiet")) print(services.map(({ spec }) => `${spec.id}\n`).join(""));
    else if (isSet(parsed, "services")) print(services.map(({ spec }) => `${spec.service}\n`).join(""));
    else if (flag(parsed, "format") === "json") {
      print(services.map((service) => `${JSON.stringify(psEntry(service))}\n`).join(""));
    } else {
      const rows = services.map((service) => {
        const entry = psEntry(service) as Record<string, string>;
        return [
          entry["Name"],
          entry["Image"],
          entry["Command"],
          entry["Service"],
          entry["RunningFor"],
          entry["Status"],
          entry["Ports"],
        ].map((cell) => cell ?? "");
      });
      print(table(["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"], rows));
    }
    return 0;
  }

  private inner(): { environment: Record<string, string>; workingDirectory?: string } {
    const workingDirectory = flag(this.parsed, "workdir");
    const environment: Record<string, string> = {};
    for (const entry of this.parsed.flags["env"] ?? []) {
      const at = entry.indexOf("=");
      if (at !== -1) environment[entry.slice(0, at)] = entry.slice(at + 1);
      else if (process.env[entry] !== undefined) environment[entry] = process.env[entry];
    }
    return { environment, ...(workingDirectory !== undefined && { workingDirectory }) };
  }

  private async exec(): Promise<number> {
    const [name = "", ...argv] = this.parsed.words;
    if (argv.length === 0) throw new UsageError("requires at least 2 arg(s)");
    const [service] = this.chosen([name]);
    if (service?.state.status !== "running") throw new ComposeError(`service "${name}" is not running`);
    return this.runner.exec(service, argv, this.inner());
  }

  private async runOnce(): Promise<number> {
    const project = this.project();
    const [name = "", ...argv] = this.parsed.words;
    const service = project.services[name];
    if (service === undefined) throw new ComposeError(`no such service: ${name}`);
    const entrypoint = flag(this.parsed, "entrypoint");
    return this.runner.runOnce(project, service, {
      ...this.inner(),
      noDeps: isSet(this.parsed, "no-deps"),
      argv,
      ...(entrypoint !== undefined && { entrypoint: entrypoint === "" ? [] : entrypoint.split(" ") }),
    });
  }

  private async rm(): Promise<number> {
    const services = this.chosen();
    if (isSet(this.parsed, "stop")) await this.runner.stop(services);
    const stopped = services
      .map((service) => ({ ...service, state: this.runner.store.state(service.folder) }))
      .filter((service) => !isActive(service));
    if (stopped.length === 0) say("No stopped containers");
    await this.runner.remove(stopped, { volumes: isSet(this.parsed, "volumes") });
    return 0;
  }

  private async logs(): Promise<number> {
    const services = this.chosen();
    const tail = flag(this.parsed, "tail") ?? "all";
    const width = Math.max(0, ...services.map(({ spec }) => spec.service.length + 2));
    const format = (service: StoredService, line: string): string => {
      const [time = "", , ...text] = line.split(" ");
      const prefix = isSet(this.parsed, "no-log-prefix")
        ? ""
        : `${`${service.spec.service}-1`.padEnd(width)}  | `;
      return `${prefix}${isSet(this.parsed, "timestamps") ? `${time} ` : ""}${text.join(" ")}\n`;
    };
    const since = sinceTime(flag(this.parsed, "since"));
    const read = (service: StoredService): string[] => readLog(service).filter((line) => line >= since);
    const shown = new Map<StoredService, number>();
    for (const service of services) {
      const all = read(service);
      shown.set(service, all.length);
      print(
        (tail === "all" ? all : all.slice(Math.max(0, all.length - Number(tail))))
          .map((line) => format(service, line))
          .join(""),
      );
    }
    while (
      isSet(this.parsed, "follow") &&
      services.some(({ folder }) => isActive({ state: this.runner.store.state(folder) }))
    ) {
      await sleep(100);
      for (const service of services) {
        const all = read(service);
        print(
          all
            .slice(shown.get(service))
            .map((line) => format(service, line))
            .join(""),
        );
        shown.set(service, all.length);
      }
    }
    return 0;
  }

  private showConfig(): number {
    const project = this.project();
    const { parsed } = this;
    const services = Object.values(project.services);
    if (isSet(parsed, "quiet")) return 0;
    const hash = flag(parsed, "hash");
    if (hash !== undefined) {
      const names = hash === "*" ? services.map(({ name }) => name) : hash.split(",");
      for (const name of names) {
        const service = project.services[name];
        if (service === undefined) throw new ComposeError(`no such service: ${name}`);
        print(`${name} ${configHash(service, this.runner.image(service))}\n`);
      }
    } else if (isSet(parsed, "services"))
      print(
        this.wanted(project)
          .map((name) => `${name}\n`)
          .join(""),
      );
    else if (isSet(parsed, "images")) print(services.map(({ image }) => `${image}\n`).join(""));
    else if (isSet(parsed, "volumes"))
      print(
        Object.keys(project.volumes)
          .map((name) => `${name}\n`)
          .join(""),
      );
    else if (isSet(parsed, "networks"))
      print(
        Object.keys(project.networks)
          .map((name) => `${name}\n`)
          .join(""),
      );
    else {
      // JSON is YAML too: one form for both, since scripts read it by a parser.
      print(`${JSON.stringify(configOutput(project), null, 2)}\n`);
    }
    return 0;
  }

  private images(): number {
    const services = this.chosen();
    if (isSet(this.parsed, "quiet"))
      print(services.map(({ spec }) => `${spec.configHash.slice(0, 12)}\n`).join(""));
    else if (flag(this.parsed, "format") === "json") {
      print(
        `${JSON.stringify(services.map(({ spec }) => ({ ContainerName: spec.container, Repository: spec.image, ID: this.imageHash(spec.image) })))}\n`,
      );
    } else {
      print(
        table(
          ["CONTAINER", "REPOSITORY", "IMAGE ID"],
          services.map(({ spec }) => [spec.container, spec.image, this.imageHash(spec.image)]),
        ),
      );
    }
    return 0;
  }

  private imageHash(reference: string): string {
    return this.runner.image({ image: reference, name: "" } as Parameters<ProcessRunner["image"]>[0]).hash;
  }

  private port(): number {
    const [name = "", wanted = ""] = this.parsed.words;
    const [service] = this.chosen([name]);
    const found = service?.spec.published.find((port) => port.containerPort === Number(wanted));
    if (found === undefined)
      throw new ComposeError(`no port ${wanted}/tcp for container ${service?.spec.container ?? name}`);
    print(`127.0.0.1:${found.local}\n`);
    return 0;
  }

  private ls(): number {
    const projects = this.runner.store.projects().map((project) => {
      const services = this.runner.store.services(project.name);
      const running = services.filter(isActive).length;
      return {
        Name: project.name,
        Status: running > 0 ? `running(${running})` : `exited(${services.length})`,
        ConfigFiles: project.files.join(","),
        running,
      };
    });
    const shown = projects.filter(({ running }) => running > 0 || isSet(this.parsed, "all"));
    if (flag(this.parsed, "format") === "json")
      print(`${JSON.stringify(shown.map(({ running: _, ...rest }) => rest))}\n`);
    else if (isSet(this.parsed, "quiet")) print(shown.map(({ Name }) => `${Name}\n`).join(""));
    else
      print(
        table(
          ["NAME", "STATUS", "CONFIG FILES"],
          shown.map(({ Name, Status, ConfigFiles }) => [Name, Status, ConfigFiles]),
        ),
      );
    return 0;
  }
}

/** `logs --since`: a time, or how long ago. As the text that log lines begin with. */
function sinceTime(since: string | undefined): string {
  if (since === undefined) return "";
  const time = Date.parse(since);
  return new Date(Number.isNaN(time) ? Date.now() - parseDuration(since) : time).toISOString();
}

function readLog({ folder }: StoredService): string[] {
  const read = (name: string): string => {
    try {
      return readFileSync(join(folder, name), "utf8");
    } catch {
      return "";
    }
  };
  return (read("log.old") + read("log")).split("\n").filter((line) => line !== "");
}

function configOutput(project: ComposeProject): Record<string, unknown> {
  const services = Object.values(project.services).map((service) => [
    service.name,
    {
      image: service.image,
      command: service.command ?? null,
      entrypoint: service.entrypoint ?? null,
      environment: service.environment,
      depends_on: service.dependsOn,
      ports: service.ports.map((port) => ({
        mode: "ingress",
        target: port.containerPort,
        published: String(port.hostPort),
        protocol: port.protocol,
        ...(port.hostAddress !== "0.0.0.0" && { host_ip: port.hostAddress }),
      })),
      volumes: service.mounts,
      networks: Object.fromEntries(
        Object.entries(service.networks).map(([name, aliases]) => [
          name,
          aliases.length > 0 ? { aliases } : null,
        ]),
      ),
      restart: service.restart,
      labels: service.labels,
      ...(service.containerName !== undefined && { container_name: service.containerName }),
      ...(service.healthcheck && {
        healthcheck: {
          test: [service.healthcheck.shell ? "CMD-SHELL" : "CMD", ...service.healthcheck.test],
          interval: `${service.healthcheck.interval / 1000}s`,
          timeout: `${service.healthcheck.timeout / 1000}s`,
          retries: service.healthcheck.retries,
        },
      }),
    },
  ]);
  return {
    name: project.name,
    services: Object.fromEntries(services) as unknown,
    networks: project.networks,
    ...(Object.keys(project.volumes).length > 0 && { volumes: project.volumes }),
  };
}
