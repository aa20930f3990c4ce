import { cutEnd } from "../../common/cut-end";
import { type Report, reportMarkdown, worst } from "../../report";

/** A line of a check that GitHub shows beside the changed files. */
export interface Annotation {
  readonly path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly annotation_level: "failure" | "warning" | "notice";
  readonly title: string;
  readonly message: string;
}

/** How a check ends: what was refused fails, what is dangerous asks for a look and lets the merge pass. */
export function conclusionOf(report: Report): "success" | "neutral" | "failure" {
  const refused = report.policies?.results.some(({ level }) => level === "mandatory") ?? false;
  if (report.result === "failed" || report.result === "cancelled" || refused) return "failure";
  return report.changes.some((change) => worst(change) === "danger") ? "neutral" : "success";
}

/**
 * The risks of a report at the lines of the stack file that describe what they concern, then what was refused.
 *
 * @param path the stack file, from the repository's root
 * @param text what stands in it; empty where it cannot be read
 */
export function annotationsOf(report: Report, path: string, text: string): Annotation[] {
  const lines = text.split("\n");
  const names = new Map(report.components.map(({ key, name }) => [key, name]));
  const levels = { danger: "failure", warning: "warning", notice: "notice" } as const;
  const at = (name: string): Pick<Annotation, "path" | "start_line" | "end_line"> => {
    const found = name === "" ? -1 : lines.findIndex((line) => describes(line, name));
    const line = Math.max(1, found + 1);
    return { path, start_line: line, end_line: line };
  };
  const risks = report.changes.flatMap((change) =>
    change.risks.map(({ level, kind, text: what }) => ({
      ...at(names.get(change.component) ?? ""),
      annotation_level: levels[level],
      title: cutEnd(`${kind}: ${change.title}`, 255),
      message: cutEnd(what, 4_000),
    })),
  );
  const refused = (report.policies?.results ?? []).map(({ level, policy, text: what }) => ({
    ...at(""),
    annotation_level: level === "mandatory" ? ("failure" as const) : ("warning" as const),
    title: cutEnd(policy, 255),
    message: cutEnd(what, 4_000),
  }));
  const order = ["failure", "warning", "notice"];
  return [...risks, ...refused].sort(
    (one, other) => order.indexOf(one.annotation_level) - order.indexOf(other.annotation_level),
  );
}

/** What a check shows beside its annotations; GitHub takes 65,535 characters. */
export function checkSummary(report: Report): string {
  return reportMarkdown(report, { limit: 60_000 });
}

function describes(line: string, name: string): boolean {
  const key = line.trimStart();
  return key.startsWith(`${name}:`) || key.startsWith(`"${name}":`);
}
