import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { annotationsOf } from "../../../automation/pull-requests/annotations";
import { openGitLabThread } from "../../../automation/pull-requests/gitlab";
import { type GitLabPlace, gitLabPlace } from "../../../automation/pull-requests/gitlab-place";
import type { Published } from "../../../automation/pull-requests/thread";
import { type Report, commentMarker, reportMarkdown } from "../../../report";
import { planned, realPreview, reportOf } from "../../report/events";
import { GitLabServer } from "../../support/gitlab-server";

let server: GitLabServer;
let folder: string;
let said: string[];

beforeAll(async () => {
  server = await GitLabServer.start();
});
afterAll(() => server.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gw-gitlab-"));
  said = [];
  server.reset();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const stackFile = {
  path: "Pulumi.staging.yaml",
  text: "config:\n  origins:\n    api:\n      kind: compose\n",
};
const publish = (report: Report, over: Partial<GitLabPlace> = {}): Promise<Published> =>
  openGitLabThread({
    place: {
      api: server.url,
      project: "42",
      projectUrl: "https://gitlab.example/acme/shop",
      mergeRequest: 12,
      token: server.token,
      folder,
      jobUrl: undefined,
      ...over,
    },
    say: (line) => said.push(line),
    patience: { second: 5 },
  }).publish(report, stackFile);
const report = (): Report => reportOf(realPreview());
const marker = (): string => commentMarker(report());
const somebody = { id: 5, username: "somebody" };
const written = (name: string): string => readFileSync(join(folder, "groundwork-report", name), "utf8");

test("the first job posts one note, and leaves risks at the stack file's lines as code quality", async () => {
  expect(await publish(report())).toEqual({
    comment: "posted",
    commentUrl: `https://gitlab.example/acme/shop/-/merge_requests/12#note_${String(server.notes[0]?.id)}`,
    ...{ minimised: 0, check: true, summary: false },
  });
  expect(server.notes.map(({ body }) => body)).toEqual([reportMarkdown(report())]);
  const entries = JSON.parse(written("staging.codequality.json")) as readonly Record<string, unknown>[];
  expect(entries).toHaveLength(annotationsOf(report(), "x", "").length);
  expect(entries[0]).toMatchObject({
    severity: "blocker",
    location: { path: "Pulumi.staging.yaml", lines: { begin: expect.any(Number) as number } },
  });
  expect(new Set(entries.map((entry) => entry["fingerprint"])).size).toBe(entries.length);
  expect(said).toEqual([]);
});

test("on a thread of 250 notes the next job edits its own, on the third page, and posts none", async () => {
  for (let index = 0; index < 248; index += 1) server.addNote(`word ${index}`, somebody, index % 3 === 0);
  const own = server.addNote(`${marker()}\n\nold`);
  server.addNote("last word", somebody);
  expect(await publish(report())).toMatchObject({ comment: "edited", minimised: 0 });
  expect(server.notes).toHaveLength(250);
  expect(own.body).toBe(reportMarkdown(report()));
  expect(server.requests.filter((line) => line.includes("/notes?"))).toHaveLength(3);
});

test("of several earlier ones the newest is edited, the others lead to it", async () => {
  const [first, second, third] = [1, 2, 3].map((number) => server.addNote(`${marker()}\n${number}`));
  expect(await publish(report())).toMatchObject({ comment: "edited", minimised: 2 });
  for (const old of [first, second])
    expect(old?.body).toMatch(new RegExp(`^Outdated: .*#note_${String(third?.id)}\\)$`));
  expect(await publish(report())).toMatchObject({ comment: "edited", minimised: 0 });
  expect(third?.body).toBe(reportMarkdown(report()));
});

test("neither another environment's note nor a marker in somebody else's or the system's is touched", async () => {
  const others = [
    server.addNote(`${commentMarker({ project: "groundwork", stack: "prod" })}\nprod`),
    server.addNote(`${marker()}\nplanted`, somebody),
    server.addNote(`${marker()}\nsystem`, undefined, true),
  ];
  const before = others.map(({ body }) => body);
  expect(await publish(report())).toMatchObject({ comment: "posted", minimised: 0 });
  expect(others.map(({ body }) => body)).toEqual(before);
});

test("failures of GitLab's own and its rate limit are waited for, and asked again", async () => {
  server.failOnce({ matches: (method) => method === "GET", status: 503, body: "<html>busy</html>" });
  server.failOnce({
    matches: (method) => method === "POST",
    status: 429,
    headers: { "retry-after": "1" },
    body: "Retry later\n",
  });
  expect(await publish(report())).toMatchObject({ comment: "posted" });
  expect(server.notes).toHaveLength(1);
  expect(said).toEqual(["GitLab's rate limit is reached: asking again in 1 s"]);
});

test("a note that was written although the answer was a failure is found, and not posted twice", async () => {
  server.failOnce({ matches: (method) => method === "POST", status: 502, done: true });
  expect(await publish(report())).toMatchObject({ comment: "edited" });
  expect(server.notes).toHaveLength(1);
});

test("a rate limit that lasts longer than a minute is not waited for; the report goes into a file", async () => {
  const headers = { "retry-after": "3600" };
  server.failOnce({ matches: (method) => method === "POST", status: 429, headers, body: "Retry later\n" });
  expect(await publish(report())).toMatchObject({ comment: "none", summary: true });
  expect(said[0]).toBe("GitLab's rate limit is reached, for another 3600 s");
  expect(said[1]).toBe("no comment: Retry later (status 429)");
});

test.each([
  [
    "a token that may only read",
    () => ({ token: server.readOnlyToken }),
    /insufficient_scope \(status 403\)/,
  ],
  ["a token that has expired", () => ({ token: "made-up" }), /401 Unauthorized \(status 401\)/],
  ["no token, as in a fork's job", () => ({ token: undefined }), /no comment: the job has no GITLAB_TOKEN/],
  ["no merge request", () => ({ mergeRequest: undefined }), /not about a merge request/],
])("%s: the report goes into a file for the job's artifacts, which is said", async (_what, over, reason) => {
  expect(await publish(report(), over())).toEqual({
    comment: "none",
    minimised: 0,
    check: true,
    summary: true,
  });
  expect(written("staging.md")).toBe(reportMarkdown(report()));
  expect(said).toEqual([
    expect.stringMatching(reason) as string,
    "the report stands in groundwork-report/staging.md instead",
  ]);
  expect(said.join("\n")).not.toContain(server.readOnlyToken);
  expect(server.notes).toEqual([]);
});

test("a host that cannot be reached is said; nothing is thrown", async () => {
  const gone = await GitLabServer.start();
  await gone.close();
  expect(await publish(report(), { api: gone.url })).toMatchObject({ comment: "none", summary: true });
  expect(said[0]).toMatch(/no comment: fetch failed/);
});

test("names cannot make GitLab do or notify anything", async () => {
  const hostile = ["/close", "/merge\n/close", "@everybody", "!12 #12"].map((name) => ({
    op: "delete",
    name,
    before: { content: `${name}\n/approve` },
  }));
  await publish(planned(...hostile));
  const outside = (server.notes[0]?.body ?? "").replace(/^(`{3,})[^]*?^\1$/gm, "");
  expect(outside).toMatch(/close/);
  expect(outside).not.toMatch(/^\s*\/\w/m);
  // In a code span nothing is a reference.
  expect(outside.replace(/`[^`\n]*`/g, "")).not.toMatch(/@everybody|!12|#12/);
});

test("the place is read from the job's variables; a fork's merge request is in the project that it is to be merged into", () => {
  const variables = {
    GITLAB_CI: "true",
    CI_API_V4_URL: "https://git.example.com/api/v4/",
    CI_PROJECT_ID: "43",
    CI_PROJECT_URL: "https://git.example.com/fork/shop",
    CI_PROJECT_DIR: "/builds/fork/shop",
    CI_MERGE_REQUEST_IID: "12",
    CI_MERGE_REQUEST_PROJECT_ID: "42",
    CI_MERGE_REQUEST_PROJECT_URL: "https://git.example.com/acme/shop",
    CI_JOB_URL: "https://git.example.com/fork/shop/-/jobs/7",
  };
  expect(gitLabPlace(variables)).toEqual({
    api: "https://git.example.com/api/v4",
    project: "42",
    projectUrl: "https://git.example.com/acme/shop",
    mergeRequest: 12,
    token: undefined,
    folder: "/builds/fork/shop",
    jobUrl: "https://git.example.com/fork/shop/-/jobs/7",
  });
  expect(gitLabPlace({ ...variables, GITLAB_CI: undefined })).toBeUndefined();
  expect(gitLabPlace({ ...variables, CI_MERGE_REQUEST_IID: undefined })?.mergeRequest).toBeUndefined();
});
