import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import { stackType } from "../common/engine-values";
import { causeOf, noteOf } from "./causes";
import { componentTitle, componentTypeOf } from "./components";
import { CostWatch } from "./cost";
import { countsOfBoth } from "./counts";
import { diffed } from "./differences";
import type { Change, Component, Message, Operation, PolicyResult, Report, Sections } from "./model";
import { reportVersion } from "./model";
import { inOrder } from "./order";
import { redactor } from "./redact";
import type { ResourceChange } from "./resource-change";
import { risksOf } from "./risks";
import { type Value, type Values, isValues, maskedAll, plaintextsOf } from "./values";
import { titleOf } from "./words";

/** What a report is about. */
export interface ReportFacts {
  readonly kind: Report["kind"];
  readonly project: string;
  readonly stack: string;
  /** Texts that must not be shown wherever they stand; marked secrets never are. @default [] */
  readonly secrets?: Iterable<string>;
  /** Milliseconds since 1970. @default the machine's clock */
  readonly now?: () => number;
}

/** How a run ended, and what others found out about it. */
export interface ReportEnd extends Sections {
  readonly result: Report["result"];
}

/** What is kept of a resource while the events come. Nothing but a name of those that stay the same. */
interface Seen {
  readonly urn: string;
  readonly type: string;
  readonly parent: string;
  readonly custom: boolean;
  operation: Operation;
  before?: Values;
  after?: Values;
  beforeOutputs?: Values;
  afterOutputs?: Values;
  diffs: Set<string>;
  replaceKeys: Set<string>;
  firstHalf?: "create" | "delete";
  retained: boolean;
  protected: boolean;
  leftover: boolean;
  outcome: Change["outcome"];
  began?: number;
  seconds?: number;
}

const operationOf: Readonly<Record<string, Operation | undefined>> = {
  create: "create",
  update: "update",
  delete: "delete",
  replace: "replace",
  "create-replacement": "replace",
  "delete-replaced": "replace",
  "read-replacement": "replace",
  "import-replacement": "replace",
  import: "import",
  read: "read",
  refresh: "same",
  same: "same",
  discard: "forget",
  "discard-replaced": "replace",
  "remove-pending-replace": "forget",
};

/** A stronger operation on the same resource wins over a weaker one: a replacement is told in three steps. */
const strength: readonly Operation[] = [
  "same",
  "read",
  "import",
  "forget",
  "create",
  "update",
  "delete",
  "replace",
];

/**
 * Takes the engine's events as they come and makes a report of them. Keeps what changes, not the events, so that many
 * can run at once.
 *
 * @example
 * const collector = new ReportCollector({ kind: "preview", project: "groundwork", stack: "staging" });
 * await stack.preview({ onEvent: collector.add });
 * const report = collector.report({ result: "planned" });
 */
export class ReportCollector {
  private readonly seen = new Map<string, Seen>();
  private readonly secrets = new Set<string>();
  private readonly messages: Message[] = [];
  private readonly policies: PolicyResult[] = [];
  private counts: Record<string, number> | undefined;
  private seconds: number | undefined;
  private readonly cost = new CostWatch();
  private readonly now: () => number;

  constructor(private readonly facts: ReportFacts) {
    for (const secret of facts.secrets ?? []) this.secrets.add(secret);
    this.now = facts.now ?? Date.now;
  }

  /** A text that was found out to be secret only now. */
  hide(secret: string): void {
    this.secrets.add(secret);
  }

  readonly add = (event: EngineEvent): void => {
    this.cost.add(event);
    const { resourcePreEvent: before, resOutputsEvent: after, resOpFailedEvent: failed } = event;
    if (before !== undefined) this.step(before.metadata, before.planning === true ? "planned" : "began");
    else if (after !== undefined) this.step(after.metadata, after.planning === true ? "planned" : "done");
    else if (failed !== undefined) this.step(failed.metadata, "failed");
    else if (event.diagnosticEvent !== undefined) this.diagnostic(event.diagnosticEvent);
    else if (event.policyEvent !== undefined) this.policy(event.policyEvent);
    else if (event.summaryEvent !== undefined) {
      this.counts = countsOfBoth(this.counts ?? {}, event.summaryEvent.resourceChanges);
      this.seconds = (this.seconds ?? 0) + event.summaryEvent.durationSeconds;
    }
  };

