import {
  flag,
  isSet,
  parseArguments,
  UsageError,
  type ComposeLine,
  type ParsedArguments,
} from "../docker/arguments";
import { commandFlags } from "./commands";
import { ComposeError, findFiles, loadProject, type LoadOptions } from "./compose-file";
import type { ComposeProject } from "./compose-model";
import { plainUp, type ProcessRunner } from "./runner";
import { showConfig } from "./show-config";
import { showLogs } from "./show-logs";
import { showImages, showPort, showProjects, showServices } from "./show";
import { isActive, type StoredService } from "./store";

/** The version whose commands these are. */
export const composeVersion = "2.40.3-sandbox";

const print = (text: string): void => {
  process.stdout.write(text);
};
const say = (line: string): void => {
  process.stderr.write(` ${line}\n`);
};

/** One `docker compose …` upon plain processes. */
export class ComposeCommand {
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
        showServices(parsed, this.chosen());
        return 0;
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
        await showLogs(this.runner.store, parsed, this.chosen());
        return 0;
      case "config": {
        const project = this.project();
        showConfig(this.runner, parsed, project, () => this.wanted(project));
        return 0;
      }
      case "pull":
        say("sandbox: nothing is pulled without Docker; images are made from local files");
        return 0;
      case "images":
        showImages(this.runner, parsed, this.chosen());
        return 0;
      case "port": {
        const [name = "", wanted = ""] = parsed.words;
        showPort(this.chosen([name])[0], name, wanted);
        return 0;
      }
      case "ls":
        showProjects(this.runner, parsed);
        return 0;
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
      if (!this.isInFile(name)) throw new ComposeError(`no such service: ${name}`);
    }
    return names.length === 0 ? services : services.filter(({ spec }) => names.includes(spec.service));
  }

  /** `-p X stop` needs no file, so its absence is no mistake. */
  private isInFile(name: string): boolean {
    if (this.load.projectName !== undefined && this.load.files.length === 0) {
      try {
        findFiles(this.load);
      } catch {
        return false;
      }
    }
    return this.project().services[name] !== undefined;
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

  private scale(): Record<string, number> {
    const entries = (this.parsed.flags["scale"] ?? []).map((text) => {
      const match = /^([^=]+)=(\d+)$/.exec(text);
      if (match === null) throw new UsageError(`invalid --scale option "${text}". Should be SERVICE=NUM`);
      return [match[1] ?? "", Number(match[2])] as const;
    });
    return Object.fromEntries(entries);
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
      scale: this.scale(),
      waitTimeout: this.waitTimeout(),
    });
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
}
