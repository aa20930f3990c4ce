import { type Report, commentMarker } from "../../report";
import { type GitHubClient, loginOf, sameLogin } from "./github-client";
import type { GitHubPlace } from "./place";

/** A comment of a pull request, as far as it is read here. */
export interface Comment {
  readonly id: number;
  readonly node_id: string;
  readonly html_url: string;
  readonly body?: string;
  readonly user: { readonly login: string; readonly type?: string } | null;
}

/** How far the clocks of GitHub and of this machine may differ, in milliseconds. */
const clockDifference = 5 * 60_000;

/**
 * Comments of one environment that the same token has written: they begin with its marker, which anybody can write, and what
 * somebody else wrote could later be changed by them.
 *
 * They are looked for at once, while the run that is to be told goes on: a long thread has many pages, and GitHub counts the
 * question whose token it is among the writes, which have to be a second apart.
 */
export class OwnComments {
  private readonly began = Date.now();
  private readonly early: Promise<Comment[]>;
  private me: Promise<string> | undefined;

  constructor(
    private readonly client: GitHubClient,
    private readonly place: GitHubPlace,
    private readonly number: number,
    private readonly about: Pick<Report, "project" | "stack">,
  ) {
    this.early = this.look();
    // Looked for again when they are needed.
    this.early.catch(() => undefined);
  }

  /** All of them, the oldest first. What has come since the first look is among them. */
  async all(): Promise<Comment[]> {
    const early = await this.early.catch(() => undefined);
    if (early === undefined) return this.look();
    const since = new Date(this.began - clockDifference).toISOString();
    const comments = new Map([...early, ...(await this.look({ since }))].map((found) => [found.id, found]));
    return [...comments.values()].sort((one, other) => one.id - other.id);
  }

  private async look(since: { readonly since?: string } = {}): Promise<Comment[]> {
    const { owner, repo } = this.place;
    const marker = commentMarker(this.about);
    const found: Comment[] = [];
    const pages = this.client.paginate.iterator("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      ...{ owner, repo, issue_number: this.number, per_page: 100 },
      ...since,
    });
    for await (const { data } of pages) {
      for (const comment of data as Comment[])
        if (comment.body?.startsWith(marker) === true) found.push(comment);
    }
    if (found.length === 0) return found;
    const me = await (this.me ??= loginOf(this.client));
    return found.filter(({ user }) => user !== null && sameLogin(user.login, me));
  }
}
