import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { annotationsOf } from "../../../automation/pull-requests/annotations";
import { openGitHubThread } from "../../../automation/pull-requests/github";
import { type GitHubPlace, gitHubPlace } from "../../../automation/pull-requests/place";
import type { Published, Thread } from "../../../automation/pull-requests/thread";
import { type Report, commentMarker, reportMarkdown } from "../../../report";
import { planned, realPreview, reportOf } from "../../report/events";
import { GitHubServer } from "../../support/github-server";

let server: GitHubServer;
let folder: string;
let said: string[];

beforeAll(async () => {
  server = await GitHubServer.start();
});
afterAll(() => server.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gw-summary-"));
  said = [];
  server.reset();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const place = (over: Partial<GitHubPlace> = {}): GitHubPlace => ({
  api: server.url,
  owner: "acme",
  repo: "shop",
  number: 12,
  sha: "a".repeat(40),
  token: server.token,
  summaryFile: join(folder, "summary.md"),
  runUrl: undefined,
  ...over,
});
const stackFile = {
  path: "Pulumi.staging.yaml",
  text: "config:\n  origins:\n    api:\n      kind: compose\n",
};
const open = (over: Partial<GitHubPlace> = {}): Thread =>
  openGitHubThread({
    place: place(over),
    about: { project: "groundwork", stack: "staging" },
    say: (line) => said.push(line),
    patience: { second: 5 },
  });
const publish = (report: Report, over: Partial<GitHubPlace> = {}): Promise<Published> =>
  open(over).publish(report, stackFile);
const eventually = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await wait(5);
};
const report = (): Report => reportOf(realPreview());
const marker = (): string => commentMarker(report());

test("the first run posts one comment and sets a check on the pull request's head", async () => {
  const published = await publish(report());
  expect(published).toMatchObject({ comment: "posted", minimised: 0, check: true, summary: false });
  expect(server.comments.map(({ body }) => body)).toEqual([reportMarkdown(report())]);
  expect(server.checks).toMatchObject([
    { head_sha: "a".repeat(40), name: "groundwork preview (staging)", conclusion: "neutral" },
  ]);
  expect(said).toEqual([]);
});

test("on a thread of 120 comments the next run edits its own, on the second page, and posts none", async () => {
  for (let index = 0; index < 118; index += 1) server.addComment(`word ${index}`, "somebody");
  const own = server.addComment(`${marker()}\n\nold`);
  server.addComment("last word", "somebody");
  const published = await publish(report());
  expect(published).toMatchObject({ comment: "edited", commentUrl: own.html_url });
  expect(server.comments).toHaveLength(120);
  expect(own.body).toBe(reportMarkdown(report()));
  expect(server.requests.filter((line) => line.startsWith("GET"))).toHaveLength(3);
});

test("the thread is looked through before there is a report; then only for what has come since", async () => {
  for (let index = 0; index < 119; index += 1) server.addComment(`word ${index}`, "somebody");
  const own = server.addComment(`${marker()}\n\nold`);
  const thread = open();
  await eventually(() => server.requests.length === 3);
  expect(server.requests).toEqual([
    expect.stringMatching(/^GET .*page=1$|^GET .*per_page=100$/),
    expect.stringMatching(/^GET .*page=2/),
    "POST /graphql",
  ]);
  expect(await thread.publish(report(), stackFile)).toMatchObject({
    comment: "edited",
    commentUrl: own.html_url,
  });
  expect(server.requests.slice(3)).toEqual([
    expect.stringMatching(/^GET .*since=/),
    expect.stringMatching(/^PATCH .*comments/),
    expect.stringMatching(/^POST .*check-runs$/),
  ]);
});

test("a comment that another job has posted meanwhile is edited, one that was deleted meanwhile is posted again", async () => {
  const first = open();
  await eventually(() => server.requests.length === 1);
  const other = server.addComment(`${marker()}\n\nother`, undefined, new Date());
  expect(await first.publish(report(), stackFile)).toMatchObject({
    comment: "edited",
    commentUrl: other.html_url,
  });

  const second = open();
  await eventually(() => server.requests.at(-1) === "POST /graphql");
  server.comments.length = 0;
  expect(await second.publish(report(), stackFile)).toMatchObject({ comment: "posted" });
  expect(server.comments.map(({ body }) => body)).toEqual([reportMarkdown(report())]);
  expect(said).toEqual([]);
});

test("a look that GitHub refused before there was a report is made again", async () => {
  const own = server.addComment(`${marker()}\n\nold`);
  const isList = (method: string, path: string): boolean => method === "GET" && path.includes("/comments");
  server.failOnce({ matches: isList, status: 403, message: "not now" });
  const thread = open();
  await eventually(() => server.requests.length === 1);
  expect(await thread.publish(report(), stackFile)).toMatchObject({
    comment: "edited",
    commentUrl: own.html_url,
  });
});

