import type { Log } from "../../common/log";
import type { Patience } from "../pull-requests/github-client";
import { GitLabClient } from "../pull-requests/gitlab-client";
import type { GitLabPlace } from "../pull-requests/gitlab-place";
import { type IssueTracker, type TrackedIssue, driftLabel } from "./tracker";

interface GitLabIssue {
  readonly iid: number;
  readonly web_url: string;
  readonly state: string;
  readonly description: string | null;
}

const tracked = ({ iid: number, web_url: url, state, description }: GitLabIssue): TrackedIssue => ({
  ...{ number, url, open: state === "opened", text: description ?? "" },
});

/** Issues of a project at GitLab. */
export function gitLabIssues(place: GitLabPlace, say: Log, patience?: Patience): IssueTracker {
  const client = new GitLabClient(place, say, patience);
  const issues = `/projects/${encodeURIComponent(place.project)}/issues`;
  return {
    find: async (beginning) => {
      const { id } = await client.get<{ readonly id: number }>("/user");
      const found: TrackedIssue[] = [];
      const asked = `${issues}?state=all&labels=${driftLabel}&author_id=${id}&order_by=created_at&sort=desc`;
      for await (const issue of client.pages<GitLabIssue>(asked)) {
        if (issue.description?.startsWith(beginning) === true) found.push(tracked(issue));
      }
      return found;
    },
    open: async (title, description) =>
      tracked(await client.post<GitLabIssue>(issues, { title, description, labels: driftLabel })),
    change: async ({ number }, { title, text, open }) => {
      await client.put(`${issues}/${number}`, {
        ...(title === undefined ? {} : { title }),
        ...(text === undefined ? {} : { description: text }),
        ...(open === undefined ? {} : { state_event: open ? "reopen" : "close" }),
      });
    },
    comment: async ({ number }, body) => {
      await client.post(`${issues}/${number}/notes`, { body });
    },
  };
}
