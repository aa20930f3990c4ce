import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type EngineEvent,
  LocalWorkspace,
  type OutputMap,
  type PulumiFn,
  Stack,
} from "@pulumi/pulumi/automation/index.js";
import type { Log } from "../common/log";
import { projectRoot } from "../common/project-root";
import { type Engine, findEngine } from "../sandbox/engine/engine";
import { runEngine } from "../sandbox/engine/run";
import { type ChangeCounts, type Progress, nothingToDo, progressOf } from "./changes";
import { commandOf } from "./engine-command";
import { explainFailure } from "./failures";
import type { RolloutOutput } from "../components/origin/run-rollout";
import { decodeStepInput, type Frames } from "../remote/framing";
import { type DatabaseConnections, type EnvironmentDatabase, openDatabase } from "./database/database";
import { pluginsAreInstalled } from "./plugins";
import {
  type ExternalRollback,
  type ExternalRollbackOptions,
  type ExternalStep,
  rollBackExternal,
} from "./external-releases";
import { listReleases, type OriginReleases, rollBack, type RollbackOptions } from "./releases";
import { editStackFile } from "./stack-file-edit";
import { type StackConfig, stackConfigOf } from "./stack-config";

/** Options of {@link Environment.open}. */
export interface EnvironmentOptions {
  /**
   * The program, run in this process. @default the platform's own: index.ts with the stack file's settings
   */
  readonly program?: PulumiFn;
  /** Folder with Pulumi.yaml and the stack files. @default this project's */
  readonly directory?: string;
  /** A stack file to use instead of Pulumi.<name>.yaml. @default none */
  readonly configFile?: string;
  /** Environment variables for the engine and its providers, over those of this process. @default none */
  readonly variables?: Readonly<Record<string, string>>;
  /** The engine to use. @default found, downloaded or built: see sandbox/engine */
  readonly engine?: Engine;
  /** Where the search for the engine says what it does. @default nowhere */
  readonly log?: Log;
}

/** Options of a run. */
export interface RunOptions {
  /** Told each step and message as it comes. @default nobody */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the run as Ctrl-C does: what is under way is finished, nothing new begins. @default never */
  readonly signal?: AbortSignal;
  /** Resources, by URN, that are made anew although nothing of them has changed; for `up` only. @default none */
  readonly replace?: readonly string[];
  /** Told every event of the engine as it is, before {@link onProgress}. Events hold secrets. @default nobody */
  readonly onEvent?: (event: EngineEvent) => void;
}

/** What `pulumi stack export` prints, as far as it is read here. */
interface ExportedStack {
  readonly version: number;
  readonly deployment: { readonly pending_operations?: readonly { readonly type: string }[] };
}

/** What a run did, or would do. */
export interface RunResult {
  /** Resources by operation (`create`, `update`, `same` …). */
  readonly changes: ChangeCounts;
  /** True where nothing differs from what is described. */
  readonly unchanged: boolean;
}

/**
 * One environment, that is one Pulumi stack: the same stack that `pulumi up -s NAME` works on by hand.
 *
 * @example
 * const staging = await Environment.open("staging");
 * const { unchanged } = await staging.preview();
 * if (!unchanged) await staging.up({ onProgress: (progress) => console.log(progress) });
 */
export class Environment {
  private constructor(
    readonly name: string,
    private readonly engine: Engine,
    private readonly stack: Stack,
    private readonly configFile: string | undefined,
    private readonly variables: Readonly<Record<string, string>>,
  ) {}

