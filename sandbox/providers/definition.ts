import type { Difference } from "./differences";
import type { Value, Values } from "./values";

/** How one input of a resource behaves. */
export interface InputDefinition {
  /** Refused at check when it is absent. @default optional */
  readonly required?: boolean;
  /** A change needs a new resource. @default a change is an update */
  readonly replace?: boolean;
  /** Always a secret, whatever the program says. @default secret when the program says so */
  readonly secret?: boolean;
  /** Filled in at check when it is absent. @default left absent */
  readonly default?: string | number | boolean;
  /**
   * What being absent means: giving this value is then no difference, and outputs show it.
   * @default absent is a value of its own
   */
  readonly implied?: Value;
  /** The only values that are accepted. @default any */
  readonly oneOf?: readonly (string | number | boolean)[];
}

/** One wrong input, as the engine reports it to the user. */
export interface CheckFailure {
  readonly property: string;
  readonly reason: string;
}

export type LogSeverity = "debug" | "info" | "warning" | "error";

/** What every operation on a resource is told. */
export interface OperationContext<Config> {
  readonly urn: string;
  /** The resource's name in the program. */
  readonly name: string;
  /** Its type token, such as `random:index/randomPassword:RandomPassword`. */
  readonly type: string;
  /** What {@link ProviderDefinition.configure} returned. */
  readonly config: Config;
  /** Aborted when the engine cancels. */
  readonly signal: AbortSignal;
  /** The user's custom timeout in seconds. @default 0: none given */
  readonly timeoutSeconds: number;
  /** The inputs that are secret or contain a secret; for a delete, of the recorded ones. Keep them out of messages. */
  readonly secretInputs: ReadonlySet<string>;
  /** A message for the user, shown at this resource. Never a secret. */
  log(severity: LogSeverity, message: string, options?: { readonly ephemeral?: boolean }): void;
}

export interface CheckRequest<Config> extends OperationContext<Config> {
  /** The inputs as checked last time; empty at the first time. */
  readonly olds: Values;
  readonly news: Values;
  /** From the engine: equal in preview and update, so that generated names are as well. */
  readonly randomSeed: Uint8Array;
}

export interface DiffRequest<Config> extends OperationContext<Config> {
  readonly id: string;
  readonly oldInputs: Values;
  readonly oldOutputs: Values;
  readonly news: Values;
}

/** The decision about a changed resource. */
export interface DiffResult {
  /** What changed; empty means that nothing has to be done. `replace` in one of them replaces the resource. */
  readonly differences: readonly Difference[];
  /** The old one has to go before the new one is made. @default false */
  readonly deleteBeforeReplace?: boolean;
}

export interface CreateRequest<Config> extends OperationContext<Config> {
  readonly inputs: Values;
}

export interface UpdateRequest<Config> extends OperationContext<Config> {
  readonly id: string;
  readonly oldInputs: Values;
  readonly oldOutputs: Values;
  readonly inputs: Values;
}

export interface DeleteRequest<Config> extends OperationContext<Config> {
  readonly id: string;
  /** The inputs as recorded in the state. */
  readonly oldInputs: Values;
  readonly oldOutputs: Values;
}

export interface ReadRequest<Config> extends OperationContext<Config> {
  readonly id: string;
  /** As recorded; empty when the resource is imported. */
  readonly oldInputs: Values;
  readonly oldOutputs: Values;
  /** True when nothing is recorded yet: `import` or `get`. */
  readonly isImport: boolean;
}

export interface CreateResult {
  readonly id: string;
  /** Merged over the inputs. */
  readonly outputs: Values;
}

export interface ReadResult {
  /** @default the id that was asked for */
  readonly id?: string;
  /** The whole state. */
  readonly outputs: Values;
  /**
   * The inputs that would lead to this state.
   * @default those recorded, each with the value found; at an import every declared input that was found
   */
  readonly inputs?: Values;
}

/**
 * One resource type. Inputs, outputs and ids are named as in the SDK. Check and diff follow from the table of inputs;
 * `check` and `diff` are there for what a table cannot say.
 */
export interface ResourceDefinition<Config = unknown> {
  /** Every input that is accepted; another one is refused by name. */
  readonly inputs: Readonly<Record<string, InputDefinition>>;
  /** Outputs that are no inputs: unknown in the preview of a create. */
  readonly computed?: readonly string[];
  /** Outputs that are always secret. */
  readonly secretOutputs?: readonly string[];
  /** Computed outputs that are unknown in the preview of an update. @default none */
  readonly recomputedOnUpdate?: readonly string[];
  /** After the table's own checks: may fill in inputs and refuse values. Unknowns may occur. */
  check?(request: CheckRequest<Config>): { inputs?: Values; failures?: readonly CheckFailure[] };
  /** Given the decision that the table leads to; may change it. */
  diff?(request: DiffRequest<Config>, standard: DiffResult): DiffResult;
  /** What a preview shows after a create. @default the inputs, and every computed output unknown */
  previewCreate?(request: CreateRequest<Config>): Values;
  create(request: CreateRequest<Config>): Promise<CreateResult>;
  /** The state as it is now; undefined when it is gone. @default refresh changes nothing, import is refused */
  read?(request: ReadRequest<Config>): Promise<ReadResult | undefined>;
  /** The outputs, merged over old outputs and new inputs. @default every change replaces */
  update?(request: UpdateRequest<Config>): Promise<Values>;
  /** @default nothing is left to delete */
  delete?(request: DeleteRequest<Config>): Promise<void>;
}

/** What an invoke (a data source or function) is told. */
export type InvokeContext<Config> = Pick<OperationContext<Config>, "config" | "signal" | "log">;

/** A whole provider, for {@link serve}. */
export interface ProviderDefinition<Config = unknown> {
  /** The package's name, such as `random`. */
  readonly name: string;
  /** The version of the SDK it stands for. */
  readonly version: string;
  /** Every setting of the provider resource or of the stack's `<name>:*` configuration. @default none */
  readonly config?: Readonly<Record<string, InputDefinition>>;
  /** Settings whose change replaces the provider and all its resources belong to `config` with `replace`. */
  configure?(settings: Values): Config | Promise<Config>;
  /** By type token. */
  readonly resources: Readonly<Record<string, ResourceDefinition<Config>>>;
  /** By token; returns the outputs. */
  readonly invokes?: Readonly<
    Record<string, (args: Values, context: InvokeContext<Config>) => Promise<Values>>
  >;
}

/** The resource was made but is not as asked for: it is recorded, marked as such, and updated next time. */
export class PartialFailure extends Error {
  constructor(
    readonly id: string,
    readonly outputs: Values,
    readonly reasons: readonly string[],
  ) {
    super(reasons.join("; "));
  }
}
