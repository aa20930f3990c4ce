/** One issue about what was changed outside of an environment's stack file, at the host that a pipeline runs at. */
import type { Log } from "../../common/log";
import type { Drift, KnownDrift } from "../drift";
import { gitLabPlace } from "../pull-requests/gitlab-place";
import { gitHubPlace } from "../pull-requests/place";
import { reasonOf } from "../pull-requests/reason";
import { type DriftIssueFacts, issueBeginning, memoryIn } from "./text";
import { type IssueTracker, type KeptIssue, keepDriftIssue } from "./tracker";

/** The issue of one environment. Nothing of it throws: what the host does not take is said. */
export interface DriftIssue {
  /** Texts that it must not show. */
  readonly secrets: readonly string[];
  /** What the last check left in it. */
  known(): Promise<KnownDrift | undefined>;
  keep(drift: Drift, facts: Omit<DriftIssueFacts, "runUrl">): Promise<KeptIssue>;
}

/**
 * By the variables of GitHub Actions or GitLab CI.
 *
 * @returns undefined outside of both
 */
export function driftIssue(
  variables: NodeJS.ProcessEnv,
  environment: Readonly<Record<"project" | "stack", string>>,
  say: Log,
): DriftIssue | undefined {
  const gitHub = gitHubPlace(variables);
  const gitLab = gitHub === undefined ? gitLabPlace(variables) : undefined;
  const place = gitHub ?? gitLab;
  if (place === undefined) return undefined;
  const open = async (): Promise<IssueTracker | undefined> => {
    if (gitHub?.token !== undefined) return (await import("./github")).gitHubIssues(gitHub, say);
    if (gitLab?.token !== undefined) return (await import("./gitlab")).gitLabIssues(gitLab, say);
    say(`no issue: the job has no ${gitHub === undefined ? "GITLAB_TOKEN" : "GITHUB_TOKEN"}`);
    return undefined;
  };
  const state = (async () => {
    const tracker = await open();
    if (tracker === undefined) return undefined;
    return { tracker, found: await tracker.find(issueBeginning(environment)) };
  })().catch((error: unknown) => {
    say(`no issue: ${reasonOf(error)}`);
    return undefined;
  });
  return {
    secrets: place.token === undefined ? [] : [place.token],
    known: async () => {
      const texts = (await state)?.found.filter((issue) => issue.open).map(({ text }) => text) ?? [];
      return texts.map(memoryIn).find((memory) => memory !== undefined);
    },
    keep: async (drift, facts) => {
      const ready = await state;
      if (ready === undefined) return { what: "none" };
      const runUrl = gitHub?.runUrl ?? gitLab?.jobUrl;
      return keepDriftIssue(ready.tracker, ready.found, drift, { ...facts, runUrl }).catch(
        (error: unknown) => {
          say(`no issue: ${reasonOf(error)}`);
          return { what: "none" };
        },
      );
    },
  };
}