  /**
   * Opens an environment. Nothing is read or written yet: a stack that does not exist is made by the first run.
   *
   * @throws UserError where no engine can be had.
   */
  static async open(name: string, options: EnvironmentOptions = {}): Promise<Environment> {
    const engine =
      options.engine ?? (await findEngine(options.log === undefined ? {} : { log: options.log }));
    const directory = options.directory ?? projectRoot();
    const variables = { ...options.variables };
    const home = variables.PULUMI_HOME ?? process.env.PULUMI_HOME;
    const workspace = await LocalWorkspace.create({
      workDir: directory,
      pulumiCommand: commandOf(engine),
      program: options.program ?? (await platformProgram(directory)),
      envVars: {
        PULUMI_SKIP_UPDATE_CHECK: "1",
        ...((await pluginsAreInstalled(home)) ? { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" } : {}),
        ...variables,
        PATH: `${engine.binDirectory}:${variables.PATH ?? process.env.PATH ?? ""}`,
      },
    });
    // Each command below names its stack; selecting it first would only start the CLI once more.
    workspace.selectStack = () => Promise.resolve();
    const stack = await Stack.select(name, workspace);
    return new Environment(name, engine, stack, options.configFile, variables);
  }

  /** What `up` would do. Changes nothing. */
  async preview(options: RunOptions = {}): Promise<RunResult> {
    return this.run("preview", options, (engineOptions) => this.stack.preview(engineOptions));
  }

  /** Makes the environment what its description says. */
  async up(options: RunOptions = {}): Promise<RunResult> {
    return this.run("up", options, (engineOptions) => this.stack.up(engineOptions));
  }

  /** Reads what is really there into the state. */
  async refresh(options: RunOptions = {}): Promise<RunResult> {
    return this.run("refresh", options, (engineOptions) => this.stack.refresh(engineOptions));
  }

  /** Removes everything of the environment, and the stack's own record where `remove` is given. */
  async destroy(options: RunOptions & { readonly remove?: boolean } = {}): Promise<RunResult> {
    const { remove = false, ...run } = options;
    return this.run("destroy", run, (engineOptions) => this.stack.destroy({ ...engineOptions, remove }));
  }

  /** The stack's outputs; secret ones are marked as such. */
  async outputs(): Promise<OutputMap> {
    return this.stack.outputs();
  }

  /**
   * The releases that the hosts of its origins keep, the newest first. Reads settings and hosts; the engine runs nothing.
   *
   * @param origin only this one. @default all that are deployed to a host
   */
  async releases(origin?: string): Promise<OriginReleases[]> {
    return listReleases(await this.config(), origin);
  }

  /**
   * Goes back to a release that an origin's host keeps: images, configuration and secrets as they were then. The stack's
   * description stays as it is, and is released again with its next change.
   *
   * @throws UserError where there is none, where a breaking migration lies between, or where it does not get healthy
   * @example
   * const { ledger } = await environment.rollback({ log: console.error });
   */
  async rollback(options: RollbackOptions = {}): Promise<RolloutOutput> {
    return rollBack(await this.config(), options, async (origin) => this.migrationFrames(origin));
  }

  /**
   * A database of the environment, to be looked at and worked on. Reads settings and state; the engine runs nothing.
   *
   * @param name the entry of `groundwork:databases`. @default the only one
   * @throws UserError where there is none, or where it was not brought up yet
   */
  async database(name?: string): Promise<EnvironmentDatabase> {
    const [config, outputs] = await Promise.all([this.config(), this.outputs()]);
    return openDatabase(config, outputs["connections"]?.value as DatabaseConnections | undefined, name, {
      authoritiesFile: this.variables["NODE_EXTRA_CA_CERTS"] ?? process.env["NODE_EXTRA_CA_CERTS"],
    });
  }

  /**
   * Goes back to an earlier release of an origin at a platform, by its `rollbackCommand`. The state still names the newer
   * one, which is released again with its next change.
   *
   * @throws UserError where there is none, or a command fails
   */
  async rollbackExternal(origin: string, options: ExternalRollbackOptions = {}): Promise<ExternalRollback> {
    const inputs = await this.stepIO(`${origin}-released`);
    return rollBackExternal(origin, inputs, options);
  }

  /** The names of origins at platforms, and of those on hosts. */
  async originPlaces(): Promise<{ readonly platforms: string[]; readonly hosts: string[] }> {
    const { settings } = await this.config();
    const names = (external: boolean): string[] =>
      Object.entries(settings.origins).flatMap(([name, { kind }]) =>
        (kind === "external") === external ? [name] : [],
      );
    return { platforms: names(true), hosts: names(false) };
  }

  /** Input and output of a step's last run, by the state. */
  private async stepIO(name: string): Promise<ExternalStep | undefined> {
    const { deployment } = JSON.parse(await this.command(["stack", "export", "--show-secrets"])) as {
      deployment: {
        resources?: readonly {
          urn: string;
          inputs?: { stdin?: { plaintext?: string } };
          outputs?: { stdout?: { plaintext?: string } };
        }[];
      };
    };
    const step = (deployment.resources ?? []).find(({ urn }) => urn.endsWith(`:Command::${name}`));
    const stdin = step?.inputs?.stdin?.plaintext;
    const stdout = step?.outputs?.stdout?.plaintext;
    if (stdin === undefined || stdout === undefined) return undefined;
    return { stdin: JSON.parse(stdin) as string, stdout: JSON.parse(stdout) as string };
  }

  /** Settings and decrypted secrets. @throws SettingsError with every mistake */
  async config(): Promise<StackConfig> {
    const { configFile } = this;
    const args = ["config", "--json", "--show-secrets"];
    const json = await this.command([
      ...args,
      ...(configFile === undefined ? [] : ["--config-file", configFile]),
    ]).catch((error: unknown) => {
      throw explainFailure("reading the settings", this.name, [], error);
    });
    return stackConfigOf(json, { stack: this.name, directory: this.stack.workspace.workDir, configFile });
  }

  /** The version of each role's password, as the last run left them. */
  async secretVersions(database: string): Promise<Readonly<Record<string, string>>> {
    const outputs = await this.outputs();
    const databases = outputs["databases"]?.value as
      Readonly<Record<string, { readonly secretVersions?: Readonly<Record<string, string>> }>> | undefined;
    return databases?.[database]?.secretVersions ?? {};
  }

  /** When a resource was made, ISO 8601; undefined where it is not there. */
  async createdAt(name: string): Promise<string | undefined> {
    const { deployment } = JSON.parse(await this.command(["stack", "export"])) as {
      deployment: { resources?: readonly { urn: string; created?: string }[] };
    };
    return (deployment.resources ?? []).find(({ urn }) => urn.endsWith(`::${name}`))?.created;
  }

  /**
   * Writes plain values into the stack file: all of them or none, and nothing else in it is changed.
   *
   * @param edits paths and values; undefined takes one away
   */
  async setConfig(
    edits: readonly (readonly [path: readonly string[], value: number | boolean | undefined])[],
  ): Promise<void> {
    const { workDir } = this.stack.workspace;
    const file =
      this.configFile ??
      this.variables["PULUMI_OPTION_CONFIG_FILE"] ??
      process.env["PULUMI_OPTION_CONFIG_FILE"] ??
      join(workDir, `Pulumi.${this.name}.yaml`);
    const before = await readFile(file, "utf8");
    const after = edits.reduce((text, [path, value]) => editStackFile(text, path, value), before);
    if (after === before) return;
    const { mode } = await stat(file);
    await writeFile(`${file}.${process.pid}`, after, { mode, flush: true });
    await rename(`${file}.${process.pid}`, file);
  }

  /** The URNs of the resources in the state whose names are asked for. */
  async urnsOf(isWanted: (name: string) => boolean): Promise<string[]> {
    const { deployment } = JSON.parse(await this.command(["stack", "export"])) as {
      deployment: { resources?: readonly { urn: string; custom?: boolean }[] };
    };
    return (deployment.resources ?? [])
      .filter(({ custom, urn }) => custom === true && isWanted(urn.split("::").at(-1) ?? ""))
      .map(({ urn }) => urn);
  }

  /** What the migrations of an origin were given at their last run, by the state. */
  private async migrationFrames(origin: string): Promise<Frames | undefined> {
    const { deployment } = JSON.parse(await this.command(["stack", "export", "--show-secrets"])) as {
      deployment: { resources?: readonly { urn: string; inputs?: { stdin?: { plaintext?: string } } }[] };
    };
    const step = (deployment.resources ?? []).find(({ urn }) =>
      urn.endsWith(`:Command::${origin}-migrations`),
    );
    const plaintext = step?.inputs?.stdin?.plaintext;
    return plaintext === undefined ? undefined : decodeStepInput(JSON.parse(plaintext) as string);
  }

  /** The stack's state, as `pulumi stack export` gives it: secrets stay encrypted. */
  async state(): Promise<unknown> {
    return (await this.exported()).deployment;
  }

  /**
   * Takes creations that a killed run began and never ended out of the state: the next run begins them anew. Call it
   * when what they made, if anything, is gone or of no harm.
   */
  async forgetPendingCreates(): Promise<void> {
    const whole = await this.exported();
    const { pending_operations: pending = [], ...deployment } = whole.deployment;
    const kept = pending.filter(({ type }) => type !== "creating");
    const edited = {
      ...whole,
      deployment: { ...deployment, ...(kept.length > 0 ? { pending_operations: kept } : {}) },
    };
    await this.command(["stack", "import"], JSON.stringify(edited)).catch((error: unknown) => {
      throw explainFailure("mend", this.name, [], error);
    });
  }

  /** Takes protection off every resource, so that a destroy may remove them. */
  async unprotect(): Promise<void> {
    await this.command(["state", "unprotect", "--all", "--yes"]);
  }

  /** By the CLI itself: the SDK's export decrypts every secret. */
  private async exported(): Promise<ExportedStack> {
    return JSON.parse(await this.command(["stack", "export"])) as ExportedStack;
  }

  private async command(args: string[], input = ""): Promise<string> {
    const { workDir: directory, envVars: variables } = this.stack.workspace;
    return runEngine(this.engine, [...args, "--stack", this.name], { directory, variables, input });
  }

  private async run(
    verb: string,
    { onProgress, signal, replace = [], onEvent: onEngineEvent }: RunOptions,
    start: (options: {
      onEvent: (event: EngineEvent) => void;
      configFile?: string;
      signal?: AbortSignal;
      replace?: string[];
    }) => Promise<unknown>,
  ): Promise<RunResult> {
    let changes: ChangeCounts = {};
    const errors: string[] = [];
    const onEvent = (event: EngineEvent): void => {
      onEngineEvent?.(event);
      if (event.summaryEvent !== undefined) changes = event.summaryEvent.resourceChanges;
      const progress = progressOf(event);
      if (progress === undefined) return;
      if (progress.kind === "diagnostic" && progress.diagnostic.severity === "error") {
        errors.push(progress.diagnostic.message);
      }
      onProgress?.(progress);
    };
    const options = {
      onEvent,
      ...(this.configFile === undefined ? {} : { configFile: this.configFile }),
      ...(signal === undefined ? {} : { signal }),
      ...(replace.length === 0 ? {} : { replace: [...replace] }),
    };
    try {
      await start(options);
    } catch (error) {
      if (!isMissingStack(error)) throw explainFailure(verb, this.name, errors, error);
      await this.create();
      errors.length = 0;
      await start(options).catch((second: unknown) => {
        throw explainFailure(verb, this.name, errors, second);
      });
    }
    return { changes, unchanged: nothingToDo(changes) };
  }

  private async create(): Promise<void> {
    // This command knows no --config-file.
    await this.command(["stack", "init", "--no-select"]).catch((error: unknown) => {
      throw explainFailure("make", this.name, [], error);
    });
  }
}

function isMissingStack(error: unknown): boolean {
  return error instanceof Error && /no stack named/.test(error.message);
}

async function platformProgram(directory: string): Promise<PulumiFn> {
  const { deployFromConfig } = await import("../platform/platform");
  return () => deployFromConfig(directory);
}