test("of several earlier ones the newest is edited, the others are folded as outdated", async () => {
  const [first, second, third] = [1, 2, 3].map((number) => server.addComment(`${marker()}\n${number}`));
  expect(await publish(report())).toMatchObject({ comment: "edited", minimised: 2 });
  expect([first?.minimised, second?.minimised, third?.minimised]).toEqual([
    "OUTDATED",
    "OUTDATED",
    undefined,
  ]);
});

test("neither another environment's comment nor a marker in somebody else's is touched", async () => {
  const production = server.addComment(`${commentMarker({ project: "groundwork", stack: "prod" })}\nprod`);
  const planted = server.addComment(`${marker()}\nplanted`, "mallory");
  expect(await publish(report())).toMatchObject({ comment: "posted", minimised: 0 });
  expect(production.body).toContain("\nprod");
  expect(planted.body).toContain("\nplanted");
});

test("a failure of the host's and its rate limit are waited for, and asked again", async () => {
  const isComment = (method: string, path: string): boolean =>
    method === "POST" && path.endsWith("/issues/12/comments");
  server.failOnce({ matches: (method) => method === "GET", status: 502, message: "Bad Gateway" });
  server.failOnce({
    matches: isComment,
    status: 403,
    headers: { "retry-after": "1" },
    message: "You have exceeded a secondary rate limit",
  });
  expect(await publish(report())).toMatchObject({ comment: "posted", check: true });
  expect(server.requests.filter((line) => line.startsWith("GET"))).toHaveLength(3);
  expect(server.comments).toHaveLength(1);
  expect(said).toEqual(["GitHub's rate limit is reached: asking again in 1 s"]);
});

test("a fork's read-only token: the report goes to the job's summary, which is said", async () => {
  const published = await publish(report(), { token: server.readOnlyToken });
  expect(published).toEqual({ comment: "none", minimised: 0, check: false, summary: true });
  expect(readFileSync(join(folder, "summary.md"), "utf8")).toContain(reportMarkdown(report()));
  expect(said.join("\n")).toMatch(/no comment: Resource not accessible by integration.*status 403/);
  expect(said.at(-1)).toBe("the report stands in the job's summary instead");
  expect(said.join("\n")).not.toContain(server.readOnlyToken);
  expect(server.requests.filter((line) => line.startsWith("POST"))).toHaveLength(2);
});

test("a host that cannot be reached is said; nothing is thrown", async () => {
  const gone = await GitHubServer.start();
  await gone.close();
  const published = await publish(report(), { api: gone.url });
  expect(published).toMatchObject({ comment: "none", check: false, summary: true });
  expect(said).toHaveLength(3);
});

test("of 120 risks every annotation arrives, at most 50 at once, each at the line of its component", async () => {
  const many = planned(
    ...Array.from({ length: 120 }, (_, index) => ({
      op: "delete",
      name: `api-bucket-${index}`,
      type: "cloudflare:index/r2Bucket:R2Bucket",
      component: ["AppOrigin", "api"] as const,
      before: { name: `bucket-${index}` },
    })),
  );
  await publish(many);
  expect(server.checks[0]?.annotations).toHaveLength(annotationsOf(many, "x", "").length);
  expect(server.checks[0]?.annotations.length).toBeGreaterThanOrEqual(120);
  expect(server.checks[0]?.annotations[0]).toMatchObject({ path: "Pulumi.staging.yaml", start_line: 3 });
});

test("the place is read from the job's variables and event, with an Enterprise address and the head's commit", () => {
  const read = (): string => JSON.stringify({ pull_request: { number: 12, head: { sha: "b".repeat(40) } } });
  const variables = {
    GITHUB_REPOSITORY: "acme/shop",
    GITHUB_EVENT_PATH: "event.json",
    GITHUB_API_URL: "https://git.example.com/api/v3/",
    GITHUB_SERVER_URL: "https://git.example.com",
    GITHUB_RUN_ID: "7",
    GITHUB_SHA: "c".repeat(40),
  };
  expect(gitHubPlace(variables, read)).toMatchObject({
    api: "https://git.example.com/api/v3",
    number: 12,
    sha: "b".repeat(40),
    token: undefined,
    runUrl: "https://git.example.com/acme/shop/actions/runs/7",
  });
  expect(gitHubPlace({}, read)).toBeUndefined();
  // At a comment GITHUB_SHA is the default branch's head.
  const comment = JSON.stringify({ issue: { number: 12, pull_request: {} } });
  expect(gitHubPlace(variables, () => comment)).toMatchObject({ number: 12, sha: undefined });
  expect(gitHubPlace(variables, () => "{}")?.sha).toBe("c".repeat(40));
  expect(gitHubPlace({ ...variables, GITHUB_REF: "refs/pull/9/merge" }, () => "{}")?.number).toBe(9);
});
