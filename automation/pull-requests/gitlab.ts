import { mkdir, writeFile } from "node:fs/promises";
import { dirname, relative } from "node:path";
import type { Log } from "../../common/log";
import { type Report, commentMarker, reportMarkdown } from "../../report";
import { codeQuality } from "./code-quality";
import { GitLabClient, GitLabRefusal } from "./gitlab-client";
import { type GitLabPlace, gitLabReportFile } from "./gitlab-place";
import { reasonOf } from "./reason";
import type { PublishedComment, Thread, ThreadOptions } from "./thread";

/** A note of a merge request, as far as it is read here. */
interface Note {
  readonly id: number;
  readonly body: string;
  readonly system: boolean;
  readonly author: { readonly id: number };
}

/**
 * A merge request's notes. Risks at the lines of the stack file go into a file that GitLab shows as code quality, and where
 * no note can be written the report goes into a file beside it.
 */
export function openGitLabThread({
  place,
  say,
  patience,
}: Omit<ThreadOptions<GitLabPlace>, "about">): Thread {
  return {
    publish: async (report, { path, text }) => {
      const check = await writeReport(
        place,
        `${report.stack}.codequality.json`,
        `${JSON.stringify(codeQuality(report, path, text), undefined, 1)}\n`,
        say,
      );
      let comment: PublishedComment = { comment: "none", minimised: 0 };
      try {
        if (place.token === undefined) say("no comment: the job has no GITLAB_TOKEN");
        else if (place.mergeRequest === undefined) say("no comment: this job is not about a merge request");
        else comment = await writeNote(new GitLabClient(place, say, patience), place, report, say);
      } catch (error) {
        say(`no comment: ${reasonOf(error)}`);
      }
      const file = `${report.stack}.md`;
      const instead = comment.comment === "none";
      const summary = instead && (await writeReport(place, file, reportMarkdown(report), say));
      if (summary)
        say(`the report stands in ${relative(place.folder, gitLabReportFile(place, file))} instead`);
      return { ...comment, check, summary };
    },
  };
}

async function writeNote(
  client: GitLabClient,
  place: GitLabPlace,
  report: Report,
  say: Log,
): Promise<PublishedComment> {
  const notes = `/projects/${encodeURIComponent(place.project)}/merge_requests/${place.mergeRequest ?? 0}/notes`;
  const marker = commentMarker(report);
  const whole = place.jobUrl === undefined ? {} : { whole: `[The whole run](${place.jobUrl})` };
  const body = reportMarkdown(report, whole);
  const me = await client.get<{ readonly id: number }>("/user");
  for (let again = false; ; again = true) {
    const earlier = await ownNotes(client, notes, marker, me.id);
    const latest = earlier.at(-1);
    try {
      const { id } =
        latest === undefined
          ? await client.post<Note>(notes, { body })
          : await client.put<Note>(`${notes}/${latest.id}`, { body });
      const commentUrl = `${place.projectUrl}/-/merge_requests/${place.mergeRequest ?? 0}#note_${id}`;
      let minimised = 0;
      for (const { id: old } of earlier.slice(0, -1)) {
        // GitLab cannot fold a note: it says where the newer one is, and is not taken for the report again.
        await client.put(`${notes}/${old}`, { body: `Outdated: [the newer report](${commentUrl})` }).then(
          () => (minimised += 1),
          (error: unknown) => say(`an outdated comment stays as it is: ${reasonOf(error)}`),
        );
      }
      return { comment: latest === undefined ? "posted" : "edited", commentUrl, minimised };
    } catch (error) {
      // It may have been written all the same, and is then found.
      if (again || latest !== undefined || !(error instanceof GitLabRefusal) || error.status < 500)
        throw error;
    }
  }
}

/**
 * Notes that begin with the marker and that the same token's user has written, the oldest first: anybody can write the
 * marker.
 */
async function ownNotes(client: GitLabClient, notes: string, marker: string, me: number): Promise<Note[]> {
  const found: Note[] = [];
  for await (const note of client.pages<Note>(`${notes}?sort=asc&order_by=created_at`)) {
    if (!note.system && note.author.id === me && note.body.startsWith(marker)) found.push(note);
  }
  return found;
}

async function writeReport(place: GitLabPlace, name: string, text: string, say: Log): Promise<boolean> {
  const file = gitLabReportFile(place, name);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    return true;
  } catch (error) {
    say(`${name} could not be written: ${reasonOf(error)}`);
    return false;
  }
}
