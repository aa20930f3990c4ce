/** A stack's state as `pulumi stack export` gives it, and what is read from it. The only reader of that form. Pure. */
import type { OutputMap } from "@pulumi/pulumi/automation/index.js";
import { stackType } from "../common/engine-values";
import type { ProbeInput, RolloutInput } from "../components/origin/rollout-input";
import { decodeStepInput, type Frames } from "../remote/framing";

/** A resource as the engine records it, as far as it is read here. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly custom?: boolean;
  readonly id?: string;
  /** It is replaced, and to be deleted by the next run. */
  readonly delete?: boolean;
  /** The URN of what it is a part of. */
  readonly parent?: string;
  /** The URN of its provider, `::`, and that one's id. */
  readonly provider?: string;
  /** ISO 8601. */
  readonly created?: string;
  /** When the record was last changed, ISO 8601. */
  readonly modified?: string;
  /** Refused to be removed. Absent: not. */
  readonly protect?: boolean;
  /** URNs of what it comes after. */
  readonly dependencies?: readonly string[];
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** A resource that was made without the state knowing of it, and its id. */
export type TakenIn = StateResource & { readonly id: string };

/** What a run had begun and not ended when the state was written. */
export interface PendingOperation {
  /** `creating`, `updating`, `deleting`, `reading`, `importing`. */
  readonly type: string;
  readonly resource: StateResource;
}

/** The state of a stack. */
export interface StackState {
  /** `time`: when the state was written, ISO 8601. */
  readonly manifest?: { readonly time?: string };
  readonly resources?: readonly StateResource[];
  readonly pending_operations?: readonly PendingOperation[];
}

/** What `pulumi stack export` prints; members that are not named here are kept. */
export interface ExportedStack {
  readonly version: number;
  readonly deployment: StackState;
}

/** Reads what `pulumi stack export` printed. A stack that was only made has an empty state. */
export function parseExport(text: string): ExportedStack {
  const exported = JSON.parse(text) as { version: number; deployment: StackState | null };
  return { ...exported, deployment: exported.deployment ?? {} };
}

/** Whether something in it is refused to be removed. To take that off is a command of the engine's, half a second. */
export function hasProtected({ resources = [] }: StackState): boolean {
  return resources.some(({ protect }) => protect === true);
}

/** The logical name of a resource: the last part of its URN. */
export function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

/** The first resource of that name, whatever its type. */
export function resourceNamed({ resources = [] }: StackState, name: string): StateResource | undefined {
  return resources.find(({ urn }) => nameOf(urn) === name);
}

/** URNs of resources that a provider keeps and whose names are asked for. */
export function urnsOf({ resources = [] }: StackState, isWanted: (name: string) => boolean): string[] {
  return resources
    .filter(({ custom, urn }) => custom === true && isWanted(nameOf(urn)))
    .map(({ urn }) => urn);
}

/** Input and output of a step's last run, of a state whose secrets are shown; undefined where it was not run. */
export function stepOf(
  state: StackState,
  name: string,
): { readonly stdin?: string; readonly stdout?: string } | undefined {
  const step = (state.resources ?? []).find(({ urn }) => urn.endsWith(`:Command::${name}`));
  if (step === undefined) return undefined;
  const stdin = shownSecret(step.inputs?.["stdin"]);
  const stdout = shownSecret(step.outputs?.["stdout"]);
  return { ...(stdin === undefined ? {} : { stdin }), ...(stdout === undefined ? {} : { stdout }) };
}

/** What the migrations of an origin were given at their last run, of a state whose secrets are shown. */
export function migrationFramesOf(state: StackState, origin: string): Frames | undefined {
  const stdin = stepOf(state, `${origin}-migrations`)?.stdin;
  return stdin === undefined ? undefined : decodeStepInput(stdin);
}

/** What was asked while the last release of an origin went on, of a state whose secrets are shown. */
export function probeOf(state: StackState, origin: string): ProbeInput | undefined {
  const stdin = stepOf(state, `${origin}-rollout`)?.stdin;
  return stdin === undefined ? undefined : (JSON.parse(stdin) as RolloutInput).probe;
}

/**
 * The state without what was begun and never ended, but with what creations have made as resources. What those have become
 * is not known yet: a refresh of them reads that. The engine's import takes no pending operation anyway.
 *
 * @param taken Default: nothing, so that all creations are begun anew
 */
export function withSettled<State extends ExportedStack>(
  exported: State,
  taken: readonly TakenIn[] = [],
): State {
  const { resources = [], pending_operations: _ended, ...deployment } = exported.deployment;
  const urns = new Set(taken.map(({ urn }) => urn));
  // What it was to replace is deleted by the next run, as the engine does it.
  const before = resources.map((each) => (urns.has(each.urn) ? { ...each, delete: true } : each));
  const made = taken.map((each) => ({
    ...each,
    outputs: { ...each.inputs, ...each.outputs, id: each.id },
  }));
  // What they depend on was recorded before they were begun, so they may stand last; one may depend on another.
  return { ...exported, deployment: { ...deployment, resources: [...before, ...made] } };
}

/** The outputs of a stack, of a state that shows its secrets; one that holds a secret anywhere is secret. */
export function outputsOf({ resources = [] }: StackState): OutputMap {
  const outputs = resources.find(({ type }) => type === stackType)?.outputs ?? {};
  return Object.fromEntries(
    Object.entries(outputs).map(([name, written]) => {
      let secret = false;
      const value = shown(written, () => (secret = true));
      return [name, { value, secret }];
    }),
  );
}

/** A value as it was before it was written into a state. */
function shown(value: unknown, onSecret: () => void): unknown {
  if (Array.isArray(value)) return value.map((each) => shown(each, onSecret));
  if (typeof value !== "object" || value === null) return value;
  const { [mark]: kind, plaintext } = value as Readonly<Record<string, unknown>>;
  if (kind === markOfSecret && typeof plaintext === "string") {
    onSecret();
    return shown(JSON.parse(plaintext), onSecret);
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shown(each, onSecret)]));
}

/** How the engine marks what it writes that is more than JSON, and a secret among that. */
const mark = "4dabf18193072939515e22adb298388d";
const markOfSecret = "1b47061264138c4ac30d75fd1eb44270";

/** A secret text of a state that shows its secrets. */
function shownSecret(value: unknown): string | undefined {
  const plaintext = (value as { plaintext?: string } | undefined)?.plaintext;
  return plaintext === undefined ? undefined : (JSON.parse(plaintext) as string);
}
