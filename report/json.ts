import type { Report } from "./model";

/** A report as JSON, for programs: the model itself, documented by schemas/report.schema.json. */
export function reportJson(report: Report): string {
  return JSON.stringify(report, undefined, 2);
}
