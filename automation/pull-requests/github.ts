import { appendFile } from "node:fs/promises";
import type { Log } from "../../common/log";
import { type Report, commentMarker, reportMarkdown } from "../../report";
import { annotationsOf, checkSummary, conclusionOf } from "./annotations";
import { type GitHubClient, type Patience, gitHubClient } from "./github-client";
import type { GitHubPlace } from "./place";
import { reasonOf } from "./reason";

/** What came of publishing a report. */
export interface Published {
  readonly comment: "posted" | "edited" | "none";
  readonly commentUrl?: string;
  /** Earlier comments of the same environment that were folded away as outdated. */
  readonly minimised: number;
  readonly check: boolean;
  /** True where the job's summary has the report, because a comment could not be written. */
  readonly summary: boolean;
}

export interface PublishOptions {
  readonly place: GitHubPlace;
  readonly report: Report;
  /** The stack file from the repository's root, and its text: where annotations stand. */
  readonly stackFile: { readonly path: string; readonly text: string };
  /** Told what could not be done, and why. */
  readonly say: Log;
  readonly patience?: Patience;
}

interface Comment {
  readonly id: number;
  readonly node_id: string;
  readonly html_url: string;
  readonly body?: string;
  readonly user: { readonly login: string; readonly type?: string } | null;
}

/**
 * Puts a report on a pull request: one comment for each environment, edited by the next run, and a check with
 * annotations. Never throws: what cannot be written is said, and the report goes to the job's summary instead.
 */
export async function publishToGitHub({
  place,
  report,
  stackFile,
  say,
  patience,
}: PublishOptions): Promise<Published> {
  const nothing = { comment: "none", minimised: 0, check: false } as const;
  if (place.token === undefined) {
    say("no comment: the job has no GITHUB_TOKEN");
    return { ...nothing, summary: await writeSummary(place, report, say) };
  }
  const client = gitHubClient(place, say, patience);
  const whole = place.runUrl === undefined ? {} : { whole: `[The whole run](${place.runUrl})` };
  let comment: Pick<Published, "comment" | "commentUrl" | "minimised"> = nothing;
  try {
    if (place.number === undefined) say("no comment: this run is not about a pull request");
    else
      comment = await writeComment(client, place, place.number, report, reportMarkdown(report, whole), say);
  } catch (error) {
    say(`no comment: ${reasonOf(error)}`);
  }
  let check = false;
  try {
    check = await setCheck(client, place, report, stackFile);
  } catch (error) {
    say(`no check: ${reasonOf(error)}`);
  }
  const summary = comment.comment === "none" && (await writeSummary(place, report, say));
  return { ...comment, check, summary };
}

async function writeComment(
  client: GitHubClient,
  place: GitHubPlace,
  number: number,
  report: Report,
  body: string,
  say: Log,
): Promise<Pick<Published, "comment" | "commentUrl" | "minimised">> {
  const { owner, repo } = place;
  const earlier = await ownComments(client, place, number, commentMarker(report));
  const latest = earlier.at(-1);
  const { data } =
    latest === undefined
      ? await client.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
          owner,
          repo,
          issue_number: number,
          body,
        })
      : await client.request("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", {
          owner,
          repo,
          comment_id: latest.id,
          body,
        });
  let minimised = 0;
  for (const { node_id: id } of earlier.slice(0, -1)) {
    try {
      await client.graphql(
        "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) { minimizedComment { isMinimized } } }",
        { id },
      );
      minimised += 1;
    } catch (error) {
      say(`an outdated comment stays unfolded: ${reasonOf(error)}`);
    }
  }
  return { comment: latest === undefined ? "posted" : "edited", commentUrl: data.html_url, minimised };
}

/**
 * Comments that begin with the marker and that the same token has written, the oldest first: anybody can write the
 * marker, and what somebody else wrote could later be changed by them.
 */
async function ownComments(
  client: GitHubClient,
  place: GitHubPlace,
  number: number,
  marker: string,
): Promise<Comment[]> {
  const { owner, repo } = place;
  const found: Comment[] = [];
  const pages = client.paginate.iterator("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
    owner,
    repo,
    issue_number: number,
    per_page: 100,
  });
  for await (const { data } of pages) {
    for (const comment of data as Comment[])
      if (comment.body?.startsWith(marker) === true) found.push(comment);
  }
  if (found.length === 0) return found;
  const me = await loginOf(client);
  return found.filter(({ user }) => user !== null && sameLogin(user.login, me));
}

/** Who the token belongs to. */
export async function loginOf(client: GitHubClient): Promise<string> {
  const { viewer } = await client.graphql<{ viewer: { login: string } }>("query { viewer { login } }");
  return viewer.login;
}

/** REST and GraphQL differ in whether an app's login ends in `[bot]`. */
export function sameLogin(one: string, other: string): boolean {
  const plain = (login: string): string => login.replace(/\[bot\]$/, "").toLowerCase();
  return plain(one) === plain(other);
}

/** As many annotations as a request may hold. */
const annotationsAtOnce = 50;

async function setCheck(
  client: GitHubClient,
  { owner, repo, sha, runUrl }: GitHubPlace,
  report: Report,
  stackFile: PublishOptions["stackFile"],
): Promise<boolean> {
  if (sha === undefined) return false;
  const all = annotationsOf(report, stackFile.path, stackFile.text);
  const output = { title: `What ${report.stack} becomes`, summary: checkSummary(report) };
  const { data } = await client.request("POST /repos/{owner}/{repo}/check-runs", {
    owner,
    repo,
    name: `groundwork preview (${report.stack})`,
    head_sha: sha,
    status: "completed",
    conclusion: conclusionOf(report),
    ...(runUrl === undefined ? {} : { details_url: runUrl }),
    output: { ...output, annotations: all.slice(0, annotationsAtOnce) },
  });
  for (let from = annotationsAtOnce; from < all.length; from += annotationsAtOnce) {
    await client.request("PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}", {
      owner,
      repo,
      check_run_id: data.id,
      output: { ...output, annotations: all.slice(from, from + annotationsAtOnce) },
    });
  }
  return true;
}

async function writeSummary({ summaryFile }: GitHubPlace, report: Report, say: Log): Promise<boolean> {
  if (summaryFile === undefined) return false;
  try {
    await appendFile(summaryFile, `${reportMarkdown(report)}\n`);
    say("the report stands in the job's summary instead");
    return true;
  } catch (error) {
    say(`no summary either: ${reasonOf(error)}`);
    return false;
  }
}
