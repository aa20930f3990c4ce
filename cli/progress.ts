import colours from "picocolors";
import { stackType } from "../common/engine-values";
import type { ChangeCounts, Progress, ResourceStep } from "../automation/changes";
import type { Log } from "../common/log";

const verbs: Readonly<
  Record<string, { readonly sign: string; readonly plan: string; readonly done: string }>
> = {
  create: { sign: "+", plan: "create", done: "created" },
  update: { sign: "~", plan: "update", done: "updated" },
  delete: { sign: "-", plan: "delete", done: "deleted" },
  replace: { sign: "±", plan: "replace", done: "replaced" },
  "create-replacement": { sign: "±", plan: "replace", done: "made anew" },
  "delete-replaced": { sign: "-", plan: "delete the old one", done: "deleted the old one" },
  read: { sign: "<", plan: "read", done: "read" },
  refresh: { sign: "<", plan: "read", done: "read" },
  import: { sign: "=", plan: "import", done: "imported" },
};

/**
 * Tells a run line by line: what is planned, what is done and how long it took, what failed. Resources that stay as
 * they are, and outputs of commands, are not told.
 */
export class ProgressLines {
  private readonly started = new Map<string, number>();
  /** Resources told as planned, or as done. A replacement is told in several steps, and is one. */
  private readonly told = new Set<string>();

  constructor(
    private readonly say: Log,
    private readonly now: () => number = Date.now,
    /** How many are to be done: each that is done is told as one of so many. @default not told */
    private readonly total = 0,
  ) {}

  /** How many resources have been told so far. */
  get count(): number {
    return this.told.size;
  }

  readonly tell = (progress: Progress): void => {
    if (progress.kind === "diagnostic") {
      const { severity, message } = progress.diagnostic;
      if (severity === "warning") this.say(colours.yellow(`  ! ${firstLines(message)}`));
      if (severity === "info") this.say(colours.dim(`    ${firstLines(message)}`));
      return;
    }
    this.tellStep(progress.step);
  };

  private tellStep(step: ResourceStep): void {
    const verb = verbs[step.operation];
    if (verb === undefined || step.type === stackType || step.type.startsWith("pulumi:providers:")) return;
    const what = `${shortType(step.type)} ${step.name}`;
    const changed = step.changed.length > 0 ? colours.dim(` (${step.changed.join(", ")})`) : "";
    switch (step.phase) {
      case "planned":
        this.told.add(step.urn);
        this.say(`  ${colour(verb.sign)} ${verb.plan} ${what}${changed}`);
        return;
      case "started":
        this.started.set(step.urn, this.now());
        return;
      case "done":
        this.told.add(step.urn);
        this.say(
          `  ${this.position()}${colour(verb.sign)} ${verb.done} ${what}${colours.dim(` ${this.elapsed(step.urn)}`)}`,
        );
        return;
      case "failed":
        this.say(colours.red(`  ✗ ${verb.plan} ${what} failed after ${this.elapsed(step.urn)}`));
    }
  }

  /** `12/45 `, as wide at every step. */
  private position(): string {
    if (this.total === 0) return "";
    const total = String(this.total);
    return colours.dim(`${String(this.told.size).padStart(total.length)}/${total} `);
  }

  private elapsed(urn: string): string {
    const since = this.started.get(urn);
    return since === undefined ? "" : `${((this.now() - since) / 1000).toFixed(1)} s`;
  }
}

/** `3 to create, 1 to update, 40 unchanged`, or the same of what was done. */
export function countsLine(counts: ChangeCounts, done: boolean): string {
  const parts = Object.entries(counts)
    .filter(([operation, count]) => operation !== "same" && count > 0)
    .map(([operation, count]) => {
      const verb = verbs[operation];
      return done ? `${count} ${verb?.done ?? operation}` : `${count} to ${verb?.plan ?? operation}`;
    });
  const same = counts.same ?? 0;
  if (parts.length === 0) return `nothing to change: ${same} resources are as described`;
  return [...parts, `${same} unchanged`].join(", ");
}

/** `cloudflare:index/dnsRecord:DnsRecord` -> `DnsRecord`. */
function shortType(type: string): string {
  return type.split(":").at(-1) ?? type;
}

function colour(sign: string): string {
  if (sign === "+" || sign === "=") return colours.green(sign);
  if (sign === "-") return colours.red(sign);
  return colours.yellow(sign);
}

function firstLines(message: string): string {
  const lines = message.split("\n");
  return lines.length <= 3 ? lines.join("\n    ") : `${lines.slice(0, 3).join("\n    ")} …`;
}
