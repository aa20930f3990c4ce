/**
 * What a run changes, as one plain value: every way to show it is made of this and of nothing else. It never holds a
 * secret.
 */
import type { policyResult, reportSchema, sections } from "./schema";
import type { z } from "zod";

/** Raised when a reader of the JSON has to be changed; new optional members do not raise it. */
export const reportVersion = 1;

/** How bad it can be: `danger` needs a human's yes, `warning` a look, `notice` is good to know. */
export const riskLevels = ["danger", "warning", "notice"] as const;
export const riskKinds = ["data loss", "downtime", "access opened", "certificate", "DNS"] as const;

export const operations = [
  "delete",
  "replace",
  "update",
  "create",
  "import",
  "read",
  "forget",
  "same",
] as const;

export type Report = z.infer<typeof reportSchema>;
export type Change = Report["changes"][number];
export type Component = Report["components"][number];
export type PropertyChange = Change["properties"][number];
export type Risk = Change["risks"][number];
export type RiskKind = Risk["kind"];
export type RiskLevel = Risk["level"];
export type Operation = Change["operation"];
export type Message = Report["messages"][number];
export type PolicyResult = z.infer<typeof policyResult>;
/** What others add to a report, such as policies and costs. */
export type Sections = Pick<Report, keyof typeof sections>;
