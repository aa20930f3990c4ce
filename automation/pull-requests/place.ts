import { readFileSync } from "node:fs";

/** Where a run of GitHub Actions is, as its environment tells it. */
export interface GitHubPlace {
  /** Base address of the REST API; another one on GitHub Enterprise. */
  readonly api: string;
  readonly owner: string;
  readonly repo: string;
  /** The pull request's number; undefined where the run is not about one. */
  readonly number: number | undefined;
  /** The commit that a check is set on: the pull request's head, not the merge that was checked out. None is known at a comment. */
  readonly sha: string | undefined;
  /** A secret. Undefined where the job was given none. */
  readonly token: string | undefined;
  /** File to which the job's summary is appended. */
  readonly summaryFile: string | undefined;
  /** The page of this run. */
  readonly runUrl: string | undefined;
}

/** The parts of an event's file that are read here. */
interface EventFile {
  readonly number?: number;
  readonly pull_request?: { readonly number?: number; readonly head?: { readonly sha?: string } };
  readonly issue?: { readonly number?: number; readonly pull_request?: object };
}

/**
 * Reads `GITHUB_REPOSITORY`, `GITHUB_EVENT_PATH` and their like.
 *
 * @returns undefined outside of GitHub Actions
 */
export function gitHubPlace(
  variables: NodeJS.ProcessEnv,
  read: (file: string) => string = (file) => readFileSync(file, "utf8"),
): GitHubPlace | undefined {
  const [owner, repo] = (variables["GITHUB_REPOSITORY"] ?? "").split("/");
  if (!owner || !repo) return undefined;
  const event = eventOf(variables["GITHUB_EVENT_PATH"], read);
  const ofComment = event.issue?.pull_request === undefined ? undefined : event.issue.number;
  const ofRef = /^refs\/pull\/(\d+)\//.exec(variables["GITHUB_REF"] ?? "")?.[1];
  const number = event.pull_request?.number ?? ofComment ?? (ofRef === undefined ? undefined : Number(ofRef));
  // At a comment GitHub tells the default branch's head, which is not what is looked at.
  const ofRun = event.issue === undefined ? variables["GITHUB_SHA"] || undefined : undefined;
  const api = (variables["GITHUB_API_URL"] || "https://api.github.com").replace(/\/+$/, "");
  const { GITHUB_RUN_ID: run, GITHUB_SERVER_URL: server } = variables;
  return {
    api,
    owner,
    repo,
    number,
    sha: event.pull_request?.head?.sha ?? ofRun,
    token: variables["GITHUB_TOKEN"] || undefined,
    summaryFile: variables["GITHUB_STEP_SUMMARY"] || undefined,
    runUrl: run && server ? `${server}/${owner}/${repo}/actions/runs/${run}` : undefined,
  };
}

/** A file that is missing or broken tells nothing; the variables may still be enough. */
function eventOf(file: string | undefined, read: (file: string) => string): EventFile {
  if (!file) return {};
  try {
    return JSON.parse(read(file)) as EventFile;
  } catch {
    return {};
  }
}
