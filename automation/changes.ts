import type { EngineEvent, OpMap, OpType } from "@pulumi/pulumi/automation/index.js";

/** One step of the engine on one resource, as it begins, ends or fails. */
export interface ResourceStep {
  readonly phase: "planned" | "started" | "done" | "failed";
  readonly operation: OpType;
  /** `cloudflare:index/dnsRecord:DnsRecord` and the like. */
  readonly type: string;
  /** The logical name, the last part of the URN. */
  readonly name: string;
  readonly urn: string;
  /** Names of the inputs that changed; never their values. */
  readonly changed: readonly string[];
}

/** A message of the engine, a provider or the program; colours removed. */
export interface Diagnostic {
  readonly severity: "info" | "info#err" | "warning" | "error";
  readonly message: string;
  readonly urn?: string;
}

/** What a run tells while it goes on. */
export type Progress =
  | { readonly kind: "step"; readonly step: ResourceStep }
  | { readonly kind: "diagnostic"; readonly diagnostic: Diagnostic };

/** How many resources each operation concerns. */
export type ChangeCounts = Readonly<OpMap>;

/** Turns one engine event into what a user is told; undefined for those that say nothing to a user. */
export function progressOf(event: EngineEvent): Progress | undefined {
  if (event.diagnosticEvent !== undefined) {
    const { severity, message, urn, ephemeral } = event.diagnosticEvent;
    const text = withoutColours(message).trim();
    if (ephemeral === true || text === "") return undefined;
    return { kind: "diagnostic", diagnostic: { severity, message: text, ...(urn ? { urn } : {}) } };
  }
  if (event.resourcePreEvent !== undefined) {
    const { metadata, planning } = event.resourcePreEvent;
    return { kind: "step", step: stepOf(planning === true ? "planned" : "started", metadata) };
  }
  if (event.resOutputsEvent !== undefined) {
    const { metadata, planning } = event.resOutputsEvent;
    if (planning === true) return undefined;
    return { kind: "step", step: stepOf("done", metadata) };
  }
  if (event.resOpFailedEvent !== undefined) {
    return { kind: "step", step: stepOf("failed", event.resOpFailedEvent.metadata) };
  }
  return undefined;
}

interface Metadata {
  readonly op: OpType;
  readonly type: string;
  readonly urn: string;
  readonly diffs?: string[];
}

function stepOf(phase: ResourceStep["phase"], { op, type, urn, diffs }: Metadata): ResourceStep {
  return { phase, operation: op, type, urn, name: urn.split("::").at(-1) ?? urn, changed: diffs ?? [] };
}

/** The engine marks colours as `<{%…%}>`. */
export function withoutColours(text: string): string {
  return text.replace(/<\{%[^%]*%\}>/g, "");
}

/** True when the counts name nothing but resources that stay as they are. */
export function nothingToDo(counts: ChangeCounts): boolean {
  return Object.entries(counts).every(([operation, count]) => operation === "same" || count === 0);
}
