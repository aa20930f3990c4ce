import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Deployment,
  type EngineEvent,
  LocalWorkspace,
  type OutputMap,
  PulumiCommand,
  type PulumiFn,
  Stack,
} from "@pulumi/pulumi/automation";
import semver from "semver";
import { keepConnectionsApart } from "../../automation/own-connections";
import { type Engine, findEngine } from "../../sandbox/engine/engine";
import { engineVariables } from "../../sandbox/engine/variables";
import { installProviders, type ProviderName } from "../../sandbox/providers/install";

/** One resource as it stands in the state, its secrets decrypted (`{ <signature>, plaintext }`). */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly custom: boolean;
  readonly inputs?: Record<string, unknown>;
  readonly outputs?: Record<string, unknown>;
  readonly additionalSecretOutputs?: string[];
  readonly [other: string]: unknown;
}

export interface StackOptions {
  /** The first program; exchanged by the argument of {@link EngineStack.up} and {@link EngineStack.preview}. */
  readonly program: PulumiFn;
  /** Which of the sandbox's providers are installed. */
  readonly packages: readonly ProviderName[];
  /** @default {} */
  readonly config?: Readonly<Record<string, { value: string; secret?: boolean }>>;
  /** Further environment variables of the engine and its providers. @default {} */
  readonly env?: Readonly<Record<string, string>>;
}

/** What each run of the engine is started with. */
interface RunOptions {
  readonly onOutput: (text: string) => void;
  readonly onError: (text: string) => void;
  readonly onEvent: (event: EngineEvent) => void;
  readonly signal: AbortSignal;
}

/** What a run did. */
export interface Ran {
  /** Resources by operation, without those that are none. */
  readonly changes: Record<string, number>;
}

/** A stack of its own under the real engine: private home, file backend, random passphrase. */
export interface EngineStack {
  /** Everything of the stack is below it; gone afterwards. */
  readonly directory: string;
  readonly stack: Stack;
  /** All that the CLI has printed so far, both streams. */
  readonly printed: () => string;
  up(program?: PulumiFn): Promise<Ran>;
  preview(program?: PulumiFn): Promise<Ran>;
  /** A preview's decision for each resource, by name: `create`, `update`, `replace`, `same` ... and what differs. */
  decisions(
    program?: PulumiFn,
  ): Promise<Record<string, { op: string; diffs: string[]; replaceKeys: string[] }>>;
  refresh(): Promise<Ran>;
  destroy(): Promise<Ran>;
  /** The stack's outputs, as the last run has left them. */
  outputs(): Promise<OutputMap>;
  /** The resource of that name in the state. */
  resource(name: string): Promise<StateResource>;
  resources(): Promise<StateResource[]>;
  /** The state file as it lies on the disk: secrets encrypted. */
  stateText(): string;
}

const project = "engine-test";
const stackName = "test";
/** For one command of the CLI, in milliseconds: far more than any takes, on a busy machine as well. */
const longestStep = 110_000;

/**
 * Runs a whole program under the real Pulumi CLI, destroys what it made and removes every trace, also when `run` fails.
 *
 * @example
 * await withStack({ packages: ["random"], program: async () => { new random.RandomPet("pet"); } }, async (stack) => {
 *   await stack.up();
 *   expect((await stack.preview()).changeSummary).toEqual({ same: 2 });
 * });
 */
