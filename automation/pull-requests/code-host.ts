import type { Log } from "../../common/log";
import { gitLabPlace } from "./gitlab-place";
import { gitHubPlace } from "./place";
import type { Thread, ThreadOptions } from "./thread";

/** Where the code is, and the pull request that this job is about. */
export interface CodeHost {
  /** Texts that no report may show. */
  readonly secrets: readonly string[];
  /** What is said once the check is there. */
  readonly checkWords: string;
  /** Where the report of a run that begins now will stand. */
  thread(about: ThreadOptions<unknown>["about"], say: Log): Promise<Thread>;
}

/**
 * GitHub Actions or GitLab CI, as the job's variables tell it.
 *
 * @returns undefined elsewhere
 */
export function codeHost(variables: NodeJS.ProcessEnv): CodeHost | undefined {
  const secrets = (token: string | undefined): string[] => (token === undefined ? [] : [token]);
  const gitHub = gitHubPlace(variables);
  if (gitHub !== undefined) {
    return {
      secrets: secrets(gitHub.token),
      checkWords: "check set",
      thread: async (about, say) => {
        const { openGitHubThread } = await import("./github");
        return openGitHubThread({ place: gitHub, about, say });
      },
    };
  }
  const gitLab = gitLabPlace(variables);
  if (gitLab === undefined) return undefined;
  return {
    secrets: secrets(gitLab.token),
    checkWords: "risks written as code quality, for the job's artifacts",
    thread: async (_about, say) => {
      const { openGitLabThread } = await import("./gitlab");
      return openGitLabThread({ place: gitLab, say });
    },
  };
}
