import type { CheckFailure } from "../definition";
import type { Value, Values } from "../values";
import type { FieldRules } from "./shape";

/**
 * `METHOD /path/{property}`. In braces: a property of the resource, `{id}`, or `{scope}`, which is
 * `accounts/<accountId>` or `zones/<zoneId>`, whichever is given.
 */
export type Call = `${"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} /${string}`;

export type Operation = "create" | "read" | "update" | "delete";

/** What a hook that changes a request is told. */
export interface BodyContext {
  readonly operation: Operation;
  readonly method: string;
  /** The inputs with defaults. */
  readonly wanted: Values;
  /** The state; empty at a create. */
  readonly recorded: Values;
}

/** One resource type, as data. The engine in resource.ts does the rest. */
export interface ResourceTable {
  /** The SDK's class name. */
  readonly name: string;
  readonly create: Call;
  /** @default nothing can be read: a refresh changes nothing, an import is refused */
  readonly read?: Call;
  /** PUT sends everything, PATCH what changed. Several are made in turn; the last answer counts. @default every change replaces */
  readonly update?: Call | readonly Call[];
  /** @default nothing is called: what was set stays as it is */
  readonly delete?: Call | readonly Call[];
  /** The property whose value is the resource's id; `id` is the answer's. */
  readonly id: string;
  /** Properties between slashes; `scope` stands for two parts. @default an import is refused */
  readonly importId?: string;
  /** Properties that cannot be changed in place. */
  readonly replace: readonly string[];
  /** Computed properties that every update changes: unknown in its preview. */
  readonly recomputed?: readonly string[];
  /** How names are written on the wire. @default "snake" */
  readonly names?: "snake" | "camel";
  readonly rules?: FieldRules;
  /** Headers of every request about it. */
  headers?(state: Values): Record<string, string>;
  /** Refuses what the API or the real provider would refuse, before any call. Unknowns may occur. */
  check?(inputs: Values): readonly CheckFailure[];
  /** Changes the inputs with defaults, for defaults that depend on others. */
  complete?(wanted: Values): Values;
  /** Changes a request's body; undefined sends none. */
  toBody?(body: Values, context: BodyContext): Value;
  /** Additional headers of one request. */
  toHeaders?(context: BodyContext): Record<string, string>;
  /** Changes an answer before it is taken over. */
  fromAnswer?(answer: Value, recorded: Values): Value;
  /** Whether something that can be read is gone all the same. */
  isGone?(answer: Values): boolean;
  /** An answer of the create that lacks too much: one read follows. */
  readAfterCreate?(answer: Values): boolean;
  /**
   * When it was made, at the earliest; undefined where that cannot be told. `call` takes reads alone.
   * Default: the property that is named like one.
   */
  madeAt?(outputs: Values, call: (call: Call) => Promise<Value>): Promise<Value>;
  /** The zone whose list has it, by a host name in that zone. @default the list is at the create's path */
  listedInZoneOf?(inputs: Values): string;
  /**
   * Whether one that was listed has the key that these inputs have, which is in nobody else's hands: `equal`, or `other` where it
   * is not as the inputs say. Default: undefined, it has another key or none.
   */
  ofOwnKey?(inputs: Values, listed: Values): "equal" | "other" | undefined;
  /** Called before the create, to refuse it by what is there. */
  beforeCreate?(wanted: Values, call: (call: Call) => Promise<Value>): Promise<void>;
}
