import { createHash } from "node:crypto";
import type { Report } from "../../report";
import { annotationsOf } from "./annotations";

/** An entry of a code quality report, as GitLab reads it from a job's artifact and shows it beside the changed lines. */
export interface CodeQualityEntry {
  readonly description: string;
  readonly check_name: string;
  /** The same for the same finding, so that GitLab tells which are new. */
  readonly fingerprint: string;
  readonly severity: "blocker" | "major" | "info";
  readonly location: { readonly path: string; readonly lines: { readonly begin: number } };
}

const severities = { failure: "blocker", warning: "major", notice: "info" } as const;

/**
 * The risks of a report and what was refused, at the lines of the stack file.
 *
 * @param path the stack file, from the repository's root
 * @param text what stands in it; empty where it cannot be read
 */
export function codeQuality(report: Report, path: string, text: string): CodeQualityEntry[] {
  return annotationsOf(report, path, text).map(
    ({ title, message, annotation_level: level, start_line: line }) => ({
      description: `${title}: ${message}`,
      check_name: `groundwork preview (${report.stack})`,
      fingerprint: createHash("sha256")
        .update(JSON.stringify([report.project, report.stack, path, title, message]))
        .digest("hex"),
      severity: severities[level],
      location: { path, lines: { begin: line } },
    }),
  );
}
