import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Environment, RunOptions } from "../automation/environment";
import { openProject } from "../automation/project";
import { codeHost } from "../automation/pull-requests/code-host";
import { UserError } from "../common/user-error";
import type { Sections } from "../report";
import type { CommandContext } from "./command";
import { beginReport } from "./report-in-the-making";
import { runAndTell } from "./run";

/**
 * Previews, and puts the report on the pull request that this run is about. A preview that fails is told there as well.
 * What the host does not take is said; the preview's own outcome decides.
 *
 * @param sections what is added to the report once the preview is over. @default nothing
 * @throws UserError outside of GitHub Actions and GitLab CI, before anything runs
 */
export async function previewAndComment(
  environment: Environment,
  context: CommandContext,
  { add, onConfig, sections = () => Promise.resolve({}), json = false, refresh = false }: PreviewParts = {},
): Promise<void> {
  const host = codeHost(process.env);
  if (host === undefined) {
    throw new UserError({
      what: "which pull request is not said",
      allowed:
        "a job of GitHub Actions (GITHUB_REPOSITORY, GITHUB_EVENT_PATH and GITHUB_TOKEN lead to it) or of GitLab CI " +
        "(CI_API_V4_URL, CI_MERGE_REQUEST_IID and GITLAB_TOKEN do)",
      next: `npx groundwork preview -s ${environment.name}`,
    });
  }
  const { name: project, directory } = openProject();
  const thread = await host.thread({ project, stack: environment.name }, context.say);
  const stackFile = await stackFileOf(environment.name, directory);
  const report = beginReport(environment, "preview", { secrets: host.secrets });
  // Asked once, for the comment and for what is printed.
  let asked: Promise<Sections> | undefined;
  const further = (): Promise<Sections> => (asked ??= sections());
  const publish = async (result: "planned" | "failed"): Promise<void> => {
    const told = await report.report({ result, ...(result === "planned" ? await further() : {}) });
    const { comment, commentUrl, minimised, check } = await thread.publish(told, stackFile);
    if (comment !== "none") context.say(`comment ${comment}: ${commentUrl ?? ""}`);
    if (minimised > 0)
      context.say(`${minimised} outdated ${minimised === 1 ? "comment" : "comments"} folded`);
    if (check) context.say(host.checkWords);
  };
  try {
    await runAndTell(environment, "preview", context, {
      ...{ json, report },
      sections: further,
      run: { refresh, ...(onConfig === undefined ? {} : { onConfig }) },
      ...(add === undefined ? {} : { onEvent: add }),
    });
  } catch (error) {
    if (!context.signal.aborted) await publish("failed");
    throw error;
  }
  await publish("planned");
}

/** What others hang into a preview. */
export interface PreviewParts {
  readonly add?: NonNullable<RunOptions["onEvent"]>;
  readonly onConfig?: NonNullable<RunOptions["onConfig"]>;
  readonly sections?: () => Promise<Sections>;
  /** Prints the report as well. @default false */
  readonly json?: boolean;
  /** Reads first what is really there. @default false */
  readonly refresh?: boolean;
}

async function stackFileOf(stack: string, directory: string): Promise<{ path: string; text: string }> {
  const file = join(directory, `Pulumi.${stack}.yaml`);
  const path = relative(process.env["GITHUB_WORKSPACE"] ?? process.env["CI_PROJECT_DIR"] ?? directory, file);
  return {
    path: path.startsWith("..") ? `Pulumi.${stack}.yaml` : path,
    text: await readFile(file, "utf8").catch(() => ""),
  };
}