  private diagnostic(event: NonNullable<EngineEvent["diagnosticEvent"]>): void {
    const text = event.message.replace(/<\{%[^%]*%\}>/g, "").trim();
    const severity = event.severity === "info#err" ? "info" : event.severity;
    if (text === "" || event.ephemeral === true || !["info", "warning", "error"].includes(severity)) return;
    this.messages.push({ severity, text, ...(event.urn ? { urn: event.urn } : {}) });
  }

  private policy(event: NonNullable<EngineEvent["policyEvent"]>): void {
    this.policies.push({
      policy: event.policyName,
      pack: event.policyPackName,
      level: event.enforcementLevel === "mandatory" ? "mandatory" : "advisory",
      text: event.message.replace(/<\{%[^%]*%\}>/g, "").trim(),
      ...(event.resourceUrn ? { urn: event.resourceUrn } : {}),
    });
  }

  private step(step: StepEventMetadata, phase: "planned" | "began" | "done" | "failed"): void {
    const operation = operationOf[step.op];
    if (operation === undefined) return;
    for (const state of [step.old, step.new]) {
      for (const text of plaintextsOf(state?.inputs ?? {})) this.secrets.add(text);
      for (const text of plaintextsOf(state?.outputs ?? {})) this.secrets.add(text);
    }
    const seen = this.find(step, operation);
    if (strength.indexOf(operation) > strength.indexOf(seen.operation)) seen.operation = operation;
    this.time(seen, phase);
    if (step.op === "create-replacement") seen.firstHalf ??= "create";
    if (step.op === "delete-replaced") seen.firstHalf ??= "delete";
    if (seen.operation === "same") return;
    this.facets(seen, step);
  }

  private facets(seen: Seen, { op, old, new: wanted, keys, diffs, detailedDiff }: StepEventMetadata): void {
    if (old) {
      seen.before ??= maskedAll(old.inputs);
      seen.beforeOutputs ??= maskedAll(old.outputs);
      seen.retained ||= old.retainOnDelete === true;
      seen.protected ||= old.protect === true;
    }
    if (wanted) {
      seen.after = maskedAll(wanted.inputs);
      seen.afterOutputs = maskedAll(wanted.outputs);
    }
    if (op === "delete-replaced") return;
    for (const key of keys ?? []) seen.replaceKeys.add(key);
    for (const [path, { diffKind }] of Object.entries(detailedDiff ?? {})) {
      seen.diffs.add(path);
      if (diffKind.endsWith("-replace")) seen.replaceKeys.add(path);
    }
    for (const diff of diffs ?? []) seen.diffs.add(diff);
  }

  private time(seen: Seen, phase: "planned" | "began" | "done" | "failed"): void {
    if (phase === "planned") return;
    if (phase === "began") {
      seen.began ??= this.now();
      seen.outcome = "unfinished";
      return;
    }
    seen.outcome = phase;
    if (seen.began !== undefined) seen.seconds = (this.now() - seen.began) / 1000;
  }

  private find({ urn, type, op, old, new: wanted }: StepEventMetadata, operation: Operation): Seen {
    const leftover = op === "delete" && old?.delete === true;
    const key = leftover ? `${urn}\n${old.id}` : urn;
    const known = this.seen.get(key);
    if (known !== undefined) return known;
    const state = wanted ?? old;
    const made: Seen = {
      urn,
      type,
      parent: state?.parent ?? "",
      custom: state?.custom === true,
      operation,
      diffs: new Set(),
      replaceKeys: new Set(),
      retained: false,
      protected: false,
      leftover,
      outcome: "planned",
    };
    this.seen.set(key, made);
    return made;
  }

