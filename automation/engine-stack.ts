import { join } from "node:path";
import { type EngineEvent, LocalWorkspace, type PulumiFn, Stack } from "@pulumi/pulumi/automation/index.js";
import { silent } from "../common/log";
import { sleep } from "../common/processes";
import { tellRootToEngines } from "../common/project-root";
import { UserError } from "../common/user-error";
import { onRelease, SharedConnections } from "../remote/shared-connections";
import type { Engine } from "../sandbox/engine/engine";
import { runEngine } from "../sandbox/engine/run";
import { commandTurns, previewTurns } from "./at-once";
import { commandOf } from "./engine-command";
import { ConcurrentUpdateError } from "./errors";
import { explainFailure } from "./failures";
import { parseHistory } from "./history";
import { withoutLeftHandlers } from "./left-handlers";
import { readingWhole } from "./locks/cut-attributes";
import { type Backend, backendOf, storeOf } from "./locks/backend";
import { type BeforeRecord, beforeRecordOf, noBeforeRecord } from "./locks/before-record";
import { holderWords } from "./locks/holder";
import { type KeptLease, keepLease } from "./locks/lease";
import { stateFileOf } from "./locks/lock-files";
import { endingPatience, type LockedStack, StackLocks } from "./locks/stack-locks";
import { markOf } from "./locks/state-mark";
import type { StateStore } from "./locks/state-store";
import type { Variables } from "./passphrase";
import { keepConnectionsApart } from "./own-connections";
import { pluginsAreInstalled } from "./plugins";
import { isOfOwnRunner, type ReadyPacks } from "./policies/packs";
import { openProject } from "./project";
import { type RunOptions, type RunResult, RunWatch } from "./run";
import { type ExportedStack, parseExport, type TakenIn, withSettled } from "./state";

/** Where an engine works, and with what. */
export interface EngineStackOptions {
  readonly name: string;
  readonly directory: string;
  readonly engine: Engine;
  readonly program: PulumiFn;
  /** Loads what a run of this verb needs, while the engine starts. @default nothing */
  readonly prepare?: (verb: string) => Promise<void>;
  readonly configFile: string | undefined;
  readonly variables: Readonly<Record<string, string>>;
}

/** What the engine is started with. */
export interface EngineOptions {
  onEvent: (event: EngineEvent) => void;
  configFile?: string;
  signal?: AbortSignal;
  replace?: string[];
  refresh?: boolean;
  policyPacks?: string[];
}

/** Judges a run by its events once it has ended, and gives further ones. */
export interface Judge {
  readonly add: (event: EngineEvent) => void;
  readonly events: () => Promise<readonly EngineEvent[]>;
}

/** How policies take part in a run. */
export interface RunPolicies {
  readonly packs?: ReadyPacks | undefined;
  readonly judge?: Judge | undefined;
}

/** One stack under the engine: how its commands are started, one run at a time. */
export class EngineStack {
  readonly locks: StackLocks;
  private opened: { readonly url: string; readonly store: StateStore | undefined } | undefined;

  private constructor(
    readonly sdk: Stack,
    private readonly options: EngineStackOptions,
    private readonly starts: EngineStarts,
  ) {
    this.locks = new StackLocks(this.lockedStack());
  }

