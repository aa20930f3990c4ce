import { appendFile } from "node:fs/promises";
import type { Log } from "../../common/log";
import { type Report, reportMarkdown } from "../../report";
import { annotationsOf, checkSummary, conclusionOf } from "./annotations";
import { type GitHubClient, gitHubClient } from "./github-client";
import { type Comment, OwnComments } from "./github-comments";
import type { GitHubPlace } from "./place";
import { isNotThere, reasonOf } from "./reason";
import type { PublishedComment, StackFileText, Thread, ThreadOptions } from "./thread";

const nothing: PublishedComment = { comment: "none", minimised: 0 };

/**
 * A pull request's thread, and a check with annotations on its head. What can be asked before there is a report is asked at
 * once. Where no comment can be written the report goes to the job's summary.
 */
export function openGitHubThread({ place, about, say, patience }: ThreadOptions<GitHubPlace>): Thread {
  if (place.token === undefined) {
    return {
      publish: async (report) => {
        say("no comment: the job has no GITHUB_TOKEN");
        return { ...nothing, check: false, summary: await writeSummary(place, report, say) };
      },
    };
  }
  const client = gitHubClient(place, say, patience);
  const earlier =
    place.number === undefined ? undefined : new OwnComments(client, place, place.number, about);
  return {
    publish: async (report, stackFile) => {
      let comment = nothing;
      try {
        if (place.number === undefined || earlier === undefined)
          say("no comment: this run is not about a pull request");
        else comment = await writeComment(client, place, place.number, await earlier.all(), report, say);
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
    },
  };
}

/** Edits the newest of the earlier ones, and folds the others as outdated. */
async function writeComment(
  client: GitHubClient,
  place: GitHubPlace,
  number: number,
  earlier: readonly Comment[],
  report: Report,
  say: Log,
): Promise<PublishedComment> {
  const { owner, repo, runUrl } = place;
  const body = reportMarkdown(report, runUrl === undefined ? {} : { whole: `[The whole run](${runUrl})` });
  const latest = earlier.at(-1);
  const edited =
    latest &&
    (await client
      .request("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", {
        ...{ owner, repo, comment_id: latest.id, body },
      })
      .catch((error: unknown) => {
        // Deleted since it was found.
        if (isNotThere(error)) return undefined;
        throw error;
      }));
  const written =
    edited ??
    (await client.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      ...{ owner, repo, issue_number: number, body },
    }));
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
  return {
    comment: edited === undefined ? "posted" : "edited",
    commentUrl: written.data.html_url,
    minimised,
  };
}

/** As many annotations as a request may hold. */
const annotationsAtOnce = 50;

async function setCheck(
  client: GitHubClient,
  { owner, repo, sha, runUrl }: GitHubPlace,
  report: Report,
  stackFile: StackFileText,
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
