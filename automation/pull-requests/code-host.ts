import type { Log } from "../../common/log";
import type { Report } from "../../report";
import type { PublishOptions, Published } from "./github";
import { gitLabPlace } from "./gitlab-place";
import { gitHubPlace } from "./place";

/** Where the code is, and the pull request that this job is about. */
export interface CodeHost {
  /** Texts that no report may show. */
  readonly secrets: readonly string[];
  /** What is said once the check is there. */
  readonly checkWords: string;
  /** Puts a report on the pull request. Never throws: what cannot be written is said. */
  publish(report: Report, stackFile: PublishOptions["stackFile"], say: Log): Promise<Published>;
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
      publish: async (report, stackFile, say) => {
        const { publishToGitHub } = await import("./github");
        return publishToGitHub({ place: gitHub, report, stackFile, say });
      },
    };
  }
  const gitLab = gitLabPlace(variables);
  if (gitLab === undefined) return undefined;
  return {
    secrets: secrets(gitLab.token),
    checkWords: "risks written as code quality, for the job's artifacts",
    publish: async (report, stackFile, say) => {
      const { publishToGitLab } = await import("./gitlab");
      return publishToGitLab({ place: gitLab, report, stackFile, say });
    },
  };
}