  /** The report of all events so far. */
  report({ result, ...sections }: ReportEnd): Report {
    const redact = redactor(this.secrets);
    const { kind, project, stack } = this.facts;
    const components = new Map<string, Component>();
    const changes: Change[] = [];
    const own = [...this.seen.values()].filter(({ type }) => isTold(type));
    const resources = own.map((seen) => ({ seen, component: this.componentOf(seen) }));
    const made = resources.flatMap(({ seen, component }) =>
      seen.operation === "same"
        ? []
        : [{ seen, component, change: this.resourceChange(seen, component, redact) }],
    );
    const all = made.map(({ change }) => change);
    for (const { seen, component } of resources) {
      const entry = components.get(component.urn) ?? emptyComponent(component, redact);
      components.set(component.urn, entry);
      if (seen.urn === component.urn) entry.state = componentState(seen.operation);
      if (seen.operation === "same") entry.unchanged += seen.custom ? 1 : 0;
      else if (entry.state === "same") entry.state = "changed";
    }
    for (const { seen, component, change } of made) {
      changes.push(finished(seen, change, all, components.get(component.urn)?.key ?? "", kind));
    }
    const policies = this.policySection(sections.policies, redact);
    const cost = this.cost.section(changes);
    return redactedSections(
      {
        version: reportVersion,
        kind,
        project,
        stack,
        result,
        ...(this.seconds === undefined ? {} : { seconds: this.seconds }),
        counts: this.counts ?? counted(own),
        components: [...components.values()],
        changes: inOrder(changes),
        messages: unique(this.messages.map((message) => told(message, result, redact))),
        ...(cost === undefined ? {} : { cost }),
        ...sections,
        ...policies,
      },
      redact,
    );
  }

  private policySection(
    given: Report["policies"],
    redact: (text: string) => string,
  ): Pick<Report, "policies"> {
    if (given === undefined && this.policies.length === 0) return {};
    const results = [...(given?.results ?? []), ...this.policies];
    const clean = results.map((result) => ({ ...result, text: redact(result.text) }));
    const order = ({ level }: PolicyResult): number => (level === "mandatory" ? 0 : 1);
    return { policies: { ...given, results: clean.sort((one, other) => order(one) - order(other)) } };
  }

