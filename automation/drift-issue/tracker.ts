import type { Drift } from "../drift";
import { type DriftIssueFacts, isOver, issueText, issueTitle, newlyFound, over } from "./text";

/** The label of issues about drift. */
export const driftLabel = "groundwork-drift";

/** An issue, as far as it matters here. */
export interface TrackedIssue {
  readonly number: number;
  readonly url: string;
  readonly open: boolean;
  readonly text: string;
}

/** Where issues are kept. Every one that is found or made has the label {@link driftLabel}. */
export interface IssueTracker {
  /** Issues whose text begins so and that the same token's user has made, the newest first. */
  find(beginning: string): Promise<TrackedIssue[]>;
  open(title: string, text: string): Promise<TrackedIssue>;
  change(
    issue: TrackedIssue,
    change: { readonly title?: string; readonly text?: string; readonly open?: boolean },
  ): Promise<void>;
  comment(issue: TrackedIssue, text: string): Promise<void>;
}

/** What became of the issue. */
export interface KeptIssue {
  readonly what: "opened" | "edited" | "opened again" | "closed" | "none";
  readonly url?: string;
}

/**
 * Keeps one issue for each environment: opened by the first check that finds something, edited by the next, closed by the
 * one that finds nothing any more. One that somebody closed while something still differs is opened again.
 *
 * @param found what {@link IssueTracker.find} told
 */
export async function keepDriftIssue(
  tracker: IssueTracker,
  found: readonly TrackedIssue[],
  drift: Drift,
  facts: DriftIssueFacts,
): Promise<KeptIssue> {
  const { report, checkedAt } = drift;
  const standing = found.filter((issue) => issue.open);
  // One that a check has closed is done with: what differs now is another matter.
  const latest = standing[0] ?? found.slice(0, 1).find(({ text }) => !isOver(text, report));
  if (!drift.drifted) {
    for (const issue of standing) {
      await tracker.comment(issue, `Nothing differs any more, as of ${checkedAt}.`);
      await tracker.change(issue, { text: over(issue.text, report), open: false });
    }
    const [closed] = standing;
    return closed === undefined ? { what: "none" } : { what: "closed", url: closed.url };
  }
  const text = issueText(drift, facts);
  const title = issueTitle(drift);
  if (latest === undefined) {
    const { url } = await tracker.open(title, text);
    return { what: "opened", url };
  }
  await tracker.change(latest, { title, text, ...(latest.open ? {} : { open: true }) });
  const news = latest.open ? newlyFound(drift) : `Still otherwise than the state knows, as of ${checkedAt}.`;
  if (news !== undefined) await tracker.comment(latest, news);
  for (const issue of standing.slice(1)) {
    await tracker.comment(issue, `Goes on in ${latest.url}`);
    await tracker.change(issue, { text: over(issue.text, report), open: false });
  }
  return { what: latest.open ? "edited" : "opened again", url: latest.url };
}
