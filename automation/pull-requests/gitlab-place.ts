import { join } from "node:path";

/** Where a job of GitLab CI is, as its environment tells it. */
export interface GitLabPlace {
  /** Base address of the REST API, `https://gitlab.example.com/api/v4`. */
  readonly api: string;
  /** Id of the project that the merge request or the issue is in. */
  readonly project: string;
  /** The project's page. */
  readonly projectUrl: string;
  /** Number of the merge request in its project; undefined where the job is not about one. */
  readonly mergeRequest: number | undefined;
  /** A secret: a token of the project's or a person's, with the scope `api`. The job's own, CI_JOB_TOKEN, may write no note. */
  readonly token: string | undefined;
  /** The folder whose files the job can give out as artifacts: the repository's. */
  readonly folder: string;
  /** The page of this job. */
  readonly jobUrl: string | undefined;
}

/**
 * Reads `GITLAB_CI`, `CI_API_V4_URL`, `CI_MERGE_REQUEST_IID`, `GITLAB_TOKEN` and their like.
 *
 * @returns undefined outside of GitLab CI
 */
export function gitLabPlace(variables: NodeJS.ProcessEnv): GitLabPlace | undefined {
  const { CI_API_V4_URL: api, CI_PROJECT_ID: own } = variables;
  if (!variables["GITLAB_CI"] || !api || !own) return undefined;
  const number = variables["CI_MERGE_REQUEST_IID"] ?? "";
  return {
    api: api.replace(/\/+$/, ""),
    // A merge request from a fork is in the project that it is to be merged into.
    project: variables["CI_MERGE_REQUEST_PROJECT_ID"] || own,
    projectUrl: variables["CI_MERGE_REQUEST_PROJECT_URL"] || variables["CI_PROJECT_URL"] || "",
    mergeRequest: /^[1-9]\d*$/.test(number) ? Number(number) : undefined,
    token: variables["GITLAB_TOKEN"] || undefined,
    folder: variables["CI_PROJECT_DIR"] || process.cwd(),
    jobUrl: variables["CI_JOB_URL"] || undefined,
  };
}

/** Where a job finds the files of a preview, below the repository's folder: what its `artifacts` name. */
export function gitLabReportFile({ folder }: Pick<GitLabPlace, "folder">, name: string): string {
  return join(folder, "groundwork-report", name);
}