  private resourceChange(seen: Seen, component: Seen, redact: (text: string) => string): ResourceChange {
    // A refresh has no new inputs: what differs is what was read.
    const drifted = this.facts.kind === "drift" || this.facts.kind === "refresh";
    const [before, after] = drifted
      ? [seen.beforeOutputs, seen.afterOutputs]
      : [seen.operation === "create" ? undefined : seen.before, seen.after];
    const gone = seen.operation === "delete" || seen.operation === "forget";
    return {
      urn: seen.urn,
      type: seen.type,
      kind: seen.type.slice(seen.type.lastIndexOf(":") + 1),
      name: nameOf(seen.urn),
      operation: seen.operation,
      isComponent: !seen.custom,
      componentType: component.urn === stackKey ? "" : componentTypeOf(component.type),
      before: before && redacted(before, redact),
      after: gone ? undefined : after && redacted(after, redact),
      changed: new Set([...seen.diffs].map((path) => /^[^.[]+/.exec(path)?.[0] ?? path)),
      replaceKeys: [...seen.replaceKeys],
      deletedFirst: seen.firstHalf === "delete",
      retained: seen.retained,
      protected: seen.protected,
      leftover: seen.leftover,
    };
  }

  /** The outermost component above a resource, or the stack itself. */
  private componentOf(seen: Seen): Seen {
    let found: Seen | undefined = seen.custom ? undefined : seen;
    let parent = seen.parent;
    // A parent that no event told of is only a name; more steps than resources would be a circle.
    for (let steps = 0; parent !== "" && steps <= this.seen.size; steps += 1) {
      const above = this.seen.get(parent) ?? namedOnly(parent);
      if (above.type === stackType) break;
      if (!above.custom) found = above;
      parent = above.parent;
    }
    return found ?? { ...namedOnly(stackKey), custom: false };
  }
}
const stackKey = "";

/** The stack itself and its providers say nothing to a user, unless a provider is about to change. */
function isTold(type: string): boolean {
  return type !== stackType && !type.startsWith("pulumi:providers:");
}

function namedOnly(urn: string): Seen {
  const types = urn.split("::").at(-2) ?? "";
  return {
    urn,
    type: types.split("$").at(-1) ?? "",
    parent: "",
    custom: false,
    operation: "same",
    diffs: new Set(),
    replaceKeys: new Set(),
    retained: false,
    protected: false,
    leftover: false,
    outcome: "planned",
  };
}

function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

function emptyComponent({ urn, type }: Seen, redact: (text: string) => string): Component {
  const name = urn === stackKey ? "" : redact(nameOf(urn));
  const words = urn === stackKey ? "" : componentTypeOf(type);
  return {
    key: urn === stackKey ? "" : `${words}/${name}`,
    type: words,
    name,
    title: componentTitle(words, name),
    state: "same",
    unchanged: 0,
  };
}

function componentState(operation: Operation): Component["state"] {
  if (operation === "create") return "new";
  if (operation === "delete") return "removed";
  return operation === "same" ? "same" : "changed";
}

function finished(
  seen: Seen,
  change: ResourceChange,
  all: readonly ResourceChange[],
  component: string,
  kind: Report["kind"],
): Change {
  const properties = diffed(change, [...seen.diffs]);
  const cause = causeOf(change, all, kind);
  const note = noteOf(change, all);
  return {
    urn: seen.urn,
    type: seen.type,
    name: change.name,
    component,
    isComponent: change.isComponent,
    operation: change.operation,
    title: titleOf(change),
    ...(cause === undefined ? {} : { cause }),
    ...(note === undefined ? {} : { note }),
    risks: risksOf(change, kind),
    ...properties,
    outcome: seen.outcome,
    ...(seen.seconds === undefined ? {} : { seconds: seen.seconds }),
  };
}

function redacted(values: Values, redact: (text: string) => string): Values {
  const inner = (value: Value): Value => {
    if (typeof value === "string") return redact(value);
    if (Array.isArray(value)) return (value as readonly Value[]).map(inner);
    return isValues(value) ? redacted(value, redact) : value;
  };
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [redact(key), inner(value)]));
}

/** Members of a report with words of its own, whatever a secret may be; by project and stack its comment is found again. */
const ownWords = new Set([
  ...["kind", "result", "operation", "level", "outcome", "severity", "state", "type"],
  ...["project", "stack"],
]);

/** What others have added, and names: no text leaves without a look at it. */
function redactedSections(report: Report, redact: (text: string) => string): Report {
  const inner = (value: unknown): unknown => {
    if (typeof value === "string") return redact(value);
    if (Array.isArray(value)) return value.map(inner);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, ownWords.has(key) ? item : inner(item)]),
    );
  };
  return inner(report) as Report;
}

function counted(all: readonly Seen[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { operation } of all) counts[operation] = (counts[operation] ?? 0) + 1;
  return counts;
}

/** What broke in a run that went well all the same was mended by it: nothing fails by that any more. */
function told(message: Message, result: Report["result"], redact: (text: string) => string): Message {
  const mended = message.severity === "error" && result === "succeeded";
  return { ...message, text: redact(message.text), ...(mended ? { severity: "warning" } : {}) };
}

function unique(messages: readonly Message[]): Message[] {
  const known = new Set<string>();
  return messages.filter(({ severity, text, urn = "" }) => {
    const key = `${severity}\n${urn}\n${text}`;
    if (known.has(key)) return false;
    known.add(key);
    return true;
  });
}
