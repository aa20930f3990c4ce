import type { Change, Report } from "../model";
import { verbOf } from "../sentences";
import { code, inline } from "./escape";

/** How much of a change is told. */
export type Detail = "full" | "short";

/** Writes changes as items of a list. */
export class Items {
  private readonly titles: ReadonlyMap<string, string>;

  constructor(private readonly report: Report) {
    this.titles = new Map(report.components.map(({ key, title }) => [key, title]));
  }

  componentTitle(key: string): string {
    return this.titles.get(key) ?? key;
  }

  /** @param alone true where the component's title does not stand above */
  write(change: Change, detail: Detail, alone: boolean): string {
    const what = change.isComponent
      ? `all of ${inline(this.componentTitle(change.component))}`
      : code(change.title);
    const of =
      alone && change.component !== "" && !change.isComponent
        ? ` of ${inline(this.componentTitle(change.component))}`
        : "";
    const name = change.title.includes(change.name) || change.isComponent ? "" : ` (${code(change.name)})`;
    const cause = change.cause === undefined ? "" : `: ${inline(change.cause)}`;
    const head = `- **${verbOf(change, this.report)}** ${what}${name}${of}${cause}`;
    const told = detail === "full" ? change.risks : change.risks.filter(({ level }) => level === "danger");
    const risks = told.map(({ level, kind, text }) =>
      level === "notice" ? `  - ${kind}: ${inline(text)}` : `  - **${level}, ${kind}:** ${inline(text)}`,
    );
    const note = change.note === undefined || detail === "short" ? [] : [`  - ${inline(change.note)}`];
    const properties = detail === "full" ? differences(change) : [];
    return [head, ...risks, ...note, ...properties].join("\n");
  }
}

function differences({ properties, moreProperties }: Change): string[] {
  const lines = properties
    .filter(({ replaces }) => !replaces)
    .map(({ path, secret, before, after }) => {
      if (secret) return `  - ${code(path)}: another value, secret`;
      if (before === undefined && after === undefined) return `  - ${code(path)}`;
      const side = (value: string | undefined): string => (value === undefined ? "none" : code(value));
      return `  - ${code(path)}: ${side(before)} → ${side(after)}`;
    });
  return moreProperties === 0 ? lines : [...lines, `  - and ${moreProperties} more`];
}
