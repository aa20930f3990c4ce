import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { ReportCollector, type ReportEnd, type ReportFacts } from "../../report/collect";
import type { Change, Report } from "../../report/model";

/** What a test says of one step; the rest is as the engine has it. */
export interface Step {
  /** An engine's operation: `create`, `delete-replaced` … */
  readonly op: string;
  readonly name: string;
  /** @default cloudflare:index/dnsRecord:DnsRecord */
  readonly type?: string;
  /** Type and name of the component above. @default none: the stack itself */
  readonly component?: readonly [type: string, name: string];
  readonly before?: Readonly<Record<string, unknown>>;
  readonly after?: Readonly<Record<string, unknown>>;
  readonly diffs?: readonly string[];
  readonly keys?: readonly string[];
  readonly detailedDiff?: Readonly<Record<string, { diffKind: string; inputDiff: boolean }>>;
  /** Further members of the old state, such as `protect`. */
  readonly old?: Readonly<Record<string, unknown>>;
  readonly custom?: boolean;
  /** Outputs, as a refresh compares them. */
  readonly beforeOutputs?: Readonly<Record<string, unknown>>;
  readonly afterOutputs?: Readonly<Record<string, unknown>>;
}

export const stackUrn = "urn:pulumi:staging::groundwork::pulumi:pulumi:Stack::groundwork-staging";
export const secretOf = (plaintext?: string): Readonly<Record<string, unknown>> => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ...(plaintext === undefined ? { ciphertext: "[secret]" } : { plaintext: JSON.stringify(plaintext) }),
});

export function componentUrn([type, name]: readonly [string, string]): string {
  return `urn:pulumi:staging::groundwork::groundwork:index:${type}::${name}`;
}

function metadataOf(step: Step) {
  const { name, type = "cloudflare:index/dnsRecord:DnsRecord", component, custom = true } = step;
  const above = component === undefined ? "" : `groundwork:index:${component[0]}$`;
  const urn = `urn:pulumi:staging::groundwork::${above}${type}::${name}`;
  const parent = component === undefined ? stackUrn : componentUrn(component);
  const state = { type, urn, custom, id: "", parent, provider: "", inputs: {}, outputs: {} };
  return {
    op: step.op,
    urn,
    type,
    provider: "",
    diffs: step.diffs ?? null,
    keys: step.keys ?? null,
    detailedDiff: step.detailedDiff ?? null,
    old:
      step.before === undefined && step.beforeOutputs === undefined
        ? null
        : { ...state, inputs: step.before ?? {}, outputs: step.beforeOutputs ?? {}, ...step.old },
    new:
      step.after === undefined && step.afterOutputs === undefined
        ? null
        : { ...state, inputs: step.after ?? {}, outputs: step.afterOutputs ?? {} },
  };
}

/** The event of a step that is planned, begins, ends or fails. */
export function eventOf(step: Step, phase: "planned" | "began" | "done" | "failed" = "planned"): EngineEvent {
  const metadata = metadataOf(step);
  const event =
    phase === "failed"
      ? { resOpFailedEvent: { metadata, status: 1, steps: 1 } }
      : phase === "done"
        ? { resOutputsEvent: { metadata } }
        : { resourcePreEvent: { metadata, ...(phase === "planned" ? { planning: true } : {}) } };
  return { sequence: 1, timestamp: 1, ...event } as unknown as EngineEvent;
}

export function reportOf(
  events: readonly EngineEvent[],
  facts: Partial<ReportFacts> = {},
  end: Partial<ReportEnd> = {},
): Report {
  const collector = new ReportCollector({
    kind: "preview",
    project: "groundwork",
    stack: "staging",
    ...facts,
  });
  for (const event of events) collector.add(event);
  return collector.report({ result: "planned", ...end });
}

/** The report of planned steps. */
export function planned(...steps: readonly Step[]): Report {
  return reportOf(steps.map((step) => eventOf(step)));
}

/** The only change of one planned step. */
export function changeOf(step: Step): Change {
  const { changes } = planned(step);
  if (changes.length !== 1) throw new Error(`${changes.length} changes`);
  return changes[0]!;
}

/** Events of a real preview of Streampai's staging, its stack file changed in six places; secrets as the engine gives them. */
export function realPreview(): EngineEvent[] {
  return readFileSync(join(__dirname, "fixtures", "staging-change.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as EngineEvent);
}
