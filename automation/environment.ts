import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EngineEvent, OutputMap, PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { type Log, silent } from "../common/log";
import { projectRoot } from "../common/project-root";
import type { HeadersByHost } from "../components/shared/access-headers";
import type { RolloutOutput } from "../components/origin/run-rollout";
import { ReportCollector } from "../report";
import { type Engine, findEngine } from "../sandbox/engine/engine";
import { type AccessCheckOptions, type AccessCheckResult, accessHeadersOf, checkAccessOf } from "./access";
import type { BackupAccess } from "./database/backups";
import { type DatabaseConnections, type EnvironmentDatabase, openDatabase } from "./database/database";
import { type Drift, type KnownDrift, driftOf, readKnown, remembered, writeKnown } from "./drift";
import { EngineStack } from "./engine-stack";
import { PolicyRefusedError } from "./errors";
import type { MendedStack } from "./creates/mend";
import { Beforehand } from "./creates/before";
import { runMended } from "./creates/run-mended";
import { type ExternalRollback, type ExternalRollbackOptions, rollBackExternal } from "./external-releases";
import { type FollowedRun, followRun } from "./follow";
import { throwCounted } from "./full-buckets";
import { type HistoryEntry, parseHistory } from "./history";
import type { Doubt } from "./locks/doubt";
import type { Examine } from "./locks/examine";
import { looksAtCloudflare, type LooksAtCloudflare } from "./locks/examine-at-cloudflare";
import { noState } from "./locks/state-mark";
import type { LockState, Unlocked, UnlockOptions } from "./locks/stack-locks";
import type { Settings } from "../platform/settings";
import { onSameState } from "./plan/same-state";
import { removeFromHosts } from "./host-removal";
import { type PoliciesInForce, policiesInForce } from "./policies/in-force";
import type { PolicyJudge } from "./policies/policies";
import { listReleases, type OriginReleases, rollBack, type RollbackOptions } from "./releases";
import type { RunOptions, RunResult } from "./run";
import { type StackConfig, stackConfigOf } from "./stack-config";
import { decodeStepInput } from "../remote/framing";
import { editStackFile } from "./stack-file-edit";
import { assertDescribed, namedStackFile } from "./stack-files";
import { loadPlatform, type ProgramPlace, platformProgram } from "./platform-program";
import { CheckedProgram } from "./token/checked-program";
import { hasProtected, outputsOf, resourceNamed, type StackState, stepOf, urnsOf } from "./state";

export type { RunOptions, RunResult } from "./run";

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
  /**
   * Whether `up` first asks Cloudflare what the API token may do and which plan the zone has, and refuses before anything
   * is changed. Of a program of one's own nobody knows what it needs. @default true with the platform's own program
   */
  readonly checkToken?: boolean;
}

