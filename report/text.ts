import { type Change, type Component, type Report, type RiskLevel } from "./model";
import { comesFirst } from "./order";
import { countsSentence, costSentence, headline, money, riskSentence, verbOf, verbs } from "./sentences";

/** Colours of a terminal; each takes a text and gives it back painted. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly green: (text: string) => string;
}

const plainly = (text: string): string => text;
const noColours: Paint = { bold: plainly, dim: plainly, red: plainly, yellow: plainly, green: plainly };

/** Options of {@link reportText}. */
export interface TextOptions {
  /** @default without colours */
  readonly paint?: Paint;
  /** Whether the differing properties are told. @default true */
  readonly properties?: boolean;
}

/** A report for a terminal or a log: lines without a break at the end. */
export function reportText(
  report: Report,
  { paint = noColours, properties = true }: TextOptions = {},
): string {
  const lines: string[] = [paint.bold(`${headline(report)}: ${countsSentence(report)}`)];
  const risks = riskSentence(report.changes);
  if (risks !== "") lines.push(paint.red(risks));
  const write = new Writer(report, paint, properties);
  const first = report.changes.filter(comesFirst);
  if (first.length > 0) {
    lines.push(
      "",
      paint.bold("look at these first"),
      ...first.flatMap((change) => write.change(change, true)),
    );
  }
  for (const component of report.components) {
    const changes = report.changes.filter(
      (change) => change.component === component.key && !comesFirst(change),
    );
    const shown = changes.filter(({ isComponent }) => !isComponent);
    if (shown.length === 0) continue;
    lines.push("", paint.bold(component.title) + paint.dim(stateWords(component)));
    lines.push(...shown.flatMap((change) => write.change(change, false)));
  }
  lines.push(...sectionLines(report, paint));
  return lines.join("\n");
}

function stateWords({ state, unchanged }: Component): string {
  const words = { new: ", new", removed: ", removed", changed: "", same: "" }[state];
  return `${words}${unchanged > 0 ? `, ${unchanged} unchanged` : ""}`;
}

const levelColour: Readonly<Record<RiskLevel, "red" | "yellow" | "dim">> = {
  danger: "red",
  warning: "yellow",
  notice: "dim",
};

class Writer {
  private readonly titles: ReadonlyMap<string, string>;

  constructor(
    private readonly report: Report,
    private readonly paint: Paint,
    private readonly properties: boolean,
  ) {
    this.titles = new Map(report.components.map(({ key, title }) => [key, title]));
  }

  /** @param alone true where the component's title does not stand above */
  change(change: Change, alone: boolean): string[] {
    const { paint } = this;
    const sign = this.colour(change)(verbs[change.operation].sign);
    const title = change.isComponent
      ? `all of ${this.titles.get(change.component) ?? change.name}`
      : change.title;
    const of =
      alone && change.component !== "" && !change.isComponent
        ? paint.dim(` of ${this.titles.get(change.component) ?? ""}`)
        : "";
    const seconds = change.seconds === undefined ? "" : paint.dim(` ${change.seconds.toFixed(1)} s`);
    return [
      `  ${sign} ${verbOf(change, this.report)} ${title}${of}${seconds}`,
      ...(change.cause === undefined ? [] : [paint.dim(`      because ${change.cause}`)]),
      ...(change.note === undefined ? [] : [paint.dim(`      ${change.note}`)]),
      ...change.risks.map(
        ({ level, kind, text }) => `      ${paint[levelColour[level]](`${kind}: ${text}`)}`,
      ),
      ...(this.properties ? this.differences(change) : []),
    ];
  }

  private differences({ properties, moreProperties }: Change): string[] {
    const { paint } = this;
    // What forces a replacement stands in the cause.
    const lines = properties
      .filter(({ replaces }) => !replaces)
      .map(({ path, secret, before, after }) => {
        if (secret) return `      ${path}: ${paint.dim("[secret], another value")}`;
        if (before === undefined && after === undefined) return `      ${path}`;
        return `      ${path}: ${before ?? "(none)"} → ${after ?? "(none)"}`;
      });
    return moreProperties === 0 ? lines : [...lines, `      and ${moreProperties} more`];
  }

  private colour({ operation }: Change): (text: string) => string {
    if (operation === "create" || operation === "import") return this.paint.green;
    return operation === "delete" || operation === "replace" ? this.paint.red : this.paint.yellow;
  }
}

function sectionLines(report: Report, paint: Paint): string[] {
  const { policies, cost, rehearsal, drift, plan, messages } = report;
  const lines: string[] = [];
  const section = (title: string, body: readonly string[]): void => {
    lines.push("", paint.bold(title), ...body.map((line) => `  ${line}`));
  };
  if (policies !== undefined) {
    const asked = policies.checked === undefined ? "" : ` of ${policies.checked}`;
    section(
      policies.results.length === 0
        ? "policies: all are kept"
        : `policies: ${policies.results.length}${asked} broken`,
      policies.results.map(({ level, policy, text }) =>
        paint[level === "mandatory" ? "red" : "yellow"](`${level} ${policy}: ${text}`),
      ),
    );
  }
  if (cost !== undefined) {
    section(
      `cost: ${costSentence(cost)}`,
      cost.lines.map(({ what, before, after, note }) => {
        const amount = (value: number | undefined): string =>
          value === undefined ? "nothing" : money(value, cost.currency);
        return `${what}: ${amount(before)} → ${amount(after)}${note === undefined ? "" : ` (${note})`}`;
      }),
    );
  }
  if (rehearsal !== undefined) section(`rehearsal ${rehearsal.state}`, rehearsal.notes);
  if (drift !== undefined) {
    section(
      drift.items.length === 0
        ? `no drift at ${drift.checkedAt}`
        : `changed outside of the code, seen at ${drift.checkedAt}`,
      drift.items.map(
        ({ title, what, knownSince }) =>
          `${title}: ${what}${knownSince === undefined ? "" : ` (known since ${knownSince})`}`,
      ),
    );
  }
  const told = messages.filter(({ severity }) => severity !== "info");
  if (told.length > 0) {
    section(
      "messages",
      told.map(({ severity, text }) =>
        paint[severity === "error" ? "red" : "yellow"](`${severity}: ${text.replaceAll("\n", "\n    ")}`),
      ),
    );
  }
  if (plan !== undefined) section(`plan ${plan.digest}`, [plan.command]);
  return lines;
}
