import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { runProgram } from "../support/command";
import { GitHubServer } from "../support/github-server";
import { GitLabServer } from "../support/gitlab-server";
import { SmallProject } from "../support/small-project";

jest.setTimeout(180_000);

let directory: string;
let passphrase: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gw-comment-"));
  passphrase = randomBytes(12).toString("hex");
  mkdirSync(join(directory, "state"));
  writeFileSync(join(directory, "Pulumi.yaml"), "name: sample\nruntime: nodejs\n");
  writeFileSync(join(directory, "Pulumi.staging.yaml"), "config:\n  groundwork:domain: example.com\n");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const noHost = { GITHUB_REPOSITORY: undefined, GITLAB_CI: undefined, GITHUB_STEP_SUMMARY: undefined };
const preview = (variables: Record<string, string | undefined>, ...options: string[]) =>
  runProgram(
    process.execPath,
    [
      join(projectRoot(), "bin", "groundwork.js"),
      ...["preview", "-s", "staging", "--comment", "--directory", directory, ...options],
    ],
    {
      NO_COLOR: "1",
      PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: passphrase,
      ...noHost,
      ...variables,
    },
  );

test("a preview that fails is told on the pull request, without a secret, and keeps its exit code", async () => {
  const server = await GitHubServer.start();
  try {
    const event = { pull_request: { number: 12, head: { sha: "a".repeat(40) } } };
    writeFileSync(join(directory, "event.json"), JSON.stringify(event));
    const { code, stderr } = await preview({
      GITHUB_REPOSITORY: "acme/shop",
      GITHUB_EVENT_PATH: join(directory, "event.json"),
      GITHUB_API_URL: server.url,
      GITHUB_TOKEN: server.token,
    });
    expect(code).toBe(1);
    expect(stderr).toContain("comment posted: https://github.example/acme/shop/pull/12");
    expect(server.comments).toHaveLength(1);
    expect(server.comments[0]?.body).toContain("preview of staging failed");
    expect(server.comments[0]?.body).toContain("cloudflare is missing");
    expect(server.checks).toMatchObject([{ conclusion: "failure" }]);
    for (const secret of [passphrase, server.token]) expect(server.comments[0]?.body).not.toContain(secret);
  } finally {
    await server.close();
  }
});

test.each([
  ["with", ["--save-plan", "plan.json"]],
  ["without", []],
])("a preview that lacks its passphrase fails on the pull request too, %s a plan", async (_with, options) => {
  const server = await GitHubServer.start();
  try {
    const event = { pull_request: { number: 12, head: { sha: "a".repeat(40) } } };
    writeFileSync(join(directory, "event.json"), JSON.stringify(event));
    const { code, stderr } = await preview(
      {
        GITHUB_REPOSITORY: "acme/shop",
        GITHUB_EVENT_PATH: join(directory, "event.json"),
        GITHUB_API_URL: server.url,
        GITHUB_TOKEN: server.token,
        PULUMI_CONFIG_PASSPHRASE: undefined,
      },
      ...options,
    );
    expect([code, stderr]).toEqual([1, expect.stringContaining("PULUMI_CONFIG_PASSPHRASE")]);
    expect(server.comments.map(({ body }) => body)).toEqual([
      expect.stringContaining("preview of staging failed"),
    ]);
  } finally {
    await server.close();
  }
});

test("without a key for the plan, that is told before the preview, whose report is on the pull request all the same", async () => {
  const server = await GitHubServer.start();
  const project = await SmallProject.start();
  // As with a stack whose secrets no passphrase opens.
  const variables = { PULUMI_CONFIG_PASSPHRASE: "", PULUMI_CONFIG_PASSPHRASE_FILE: "" };
  const plan = join(project.directory, "plan.json");
  const saving = ["preview", "-s", "shop", "--save-plan", plan];
  try {
    const alone = await project.run(saving, variables);
    expect([alone.code, alone.stderr]).toEqual([1, expect.stringMatching(/no key for the plan's hashes/)]);
    expect(alone.stderr).not.toContain("previewing shop");

    const event = { pull_request: { number: 12, head: { sha: "a".repeat(40) } } };
    writeFileSync(join(project.directory, "event.json"), JSON.stringify(event));
    const { code, stderr } = await project.run([...saving, "--comment"], {
      ...variables,
      GITHUB_REPOSITORY: "acme/shop",
      GITHUB_EVENT_PATH: join(project.directory, "event.json"),
      GITHUB_API_URL: server.url,
      GITHUB_TOKEN: server.token,
    });
    expect(stderr).toMatch(/no plan can be saved: there is no key[^]*previewing shop[^]*GROUNDWORK_PLAN_KEY/);
    expect(code).toBe(1);
    expect(server.comments.map(({ body }) => body)).toEqual([expect.stringContaining("shop-media-0")]);
    expect(server.checks).toHaveLength(1);
    expect(existsSync(plan)).toBe(false);
  } finally {
    await project.end();
    await server.close();
  }
});

test("the same on a merge request of GitLab; outside of both it is refused before anything runs", async () => {
  const server = await GitLabServer.start();
  try {
    const { code, stderr } = await preview({
      GITLAB_CI: "true",
      CI_API_V4_URL: server.url,
      CI_PROJECT_ID: "42",
      CI_PROJECT_URL: "https://gitlab.example/acme/shop",
      CI_PROJECT_DIR: directory,
      CI_MERGE_REQUEST_IID: "12",
      GITLAB_TOKEN: server.token,
    });
    expect(code).toBe(1);
    expect(stderr).toContain("comment posted: https://gitlab.example/acme/shop/-/merge_requests/12#note_");
    expect(server.notes.map(({ body }) => body)).toEqual([expect.stringContaining("cloudflare is missing")]);
    for (const secret of [passphrase, server.token]) {
      expect(server.notes[0]?.body).not.toContain(secret);
      expect(stderr).not.toContain(secret);
    }
    const quality = readFileSync(join(directory, "groundwork-report", "staging.codequality.json"), "utf8");
    expect(JSON.parse(quality)).toEqual([]);
    const outside = await preview({});
    expect([outside.code, outside.stderr]).toEqual([1, expect.stringContaining("GitLab CI")]);
  } finally {
    await server.close();
  }
});
