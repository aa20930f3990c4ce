/** A run of a pipeline, as its environment variables name it. */
export interface CiRun {
  /** `GitHub Actions`, `GitLab CI` … */
  readonly system: string;
  /** Where somebody can look at it. */
  readonly url?: string;
}

/**
 * The pipeline's run that a process belongs to; undefined outside of one.
 *
 * @param variables the process's environment. Nothing secret is read of it.
 */
export function ciRunOf(variables: Readonly<Record<string, string | undefined>>): CiRun | undefined {
  const { GITHUB_ACTIONS, GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_RUN_ATTEMPT } =
    variables;
  if (GITHUB_ACTIONS === "true" && GITHUB_REPOSITORY !== undefined && GITHUB_RUN_ID !== undefined) {
    const attempt = GITHUB_RUN_ATTEMPT === undefined ? "" : `/attempts/${GITHUB_RUN_ATTEMPT}`;
    const server = GITHUB_SERVER_URL ?? "https://github.com";
    return {
      system: "GitHub Actions",
      url: `${server}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}${attempt}`,
    };
  }
  const { GITLAB_CI, CI_JOB_URL, CI, BUILD_URL, JENKINS_URL } = variables;
  if (GITLAB_CI === "true")
    return { system: "GitLab CI", ...(CI_JOB_URL === undefined ? {} : { url: CI_JOB_URL }) };
  if (JENKINS_URL !== undefined)
    return { system: "Jenkins", ...(BUILD_URL === undefined ? {} : { url: BUILD_URL }) };
  return CI === "true" ? { system: "a pipeline" } : undefined;
}
