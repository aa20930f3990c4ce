import { createHash } from "node:crypto";
import { deployWorkflow } from "./deploy";
import type { PipelineProject } from "./facts";
import { driftWorkflow, drillWorkflow, rollbackWorkflow } from "./operations";
import { previewWorkflow } from "./preview";
import { pullRequestWorkflow } from "./pull-requests";
import { type Workflow, workflowText } from "./workflow";

/** Verbs of the command that are called by schedule; a workflow is made only for one that is there. */
export type ScheduledVerb = "drift" | "db drill";

/**
 * The workflows of a project: file name -> text. Pure; the same project gives the same texts.
 *
 * @param verbs the scheduled verbs that the command has
 * @throws UserError where the stack files contradict each other, or ask for what no pipeline can do
 */
export function pipelineFiles(
  project: PipelineProject,
  verbs: readonly ScheduledVerb[],
): Readonly<Record<string, string>> {
  const workflows: readonly (readonly [part: string, workflow: Workflow | undefined])[] = [
    ["preview", previewWorkflow(project)],
    ["pull-requests", pullRequestWorkflow(project)],
    ...project.environments.map((each) => [`deploy-${each.name}`, deployWorkflow(project, each)] as const),
    ["rollback", rollbackWorkflow(project)],
    ["drift", verbs.includes("drift") ? driftWorkflow(project) : undefined],
    ["drill", verbs.includes("db drill") ? drillWorkflow(project) : undefined],
  ];
  return Object.fromEntries(
    workflows.flatMap(([part, workflow]) =>
      workflow === undefined
        ? []
        : [[`${project.name}-${part}.yml`, sealed(workflowText(workflow), project)]],
    ),
  );
}

const mark = "# groundwork ci, sha256 of what follows: ";

/** A text under a heading that says where it comes from, and by which it is seen whether somebody has edited it. */
export function sealed(text: string, { fromPackage }: Pick<PipelineProject, "fromPackage">): string {
  return [
    `# Made from the stack files by \`npx groundwork ci --directory ${fromPackage}\`. An edit here is refused by the`,
    "# next run: change groundwork:pipelines in a stack file instead.",
    `${mark}${digestOf(text)}`,
    text,
  ].join("\n");
}

/** What a file with workflows is: made here and untouched since, made here and edited, or somebody else's. */
export function sealOf(text: string): "whole" | "edited" | "foreign" {
  const at = text.indexOf(mark);
  if (at < 0) return "foreign";
  const end = text.indexOf("\n", at);
  const digest = text.slice(at + mark.length, end);
  return digest === digestOf(text.slice(end + 1)) ? "whole" : "edited";
}

function digestOf(text: string): string {
  return createHash("sha256").update(text.replaceAll("\r\n", "\n")).digest("hex");
}
