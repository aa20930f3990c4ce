import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { runProgram } from "../support/command";
import { GitHubServer } from "../support/github-server";

jest.setTimeout(180_000);

test("a preview that fails is told on the pull request, without a secret, and keeps its exit code", async () => {
  const server = await GitHubServer.start();
  const directory = mkdtempSync(join(tmpdir(), "gw-comment-"));
  const passphrase = randomBytes(12).toString("hex");
  try {
    mkdirSync(join(directory, "state"));
    writeFileSync(join(directory, "Pulumi.yaml"), "name: sample\nruntime: nodejs\n");
    writeFileSync(join(directory, "Pulumi.staging.yaml"), "config:\n  groundwork:domain: example.com\n");
    const event = { pull_request: { number: 12, head: { sha: "a".repeat(40) } } };
    writeFileSync(join(directory, "event.json"), JSON.stringify(event));
    const { code, stderr } = await runProgram(
      process.execPath,
      [
        join(projectRoot(), "bin", "groundwork.js"),
        ...["preview", "-s", "staging", "--comment", "--directory", directory],
      ],
      {
        NO_COLOR: "1",
        PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: passphrase,
        GITHUB_REPOSITORY: "acme/shop",
        GITHUB_EVENT_PATH: join(directory, "event.json"),
        GITHUB_API_URL: server.url,
        GITHUB_TOKEN: server.token,
        GITHUB_STEP_SUMMARY: undefined,
      },
    );
    expect(code).toBe(1);
    expect(stderr).toContain("comment posted: https://github.example/acme/shop/pull/12");
    expect(server.comments).toHaveLength(1);
    expect(server.comments[0]?.body).toContain("preview of staging failed");
    expect(server.comments[0]?.body).toContain("cloudflare is missing");
    expect(server.checks).toMatchObject([{ conclusion: "failure" }]);
    for (const secret of [passphrase, server.token]) expect(server.comments[0]?.body).not.toContain(secret);
  } finally {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