/** Options of {@link Environment.drift}. */
export interface DriftOptions extends Pick<RunOptions, "onProgress" | "onEvent" | "signal" | "log"> {
  /**
   * File that keeps since when each difference is known, from one check to the next. It holds no value. @default
   * .groundwork/drift/<name>.json in the project's folder
   */
  readonly knownFile?: string;
  /** What an earlier check remembers, where there is no such file. @default nothing */
  readonly known?: KnownDrift | undefined;
  /** Texts that the report must not show; marked secrets never are. @default [] */
  readonly secrets?: readonly string[];
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
    private readonly stack: EngineStack,
    /** Folder with Pulumi.yaml and the stack files. */
    readonly directory: string,
    private readonly configFile: string | undefined,
    private readonly variables: Readonly<Record<string, string>>,
    private readonly checksToken: boolean,
    /** False: a program of one's own. */
    private readonly isPlatform: boolean,
  ) {}

  /**
   * Opens an environment. Nothing is written yet: a stack that does not exist is made by the first run.
   *
   * @throws UserError where no engine can be had, or no stack file describes such an environment. A program of one's own
   *   needs no stack file.
   */
  static async open(name: string, options: EnvironmentOptions = {}): Promise<Environment> {
    const directory = options.directory ?? projectRoot();
    const variables = { ...options.variables };
    const file = namedStackFile(options.configFile, variables);
    if (options.program === undefined || file !== undefined) assertDescribed(name, directory, file);
    const engine =
      options.engine ?? (await findEngine(options.log === undefined ? {} : { log: options.log }));
    const isPlatform = options.program === undefined;
    const work = isPlatform
      ? { program: platformProgram({ stack: name, directory, configFile: file }), prepare: loadPlatform }
      : { program: options.program };
    const { configFile, checkToken = isPlatform } = options;
    const stack = await EngineStack.open({ name, directory, engine, ...work, configFile, variables });
    return new Environment(name, stack, directory, configFile, variables, checkToken, isPlatform);
  }

  /**
   * What `up` would do. Changes nothing.
   *
   * @throws PolicyRefusedError where it would break a mandatory policy
   */
  async preview(options: RunOptions = {}): Promise<RunResult> {
    const { judge, packs } = this.policies();
    const program = this.programOf(options);
    return this.stack.run(
      "preview",
      options,
      (engineOptions) => this.stack.sdk.preview({ ...engineOptions, program }),
      options.policies === "known" ? { packs } : { judge: judge(), packs },
    );
  }

  /**
   * Makes the environment what its description says. What a killed run has left is mended first. Before anything is made,
   * changed or removed, Cloudflare is asked whether the API token may do all of it: see {@link EnvironmentOptions.checkToken}.
   * Where a creation at Cloudflare failed and was carried out all the same, that is taken in, and the run goes on.
   *
   * @throws ConcurrentUpdateError where another run is at work, and still is after {@link RunOptions.lockWait}
   * @throws PolicyRefusedError where a mandatory policy is broken. The stack file's own are looked at by a preview first:
   *   where one is broken, nothing is changed
   * @throws UserError where the API token lacks a permission, has expired or is refused, or the zone's plan lacks something
   */
  async up(options: RunOptions = {}): Promise<RunResult> {
    if (!this.checksToken) return this.upUnchecked({ ...this.looks(), ...options }, this.programOf(options));
    const { isPlatform } = this;
    const checked = new CheckedProgram(this.programPlace(), options);
    const looks = this.looks(() =>
      checked.config === undefined ? this.config() : Promise.resolve(checked.config),
    );
    // A refresh writes the state before the program is run.
    if (options.refresh === true || options.config !== undefined || !isPlatform)
      await checked.ask(options.config ?? (await this.config({ makeStack: true })));
    try {
      const guarded = checked.optionsOf({ ...looks, ...options }, () => this.config());
      return await this.upUnchecked(guarded, isPlatform ? checked.run : this.stack.program);
    } catch (error) {
      checked.signal.throwIfAborted();
      throw error;
    }
  }

  private programPlace(): ProgramPlace {
    return { stack: this.name, directory: this.directory, configFile: this.namedFile() };
  }

  /** The platform's program where somebody wants to be told what it reads; else the environment's own as it is. */
  private programOf({ onConfig }: Pick<RunOptions, "onConfig">): PulumiFn {
    if (onConfig === undefined || !this.isPlatform) return this.stack.program;
    return platformProgram(this.programPlace(), onConfig);
  }

  private async upUnchecked(
    { lookBefore, ...options }: RunOptions & LooksAtCloudflare,
    program: PulumiFn,
  ): Promise<RunResult> {
    const { hasRules, judge, packs } = this.policies();
    if (hasRules && options.policies !== "known") await this.judged(judge(), options, program);
    const { examine, log = silent } = options;
    const before = new Beforehand(lookBefore, this.stack.beforeRecord);
    const stack: MendedStack = {
      ...{ name: this.name, examine, before, log },
      state: () => this.state(),
      history: () => this.history(),
      settle: (taken) => this.stack.settle(taken),
    };
    const marked = { name: this.name, stateMark: () => this.stack.stateMark() };
    return onSameState(marked, options, before.watching(program), (held, watching) =>
      runMended(stack, held, (watched) =>
        this.stack.run(
          "up",
          watched,
          (engineOptions) =>
            this.stack.connected(() => this.stack.sdk.up({ ...engineOptions, program: watching })),
          { packs },
        ),
      ),
    ).catch((error: unknown) => throwCounted(error, () => this.config()));
  }

  /** Looks at Cloudflare, for where nobody else looks. */
  private looks(config: () => Promise<StackConfig> = () => this.config()): LooksAtCloudflare {
    return looksAtCloudflare(config, { ...process.env, ...this.variables });
  }

  /** The same options, with such a look. */
  private looking<Options extends { readonly examine?: Examine }>(
    options: Options,
  ): Options & { readonly examine: Examine } {
    return { ...options, examine: options.examine ?? this.looks().examine };
  }

  /** What `up` would do, held against the stack file's rules; whoever listens hears only of those that are broken. */
  private async judged(
    judge: PolicyJudge | undefined,
    { onEvent, refresh = false, replace = [], signal }: RunOptions,
    program: PulumiFn,
  ): Promise<void> {
    await this.stack
      .run(
        "preview",
        {
          onEvent: (event) => {
            if (event.policyEvent !== undefined) onEvent?.(event);
          },
          ...{ refresh, replace },
          ...(signal === undefined ? {} : { signal }),
        },
        (engineOptions) => this.stack.sdk.preview({ ...engineOptions, program }),
        { judge },
      )
      .catch((error: unknown) => {
        if (!(error instanceof PolicyRefusedError)) throw error;
        throw new PolicyRefusedError("up", this.name, error.violations, error.cause);
      });
  }

  private policies(): PoliciesInForce {
    return policiesInForce(this.stackFile(), {
      ...{
        directory: this.directory,
        engine: this.stack.engine,
        project: this.stack.project,
        stack: this.name,
      },
      config: () => this.config(),
      database: (name) => this.database(name),
    });
  }

  private stackFile(): string {
    return this.namedFile() ?? join(this.directory, `Pulumi.${this.name}.yaml`);
  }

  /** The stack file that is used instead of the environment's own; undefined where none is. */
  private namedFile(): string | undefined {
    return namedStackFile(this.configFile, this.variables);
  }

  /** Reads what is really there into the state. */
  async refresh(options: RunOptions = {}): Promise<RunResult> {
    return this.stack.run("refresh", this.looking(options), (engineOptions) =>
      this.stack.sdk.refresh(engineOptions),
    );
  }

  /** Removes everything of the environment, and the stack's own record where `remove` is given. */
  async destroy(options: RunOptions & { readonly remove?: boolean } = {}): Promise<RunResult> {
    const { remove = false, ...run } = options;
    return this.stack
      .run("destroy", this.looking(run), (engineOptions) =>
        this.stack.sdk.destroy({ ...engineOptions, remove }),
      )
      .catch((error: unknown) => throwCounted(error, () => this.config()));
  }

  /**
   * Removes what the hosts of its origins have of it: containers, volumes with their data, networks, folders. {@link destroy}
   * leaves all of that as it is.
   *
   * @param log told what is gone, a line for each host. @default nobody
   * @throws UserError where a host is not reached or something is left there
   */
  async removeFromHosts(log: Log = silent): Promise<void> {
    await removeFromHosts(await this.config(), log);
  }

  /**
   * Starts a run whose events are taken by a loop; breaking it off ends the run.
   *
   * @example
   * const run = environment.follow("up");
   * for await (const event of run) collector.add(event);
   * const { changes } = await run.result;
   */
  follow(verb: "preview" | "up" | "refresh" | "destroy", options: RunOptions = {}): FollowedRun {
    return followRun((all) => this[verb](all), options);
  }

  /** What was changed outside of the code. Reads what is there; neither that nor the state is changed. */
  async drift(options: DriftOptions = {}): Promise<Drift> {
    const { knownFile = join(this.directory, ".groundwork", "drift", `${this.name}.json`), secrets = [] } =
      options;
    const facts = { kind: "drift", project: this.stack.project, stack: this.name, secrets } as const;
    const collector = new ReportCollector(facts);
    const onEvent = (event: EngineEvent): void => {
      options.onEvent?.(event);
      collector.add(event);
    };
    await this.stack.run("drift", { ...options, onEvent }, (engineOptions) =>
      this.stack.sdk.refresh({ ...engineOptions, previewOnly: true }),
    );
    const report = collector.report({ result: "planned" });
    const known = (await readKnown(knownFile)) ?? options.known;
    const drift = driftOf(report, await this.state(), known, new Date().toISOString());
    // What was found is told also where nothing of it can be kept.
    await writeKnown(knownFile, remembered(drift)).catch((error: Error) => options.log?.(error.message));
    return drift;
  }

  /**
   * The runs of the past, the newest first.
   *
   * @param limit at most so many. @default 20
   */
  async history(limit = 20): Promise<HistoryEntry[]> {
    const args = ["stack", "history", "--json", "--page-size", String(limit), "--page", "1"];
    return parseHistory(await this.stack.command(args)).slice(0, limit);
  }

  /** Who is at work on the environment, whether they still live, and what a run that was cut short has left. */
  async lockState(): Promise<LockState> {
    return this.stack.locks.state();
  }

  /**
   * Takes off the locks of those who are gone, and looks at what they had not ended, one by one.
   *
   * @throws ConcurrentUpdateError where a holder lives, or nothing is known of it, unless `force` is given
   * @example
   * const { removed, doubts } = await environment.unlock({ log: console.error });
   */
  async unlock(options: UnlockOptions = {}): Promise<Unlocked> {
    return this.stack.locks.unlock(this.looking(options));
  }

  /**
   * The stack's outputs; secret ones are marked as such.
   *
   * @throws UserError where the environment was not brought up yet, or its secrets cannot be decrypted
   */
  async outputs(): Promise<OutputMap> {
    return outputsOf((await this.stack.exported("--show-secrets")).deployment);
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
    const [config, { deployment }] = await Promise.all([
      this.config(),
      this.stack.exported("--show-secrets"),
    ]);
    const { access } = config.settings;
    const tokens: unknown = outputsOf(deployment)["accessTokens"]?.value;
    const headers = access === undefined ? {} : accessHeadersOf(config.settings, tokens);
    return rollBack(config, options, deployment, headers);
  }

  /**
   * Headers that let a request in at each host name behind Access, by host name. Secret. Empty where there is no Access.
   *
   * @param config the settings, where they have been read already. @default read now
   */
  async accessHeaders(config?: Pick<StackConfig, "settings">): Promise<HeadersByHost> {
    const { settings } = config ?? (await this.config());
    if (settings.access === undefined) return {};
    return accessHeadersOf(settings, (await this.outputs())["accessTokens"]?.value);
  }

  /**
   * Walks every protected and every public path behind Access from here, without a login and with the stack's own service
   * token, as the check after each change does. The engine runs nothing.
   *
   * @param options.settings the settings, where they have been read already. @default read now
   * @throws UserError where the stack has no Access, or was not brought up yet
   * @example
   * const { problems } = await environment.checkAccess();
   */
  async checkAccess({
    settings: read,
    timeoutSeconds,
  }: Pick<AccessCheckOptions, "timeoutSeconds"> & {
    readonly settings?: Settings;
  } = {}): Promise<AccessCheckResult> {
    const [settings, outputs] = await Promise.all([
      read ?? this.config().then((config) => config.settings),
      this.outputs(),
    ]);
    const authoritiesFile = this.variables["NODE_EXTRA_CA_CERTS"] ?? process.env["NODE_EXTRA_CA_CERTS"];
    const asked = { settings, stack: this.name };
    return checkAccessOf(asked, outputs["accessTokens"]?.value, { timeoutSeconds, authoritiesFile });
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
      backups: outputs["backups"]?.value as Readonly<Record<string, BackupAccess>> | undefined,
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
    const { deployment } = await this.stack.exported("--show-secrets");
    const { stdin, stdout } = stepOf(deployment, `${origin}-released`) ?? {};
    const step = stdin === undefined || stdout === undefined ? undefined : { stdin, stdout };
    return rollBackExternal(origin, step, options);
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

  /**
   * Settings and decrypted secrets.
   *
   * @param makeStack makes the stack where the backend has none yet, as a preview does: nobody else can decrypt for it.
   *   Default: false
   * @throws SettingsError with every mistake
   */
  async config({ makeStack = false }: { readonly makeStack?: boolean } = {}): Promise<StackConfig> {
    const { configFile } = this;
    const args = ["config", "--json", "--show-secrets"];
    const whole = [...args, ...(configFile === undefined ? [] : ["--config-file", configFile])];
    const json = makeStack ? await this.stack.commandOnMade(whole) : await this.stack.command(whole);
    return stackConfigOf(json, { stack: this.name, file: this.stackFile() });
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
    return resourceNamed(await this.state(), name)?.created;
  }

  /**
   * Writes plain values into the stack file: all of them or none, and nothing else in it is changed.
   *
   * @param edits paths and values; undefined takes one away
   */
  async setConfig(
    edits: readonly (readonly [path: readonly string[], value: number | boolean | undefined])[],
  ): Promise<void> {
    const file = this.stackFile();
    const before = await readFile(file, "utf8");
    const after = edits.reduce((text, [path, value]) => editStackFile(text, path, value), before);
    if (after === before) return;
    const { mode } = await stat(file);
    await writeFile(`${file}.${process.pid}`, after, { mode, flush: true });
    await rename(`${file}.${process.pid}`, file);
  }

  /** The URNs of the resources in the state whose names are asked for. */
  async urnsOf(isWanted: (name: string) => boolean): Promise<string[]> {
    return urnsOf(await this.state(), isWanted);
  }

  /** What steps on hosts were given at their last run, by the names of their resources; undefined for one that never ran. Secret. */
  async stepInputs(names: readonly string[]): Promise<(Readonly<Record<string, string>> | undefined)[]> {
    const { deployment } = await this.stack.exported("--show-secrets");
    return names.map((name) => {
      const stdin = stepOf(deployment, name)?.stdin;
      return stdin === undefined ? undefined : decodeStepInput(stdin);
    });
  }

  /** The stack's state; secrets stay encrypted. */
  async state(): Promise<StackState> {
    return (await this.stack.exported()).deployment;
  }

  /**
   * Takes creations that a killed run began and never ended out of the state: the next run begins them anew. Call it
   * when what they made, if anything, is gone or of no harm.
   */
  async forgetPendingCreates(): Promise<void> {
    await this.stack.settle();
  }

  /**
   * Mends what a killed run has left, as {@link up} does before it begins: takes the locks of those off who are gone, and
   * looks at what they had not ended.
   *
   * @returns creations of which nobody can tell whether they made something
   * @throws ConcurrentUpdateError where another run is at work, and still is after {@link RunOptions.lockWait}
   */
  async mend({
    lockWait = 0,
    ...options
  }: Pick<RunOptions, "examine" | "lockWait" | "log" | "signal"> = {}): Promise<readonly Doubt[]> {
    return this.stack.locks.mend({ ...this.looking(options), until: Date.now() + lockWait });
  }

  /**
   * Waits for those who are at work and mends what a killed run has left, as {@link up} does before it begins, so that what is
   * previewed then is what is run. Where the backend's locks cannot be read it does nothing: there the run is refused.
   *
   * @throws ConcurrentUpdateError where another run is at work, and still is after {@link RunOptions.lockWait}
   */
  async waitForOthers({
    lockWait = 0,
    ...options
  }: Pick<RunOptions, "examine" | "lockWait" | "log" | "signal"> = {}): Promise<void> {
    await this.stack.locks.clear({ ...this.looking(options), until: Date.now() + lockWait });
  }

  /**
   * Tells the state as it is now from any other, for {@link RunOptions.stateMark}; a stack that is not there yet is made. Undefined
   * where the state cannot be read without the engine, as at a server.
   */
  async stateMark(): Promise<string | undefined> {
    const mark = await this.stack.stateMark();
    if (mark !== noState) return mark;
    await this.stack.ensure();
    return this.stack.stateMark();
  }

  /**
   * Takes protection off every resource, so that a destroy may remove them.
   *
   * @param state the stack's, where it is known: where nothing in it is protected, the engine is not started. @default unknown
   */
  async unprotect(state?: StackState): Promise<void> {
    if (state === undefined || hasProtected(state))
      await this.stack.command(["state", "unprotect", "--all", "--yes"]);
  }

  /** Makes the stack's own record where there is none yet. */
  async ensureStack(): Promise<void> {
    await this.stack.ensure();
  }

  /** Removes the stack's own record, which must be empty; its stack file stays. */
  async removeStack(): Promise<void> {
    await this.stack.command(["stack", "rm", "--yes", "--preserve-config"]);
  }

  /** What another stack of the project gives, which need not have a stack file here; of secret outputs only that they are. */
  async outputsOf(stack: string): Promise<Readonly<Record<string, unknown>>> {
    return JSON.parse(await this.stack.command(["stack", "output", "--json"], "", stack)) as Record<
      string,
      unknown
    >;
  }

  /** All stacks of the project at this backend, and when each was changed last. */
  async stacks(): Promise<readonly { readonly name: string; readonly updated: string | undefined }[]> {
    const all = await this.stack.all();
    return all.map(({ name, lastUpdate }) => ({ name: name.split("/").at(-1) ?? name, updated: lastUpdate }));
  }
}
