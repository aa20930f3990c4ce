/** A stack's state as `pulumi stack export` gives it, and what is read from it. The only reader of that form. Pure. */
import { decodeStepInput, type Frames } from "../remote/framing";

/** A resource as the engine records it, as far as it is read here. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly custom?: boolean;
  readonly id?: string;
  /** ISO 8601. */
  readonly created?: string;
  /** When the record was last changed, ISO 8601. */
  readonly modified?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

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

/** The state without the creations that were begun and never ended, or without those of them that are wanted. */
export function withoutPendingCreates<State extends ExportedStack>(
  exported: State,
  isWanted: (urn: string) => boolean = () => true,
): State {
  const { pending_operations: pending = [], ...deployment } = exported.deployment;
  const kept = pending.filter(({ type, resource }) => type !== "creating" || !isWanted(resource.urn));
  return {
    ...exported,
    deployment: { ...deployment, ...(kept.length > 0 ? { pending_operations: kept } : {}) },
  };
}

/**
 * The state with a creation that was cut short as a resource with that id. What it has become is not known yet: a refresh
 * of it reads that.
 */
export function withAdopted(exported: ExportedStack, urn: string, id: string): ExportedStack {
  const { resources = [], pending_operations: pending = [] } = exported.deployment;
  const operation = pending.find(({ type, resource }) => type === "creating" && resource.urn === urn);
  if (operation === undefined) return exported;
  const { resource } = operation;
  const adopted = { ...resource, id, outputs: { ...resource.inputs, ...resource.outputs, id } };
  const { deployment, ...rest } = withoutPendingCreates(exported, (one) => one === urn);
  // What it depends on was recorded before it was begun, so it may stand last.
  return { ...rest, deployment: { ...deployment, resources: [...resources, adopted] } };
}

/** A secret text of a state that shows its secrets. */
function shownSecret(value: unknown): string | undefined {
  const plaintext = (value as { plaintext?: string } | undefined)?.plaintext;
  return plaintext === undefined ? undefined : (JSON.parse(plaintext) as string);
}
