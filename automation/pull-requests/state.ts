import type { Log } from "../../common/log";
import type { GitHubPlace } from "./place";

/**
 * Whether a pull request of this repository is open.
 *
 * @param place where the run is; without one, or without a token, nobody can be asked
 * @returns a question; its answer is undefined where it is not known
 */
export function pullRequestIsOpen(
  place: GitHubPlace | undefined,
  say: Log,
): (number: number) => Promise<boolean | undefined> {
  return async (number) => {
    if (place?.token === undefined) return undefined;
    const { gitHubClient } = await import("./github-client");
    try {
      const { data } = await gitHubClient(place, say).request(
        "GET /repos/{owner}/{repo}/pulls/{pull_number}",
        {
          owner: place.owner,
          repo: place.repo,
          pull_number: number,
        },
      );
      return data.state === "open";
    } catch (error) {
      const { status } = error as { readonly status?: unknown };
      say(
        `whether pull request ${number} is open is not known (status ${typeof status === "number" ? status : "none"})`,
      );
      return undefined;
    }
  };
}