  /** Nothing is started yet. */
  static async open(options: EngineStackOptions): Promise<EngineStack> {
    const { name, directory, engine, program, prepare, variables } = options;
    const home = variables.PULUMI_HOME ?? process.env.PULUMI_HOME;
    const stackFile = join(directory, `Pulumi.${name.split("/").at(-1) ?? name}.yaml`);
    const starts: EngineStarts = {};
    tellRootToEngines();
    keepConnectionsApart();
    const workspace = await LocalWorkspace.create({
      workDir: directory,
      pulumiCommand: commandOf(engine, (pid, verb) => {
        starts.onStart?.(pid, verb);
        if (prepare === undefined || !asksForProgram.has(verb)) return;
        // What fails here fails in the program as well, which tells it.
        setImmediate(() => void prepare(verb).catch(() => undefined));
      }),
      program,
      envVars: {
        ...((await pluginsAreInstalled(home, stackFile))
          ? { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" }
          : {}),
        ...variables,
      },
    });
    // Each command below names its stack; selecting it first would only start the CLI once more.
    workspace.selectStack = () => Promise.resolve();
    const sdk = await Stack.select(name, workspace);
    // After each run the SDK reads outputs and history, which starts the CLI three times more; who wants them asks for them.
    sdk.outputs = () => Promise.resolve({});
    sdk.info = () => Promise.resolve(undefined);
    return new EngineStack(sdk, options, starts);
  }

  get program(): PulumiFn {
    return this.options.program;
  }

  /** What was there before creations that are still open, beside the state. */
  get beforeRecord(): BeforeRecord {
    const store = this.store();
    return store === undefined
      ? noBeforeRecord
      : beforeRecordOf({ store, project: this.project, stack: this.options.name });
  }

  /** Tells this state from any other; undefined where it cannot be read without the engine. */
  async stateMark(): Promise<string | undefined> {
    const store = this.store();
    return store && markOf({ store, project: this.project, stack: this.shortName });
  }

  /** As files of a backend are called. */
  private get shortName(): string {
    return this.options.name.split("/").at(-1) ?? "";
  }

  get engine(): Engine {
    return this.options.engine;
  }

  /** The project's name. */
  get project(): string {
    return openProject(this.options.directory).name;
  }

  /** By the CLI itself: the SDK's export decrypts every secret. */
  async exported(...flags: "--show-secrets"[]): Promise<ExportedStack> {
    return parseExport(await this.command(["stack", "export", ...flags]));
  }

  /**
   * Runs one short command of the engine on this stack.
   *
   * @param input standard input; the way for secrets. Default: empty
   * @param stack another stack of the project. Default: this one
   * @throws UserError that explains what the engine said
   */
  async command(args: string[], input = "", stack = this.options.name): Promise<string> {
    const { workDir: directory, envVars: variables } = this.sdk.workspace;
    const whole = [...args, "--stack", stack];
    const started = (): Promise<string> =>
      commandTurns.take(() => runEngine(this.options.engine, whole, { directory, variables, input }));
    return this.readingWhole(started).catch((error: unknown) => {
      throw explainFailure(`pulumi ${args.slice(0, 2).join(" ")}`, stack, [], error);
    });
  }

  /**
   * A run: those who are at work are waited for, what is left of a killed one is mended, then the engine is started.
   *
   * @param verb `up` and the like, as the engine names it; `drift` and `preview` take no lock
   */
  async run(
    verb: string,
    options: RunOptions,
    start: (options: EngineOptions) => Promise<unknown>,
    policies: RunPolicies = {},
  ): Promise<RunResult> {
    const { signal, lockWait = 0, log = silent } = options;
    const until = Date.now() + lockWait;
    const patience = Date.now() + endingPatience;
    // A preview reads the state as it is, and holds no lock.
    const changes = verb !== "preview" && verb !== "drift";
    let said = false;
    for (;;) {
      signal?.throwIfAborted();
      if (changes) await this.locks.clear({ ...options, until });
      try {
        const attempt = (): Promise<RunResult> => this.attempt(verb, options, start, policies);
        return await (changes ? attempt() : previewTurns.take(attempt, signal));
      } catch (error) {
        if (!(error instanceof ConcurrentUpdateError)) throw error;
        // A command that was killed may leave an engine that had not taken the lock when it was looked for.
        if (Date.now() >= until && !(Date.now() < patience && (await this.locks.areLeft()))) throw error;
        if (!said) log(`waiting for ${error.holders.map(holderWords).join("; ") || "another run"}`);
        said = true;
        await sleep(1000);
      }
    }
  }

  /** Starts the engine; a stack that is not there yet is made first. */
  private async attempt(
    verb: string,
    { replace = [], refresh = false, signal, ...tell }: RunOptions,
    start: (options: EngineOptions) => Promise<unknown>,
    { judge, packs }: RunPolicies,
  ): Promise<RunResult> {
    const watched = async (): Promise<RunResult> => {
      const watch = new RunWatch(verb, this.options.name, tell);
      try {
        const given: EngineOptions = {
          onEvent: (event) => {
            if (isOfOwnRunner(event)) return;
            watch.add(event);
            judge?.add(event);
          },
          ...(packs === undefined ? {} : this.withPacks(packs)),
          ...(this.options.configFile === undefined ? {} : { configFile: this.options.configFile }),
          ...(signal === undefined ? {} : { signal }),
          ...(replace.length === 0 ? {} : { replace: [...replace] }),
          ...(refresh ? { refresh } : {}),
        };
        await this.readingWhole(() => withoutLeftHandlers(() => start(given)));
        for (const event of (await judge?.events()) ?? []) watch.add(event);
        if (watch.isRefused) throw new Error("a mandatory policy is broken");
        return watch.result();
      } catch (error) {
        if (isMissingStack(error)) throw error;
        throw watch.failure(error);
      }
    };
    return this.leased(verb, async () => {
      try {
        return await watched();
      } catch (error) {
        if (!isMissingStack(error)) throw error;
        // There is nothing to read of what was never made, and no stack is made for that.
        if (verb === "drift" || verb === "refresh") throw explainFailure(verb, this.options.name, [], error);
        await this.create();
        signal?.throwIfAborted();
        return watched();
      }
    });
  }

  /**
   * With SSH connections to the hosts that get a release which the state does not know: dialled as soon as the program has
   * described it, for the program that makes it. Where the state cannot be read without the engine, none is.
   */
  async connected<Result>(work: () => Promise<Result>): Promise<Result> {
    const connections = await SharedConnections.listen();
    if (connections === undefined) return work();
    const stack = this.shortName;
    const state = this.store()
      ?.read(stateFileOf({ project: this.project, stack }))
      .catch(() => undefined);
    const forget = onRelease(stack, (release, access) => {
      void state?.then((text) => {
        if (text?.includes(release) === false) connections.dial(access);
      });
    });
    const { envVars } = this.sdk.workspace;
    Object.assign(envVars, connections.variables);
    try {
      return await work();
    } finally {
      for (const name of Object.keys(connections.variables)) delete envVars[name];
      forget();
      await connections.close();
    }
  }

  private withPacks({ folders, path }: ReadyPacks): Pick<EngineOptions, "policyPacks"> {
    const { envVars } = this.sdk.workspace;
    const before = envVars["PATH"] ?? process.env["PATH"] ?? "";
    if (path !== undefined && !before.startsWith(`${path}:`)) envVars["PATH"] = `${path}:${before}`;
    return { policyPacks: [...folders] };
  }

  /** While the engine is at work, this process says that it is there. */
  private async leased<Result>(verb: string, work: () => Promise<Result>): Promise<Result> {
    const store = this.store();
    if (store === undefined || verb === "preview" || verb === "drift") return work();
    const place = { store, project: this.project, stack: this.options.name };
    const leases: Promise<KeptLease>[] = [];
    this.starts.onStart = (pid, started) => {
      if (started === verb) leases.push(keepLease(place, pid));
    };
    try {
      return await work();
    } finally {
      delete this.starts.onStart;
      for (const lease of leases) await (await lease.catch(() => undefined))?.end();
    }
  }

  /**
   * Takes what a killed run began and never ended out of the state; what creations have made becomes resources, as it is
   * found.
   */
  async settle(taken: readonly TakenIn[] = []): Promise<void> {
    const edited = withSettled(await this.exported(), taken);
    await this.command(["stack", "import"], JSON.stringify(edited));
    const targets = taken.flatMap(({ urn }) => ["--target", urn]);
    if (targets.length > 0) await this.command(["refresh", "--yes", "--skip-preview", ...targets]);
  }

  /** The same, on a stack that is made first where there is none. */
  async commandOnMade(args: string[]): Promise<string> {
    return this.command(args).catch(async (error: unknown) => {
      if (!(error instanceof UserError) || !isMissingStack(error.cause)) throw error;
      await this.create();
      return this.command(args);
    });
  }

  /** Makes the stack where there is none yet. */
  async ensure(): Promise<void> {
    await this.create().catch((error: unknown) => {
      if (!(error instanceof UserError) || !/already exists/.test(String(error.cause))) throw error;
    });
  }

  /** All stacks of the project at this backend. */
  async all(): Promise<readonly ListedStack[]> {
    return JSON.parse(await this.command(["stack", "ls", "--json"])) as readonly ListedStack[];
  }

  private async create(): Promise<void> {
    // This command knows no --config-file.
    await this.command(["stack", "init", "--no-select"]);
  }

  private backend(): Backend {
    return backendOf(this.options.directory, this.variables());
  }

  /** The backend's files; the same as long as it leads to the same place, so that connections are kept. */
  private store(): StateStore | undefined {
    const backend = this.backend();
    if (this.opened?.url !== backend.url) {
      this.opened = { url: backend.url, store: storeOf(backend, this.variables()) };
    }
    return this.opened.store;
  }

  private readingWhole<Result>(start: () => Promise<Result>): Promise<Result> {
    const { folder } = this.backend();
    if (folder === undefined) return start();
    return readingWhole(folder, { project: this.project, stack: this.options.name }, start);
  }

  private variables(): Variables {
    return { ...process.env, ...this.options.variables };
  }

  private lockedStack(): LockedStack {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- read when they are asked for, not when it is opened
    const stack = this;
    return {
      name: this.options.name,
      get project() {
        return stack.project;
      },
      get backend() {
        return stack.backend();
      },
      get store() {
        return stack.store();
      },
      state: async () => (await this.exported()).deployment,
      history: async () =>
        parseHistory(await this.command(["stack", "history", "--json", "--page-size", "1", "--page", "1"])),
      isUpdating: async () =>
        (await this.all()).some(
          ({ name, updateInProgress }) => name === this.options.name && updateInProgress === true,
        ),
      cancel: async () => void (await this.command(["cancel", "--yes"])),
      settle: (taken) => this.settle(taken),
    };
  }
}

/** A stack as the engine lists it. */
interface ListedStack {
  readonly name: string;
  /** ISO 8601. */
  readonly lastUpdate?: string;
  readonly updateInProgress?: boolean;
}

/** Commands of the engine that run the program. */
const asksForProgram: ReadonlySet<string> = new Set(["preview", "up"]);

/** Told of each command of the engine that is started. */
interface EngineStarts {
  onStart?: (pid: number, verb: string) => void;
}

function isMissingStack(error: unknown): boolean {
  return error instanceof Error && /no stack named/.test(error.message);
}
