import type { Log } from "../../common/log";
import { type Patience, gitHubClient, loginOf, sameLogin } from "../pull-requests/github-client";
import type { GitHubPlace } from "../pull-requests/place";
import { type IssueTracker, type TrackedIssue, driftLabel } from "./tracker";

interface GitHubIssue {
  readonly number: number;
  readonly html_url: string;
  readonly state: string;
  readonly body?: string | null;
  readonly user: { readonly login: string } | null;
  readonly pull_request?: object;
}

const tracked = ({ number, html_url: url, state, body }: GitHubIssue): TrackedIssue => ({
  ...{ number, url, open: state === "open", text: body ?? "" },
});

/** Issues of a repository at GitHub. */
export function gitHubIssues(place: GitHubPlace, say: Log, patience?: Patience): IssueTracker {
  const { owner, repo } = place;
  const client = gitHubClient(place, say, patience);
  const at = ({ number }: TrackedIssue) => ({ owner, repo, issue_number: number });
  return {
    find: async (beginning) => {
      const found: GitHubIssue[] = [];
      const pages = client.paginate.iterator("GET /repos/{owner}/{repo}/issues", {
        ...{ owner, repo, labels: driftLabel, state: "all", per_page: 100 },
        ...{ sort: "created", direction: "desc" },
      });
      for await (const { data } of pages) {
        for (const issue of data as GitHubIssue[]) {
          if (issue.pull_request === undefined && issue.body?.startsWith(beginning) === true)
            found.push(issue);
        }
      }
      if (found.length === 0) return [];
      const me = await loginOf(client);
      return found.filter(({ user }) => user !== null && sameLogin(user.login, me)).map(tracked);
    },
    open: async (title, body) => {
      const route = "POST /repos/{owner}/{repo}/issues";
      const { data } = await client.request(route, { owner, repo, title, body, labels: [driftLabel] });
      return tracked(data);
    },
    change: async (issue, { title, text, open }) => {
      await client.request("PATCH /repos/{owner}/{repo}/issues/{issue_number}", {
        ...at(issue),
        ...(title === undefined ? {} : { title }),
        ...(text === undefined ? {} : { body: text }),
        ...(open === undefined ? {} : { state: open ? "open" : "closed" }),
      });
    },
    comment: async (issue, body) => {
      const route = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
      await client.request(route, { ...at(issue), body });
    },
  };
}
