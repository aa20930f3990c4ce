import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Environment } from "../automation/environment";
import { openProject } from "../automation/project";
import { codeHost } from "../automation/pull-requests/code-host";
import type { StackConfig } from "../automation/stack-config";
import { UserError } from "../common/user-error";
import { ReportCollector, type Sections } from "../report";
import type { CommandContext } from "./command";
import { knownSecrets } from "./known-secrets";
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
  {
    add = () => undefined,
    sections = () => Promise.resolve({}),
    config,
    json = false,
    refresh = false,
  }: PreviewParts = {},
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
  const secrets = [...knownSecrets(config), ...host.secrets];
  const stackFile = await stackFileOf(environment.name, directory);
  const collector = new ReportCollector({ kind: "preview", project, stack: environment.name, secrets });
  // Asked once, for the comment and for what is printed.
  let asked: Promise<Sections> | undefined;
  const further = (): Promise<Sections> => (asked ??= sections());
  const publish = async (result: "planned" | "failed"): Promise<void> => {
    const report = collector.report({ result, ...(result === "planned" ? await further() : {}) });
    const { comment, commentUrl, minimised, check } = await host.publish(report, stackFile, context.say);
    if (comment !== "none") context.say(`comment ${comment}: ${commentUrl ?? ""}`);
    if (minimised > 0)
      context.say(`${minimised} outdated ${minimised === 1 ? "comment" : "comments"} folded`);
    if (check) context.say(host.checkWords);
  };
  try {
    await runAndTell(environment, "preview", context, {
      json,
      sections: further,
      run: { refresh },
      onEvent: (event) => {
        collector.add(event);
        add(event);
      },
    });
  } catch (error) {
    if (!context.signal.aborted) await publish("failed");
    throw error;
  }
  await publish("planned");
}

/** What others hang into a preview. */
export interface PreviewParts {
  readonly add?: ReportCollector["add"];
  readonly sections?: () => Promise<Sections>;
  /** The settings, where they can be read: where they cannot, the preview says so. */
  readonly config?: StackConfig | undefined;
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