export async function withStack(
  options: StackOptions,
  run: (stack: EngineStack) => Promise<void>,
): Promise<void> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the build is plain JavaScript
  const build = require("../../bin/build.js") as { ensureBuilt(...groups: string[]): void };
  build.ensureBuilt("providers");
  const directory = mkdtempSync(join(tmpdir(), "groundwork-engine-"));
  try {
    const stack = await openStack(options, directory);
    let failed = true;
    try {
      await run(stack);
      failed = false;
    } finally {
      // The test's own failure is the one to see, not that of a destroy after it.
      if (!isEmpty(stack)) {
        await stack.destroy().catch((error: unknown) => {
          if (!failed) throw error;
        });
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Whether nothing is left to destroy. */
function isEmpty(stack: EngineStack): boolean {
  const { checkpoint } = JSON.parse(stack.stateText()) as {
    checkpoint?: { latest?: { resources?: readonly unknown[] } };
  };
  return (checkpoint?.latest?.resources ?? []).length === 0;
}

async function openStack(options: StackOptions, directory: string): Promise<EngineStack> {
  keepConnectionsApart();
  const engine = await findEngine();
  const pulumiHome = join(directory, "home");
  const state = join(directory, "state");
  mkdirSync(state);
  // No plugin of the machine's own is to be tested here.
  await installProviders({ pulumiHome, policy: "always", packages: options.packages, path: "" });

  const workspace = await LocalWorkspace.create({
    projectSettings: { name: project, runtime: "nodejs" },
    program: options.program,
    pulumiHome,
    pulumiCommand: knownCommand(engine),
    envVars: {
      ...engineVariables(engine),
      PULUMI_BACKEND_URL: `file://${state}`,
      PULUMI_CONFIG_PASSPHRASE: randomBytes(16).toString("hex"),
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      SSH_AUTH_SOCK: "",
      ...options.env,
    },
  });
  const stack = await Stack.create(stackName, workspace);
  // Before and after each run the SDK starts the CLI four times more, for what few tests look at.
  workspace.selectStack = () => Promise.resolve();
  stack.outputs = () => Promise.resolve({});
  stack.info = () => Promise.resolve(undefined);
  if (options.config !== undefined) await stack.setAllConfig(options.config);

  let printed = "";
  const onOutput = (text: string) => {
    printed += text;
  };
  // A program that never ends (a rejection lost in the SDK does that) must not leave an engine behind.
  const run = async (start: (options: RunOptions) => Promise<unknown>): Promise<Ran> => {
    let changes: Ran["changes"] = {};
    const onEvent = ({ summaryEvent }: EngineEvent): void => {
      if (summaryEvent !== undefined) changes = summaryEvent.resourceChanges;
    };
    const signal = AbortSignal.timeout(longestStep);
    await start({ onOutput, onError: onOutput, onEvent, signal });
    return { changes: Object.fromEntries(Object.entries(changes).filter(([, count]) => count > 0)) };
  };
  const use = (program: PulumiFn | undefined) => {
    if (program !== undefined) stack.workspace.program = program;
  };
  const resources = async (): Promise<StateResource[]> => {
    const exported: Deployment = await stack.exportStack();
    return (exported.deployment as { resources?: StateResource[] }).resources ?? [];
  };

  return {
    directory,
    stack,
    printed: () => printed,
    up: (program) => (use(program), run((options) => stack.up(options))),
    preview: (program) => (use(program), run((options) => stack.preview(options))),
    async decisions(program) {
      use(program);
      const decisions: Record<string, { op: string; diffs: string[]; replaceKeys: string[] }> = {};
      const onEvent = (event: EngineEvent) => {
        const metadata = event.resourcePreEvent?.metadata;
        if (metadata === undefined || metadata.type.startsWith("pulumi:")) return;
        // A replacement is told in three events; the two halves add nothing to the whole.
        if (metadata.op === "create-replacement" || metadata.op === "delete-replaced") return;
        decisions[metadata.urn.split("::").at(-1)!] = {
          op: metadata.op,
          diffs: Object.keys(metadata.detailedDiff ?? {}).sort(),
          replaceKeys: [...(metadata.keys ?? [])].sort(),
        };
      };
      await run((options) => stack.preview({ ...options, onEvent }));
      return decisions;
    },
    refresh: () => run((options) => stack.refresh(options)),
    destroy: () => run((options) => stack.destroy(options)),
    async outputs() {
      const root = (await resources()).find(({ type }) => type === "pulumi:pulumi:Stack");
      return Object.fromEntries(
        Object.entries(root?.outputs ?? {}).map(([name, output]) => {
          const secret = (output as { plaintext?: string } | undefined)?.plaintext !== undefined;
          return [name, { value: secret ? plaintext(output) : output, secret }];
        }),
      );
    },
    resources,
    async resource(name) {
      const found = (await resources()).find(({ urn }) => urn.endsWith(`::${name}`));
      if (found === undefined) throw new Error(`no resource ${name} in the state`);
      return found;
    },
    stateText: () => readFileSync(join(state, ".pulumi", "stacks", project, `${stackName}.json`), "utf8"),
  };
}

/** The SDK's command around an engine whose version is known: it would be asked for it once more. */
function knownCommand({ pulumi, version }: Engine): PulumiCommand {
  const fields = { command: pulumi, version: semver.parse(version) };
  return Object.assign(Object.create(PulumiCommand.prototype) as PulumiCommand, fields);
}

/** The value of a secret output of {@link StateResource}; fails when it is none. */
export function plaintext(output: unknown): unknown {
  const sealed = output as { plaintext?: string } | undefined;
  if (sealed?.plaintext === undefined) throw new Error(`not a secret: ${JSON.stringify(output)}`);
  return JSON.parse(sealed.plaintext);
}
