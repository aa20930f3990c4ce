import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import Ajv from "ajv/dist/2020";
import { projectRoot } from "../../common/project-root";
import { commentMarker } from "../../report";
import { findEngine } from "../../sandbox/engine/engine";
import { GitHubServer } from "../support/github-server";
import { runProgram } from "../support/command";
import { SmallProject } from "../support/small-project";

// One small stack under the real engine, by the real command: what it answers, people and programs.
jest.setTimeout(300_000);

let project: SmallProject;

beforeAll(async () => {
  project = await SmallProject.start();
});
afterAll(() => project.end());

/** What `--json` printed, held against the documented schema. */
function valid(schema: string, stdout: string): unknown {
  const answer = JSON.parse(stdout) as unknown;
  const text = readFileSync(join(projectRoot(), "schemas", `${schema}.schema.json`), "utf8");
  const validate = new Ajv({ strict: false }).compile(JSON.parse(text) as object);
  if (!validate(answer)) throw new Error(`${schema}: ${JSON.stringify(validate.errors)}\n${stdout}`);
  return answer;
}

test("what was not brought up yet is told as that, and looking at it makes no stack", async () => {
  for (const command of ["outputs", "history", "drift", "unlock"]) {
    const { code, stderr } = await project.run([command, "-s", "shop"]);
    expect(stderr).toMatch(/environment shop was not brought up yet[\s\S]*npx groundwork up -s shop/);
    expect(code).toBe(1);
  }
});

describe("a plan that was approved", () => {
  const plan = (): string => join(project.directory, "plan.json");

  test("one changed setting is refused by name and nothing is run; the same as approved is done", async () => {
    const paid = { "groundwork:costs": { neon: 10 } };
    project.describe("shop", 3, "media", paid);
    const preview = await project.run(["preview", "-s", "shop", "--save-plan", plan(), "--json"]);
    expect(preview.code).toBe(0);
    expect(valid("report", preview.stdout)).toMatchObject({
      ...{ kind: "preview", result: "planned" },
      cost: { before: 0, after: 10 },
    });

    project.describe("shop", 4, "media", paid);
    const refused = await project.run(["up", "-s", "shop", "--plan", plan()]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/another one than the approved: nothing was run/);
    expect(refused.stderr).toMatch(/R2Bucket buckets-media-3: was not in the plan \(create\)/);
    expect(await project.api("GET", `${project.zonePath}/dns_records`)).toEqual([]);

    project.describe("shop", 3, "media", paid);
    const done = await project.run(["up", "-s", "shop", "--plan", plan(), "--json"]);
    expect(done.stderr).toContain("this is the plan that was approved");
    expect(done.code).toBe(0);
    const report = valid("report", done.stdout) as { counts: Record<string, number> };
    expect(report).toMatchObject({ kind: "up", result: "succeeded" });
    expect(report.counts["create"]).toBeGreaterThan(10);
    for (const secret of [project.apiToken, project.passphrase]) expect(done.all).not.toContain(secret);
  });

  test("the command that is told does what was previewed, with --refresh where that was", async () => {
    const preview = await project.run(["preview", "-s", "shop", "--refresh", "--save-plan", plan()]);
    const command = /nothing else: npx groundwork (.*)$/m.exec(preview.stderr)?.[1] ?? "";
    expect(command).toContain("up -s shop");
    const words = command
      .split(" ")
      .filter((word, index, all) => ![word, all[index - 1]].includes("--directory"));
    const done = await project.run(words);
    expect([done.code, done.stderr]).toEqual([
      0,
      expect.stringContaining("this is the plan that was approved"),
    ]);
  });
});

test("a passphrase file that is not there is a mistake with its remedy, wherever it is read", async () => {
  const variables = { PULUMI_CONFIG_PASSPHRASE_FILE: join(project.directory, "nowhere") };
  for (const args of [["preview", "--save-plan", join(project.directory, "no.json")], ["up"], ["outputs"]]) {
    const { code, stderr } = await project.run([...args, "-s", "shop"], variables);
    expect(stderr).toMatch(/nowhere/);
    expect(stderr).toMatch(/next: correct PULUMI_CONFIG_PASSPHRASE_FILE/);
    expect(code).toBe(1);
  }
});

test("a state that a newer engine has written is not taken for a broken one, and stays as it is", async () => {
  const file = join(project.directory, "state", ".pulumi", "stacks", "small", "shop.json");
  const whole = readFileSync(file, "utf8");
  const newer = whole.replace(/"version": \d+/, '"version": 99');
  writeFileSync(file, newer);
  try {
    for (const command of ["preview", "up", "outputs"]) {
      const { code, stderr } = await project.run([command, "-s", "shop"]);
      expect(stderr).toMatch(/the state of stack shop was written by a newer engine than this one/);
      expect(stderr).not.toContain(".bak");
      expect(code).toBe(1);
    }
    expect(readFileSync(file, "utf8")).toBe(newer);
  } finally {
    writeFileSync(file, whole);
  }
});

describe("a server with the states, as Pulumi Cloud is", () => {
  const at = (url: string): Record<string, string> => ({
    PULUMI_BACKEND_URL: url,
    PULUMI_ACCESS_TOKEN: randomBytes(20).toString("hex"),
  });

  test("refuses an expired token: said as that, by every command, and the token is not shown", async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(401, { "content-type": "application/json" });
      response.end(JSON.stringify({ code: 401, message: "Unauthorized" }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const variables = at(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      for (const command of ["preview", "unlock"]) {
        const { all, code, stderr } = await project.run([command, "-s", "shop"], variables);
        expect(stderr).toMatch(
          /the server with the states refuses the access token[\s\S]*PULUMI_ACCESS_TOKEN/,
        );
        expect(all).not.toContain(variables["PULUMI_ACCESS_TOKEN"]);
        expect(code).toBe(1);
      }
      expect(asked).toContain("/api/user");
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test("is not reached: the backend is named, and not Cloudflare", async () => {
    const { code, stderr } = await project.run(["preview", "-s", "shop"], at("http://127.0.0.1:9"));
    expect(stderr).toMatch(/the backend with the states cannot be reached: .*127\.0\.0\.1:9/);
    expect(code).toBe(1);
  });
});

test("outputs and history answer as documented", async () => {
  const outputs = await project.run(["outputs", "-s", "shop", "--json"]);
  expect(valid("json/outputs", outputs.stdout)).toMatchObject({
    addresses: { "sites.web": ["https://www.example.com"] },
    connections: "[secret]",
  });
  const history = await project.run(["history", "-s", "shop", "--json", "--limit", "1"]);
  expect(valid("json/history", history.stdout)).toMatchObject([{ kind: "update", result: "succeeded" }]);
  const releases = await project.run(["releases", "-s", "shop", "--json"]);
  expect(valid("json/releases", releases.stdout)).toEqual([]);
  const look = await project.run(["unlock", "-s", "shop", "--look", "--json"]);
  expect(valid("json/unlock-look", look.stdout)).toMatchObject({ held: false, holders: [], doubts: [] });
  const unlock = await project.run(["unlock", "-s", "shop", "--json"]);
  expect(valid("json/unlock", unlock.stdout)).toEqual({
    removed: [],
    doubts: [],
    adopted: [],
    forgotten: [],
  });
});

test("drift: told with since when it is known and exit code 3, state and world untouched; an issue until reverted", async () => {
  const server = await GitHubServer.start();
  try {
    await driftWithIssue(server);
  } finally {
    await server.close();
  }
});

async function driftWithIssue(server: GitHubServer): Promise<void> {
  const atGitHub = {
    GITHUB_REPOSITORY: "acme/shop",
    GITHUB_API_URL: server.url,
    GITHUB_TOKEN: server.token,
  };
  const state = join(project.directory, "state", ".pulumi", "stacks", "small", "shop.json");
  const unkept = join(project.directory, "Pulumi.yaml", "known.json");
  const clean = await project.run(["drift", "-s", "shop", "--known", unkept]);
  expect(clean.stderr).toMatch(/cannot be kept for the next check: .*known\.json \(E(?:EXIST|NOTDIR)\)/);
  expect(clean.stdout).toMatch(/shop: nothing was changed outside/);
  expect(clean.code).toBe(0);

  const records = `${project.zonePath}/dns_records`;
  const record = async (): Promise<{ id: string; proxied: boolean }> => {
    const all = (await project.api("GET", records)) as { id: string; name: string; proxied: boolean }[];
    return all.find(({ name }) => name === "www.example.com")!;
  };
  const { id } = await record();
  await project.api("PATCH", `${records}/${id}`, { proxied: false });
  const before = readFileSync(state, "utf8");

  const first = await project.run(["drift", "-s", "shop", "--issue"], atGitHub);
  expect(first.code).toBe(3);
  expect(first.stderr).toContain("issue opened: https://github.example/acme/shop/issues/1");
  expect(first.stdout).toMatch(/DNS record CNAME www\.example\.com/);
  expect(first.stdout).toMatch(/proxied: true → false/);
  expect(first.stdout).toMatch(/known since \S+; as recorded until \S+/);
  const since = /known since (\S+?);/.exec(first.stdout)?.[1];
  expect(readFileSync(state, "utf8")).toBe(before);
  expect((await record()).proxied).toBe(false);

  // On another machine: since when it is known is then read from the issue.
  rmSync(join(project.directory, ".groundwork", "drift"), { recursive: true });
  const again = await project.run(["drift", "-s", "shop", "--json", "--issue"], atGitHub);
  expect(again.code).toBe(3);
  expect(again.stderr).toContain("issue edited: https://github.example/acme/shop/issues/1");
  expect(server.issues).toMatchObject([{ state: "open", comments: [], labels: ["groundwork-drift"] }]);
  const told = server.issues[0]?.body ?? "";
  expect(told).toMatch(/`proxied`: `true` → `false`\n {2}- known since /);
  expect(told).toMatch(/`npx groundwork up -s shop .*--refresh`[\s\S]*The last run of it: update/);
  for (const secret of [project.apiToken, project.passphrase, server.token]) {
    expect(told).not.toContain(secret);
    expect(first.all + again.all).not.toContain(secret);
  }
  const answer = valid("json/drift", again.stdout) as { items: object[]; revert: string };
  expect(answer.items).toMatchObject([{ what: "changed", knownSince: since }]);

  // A plain up compares with what the state knows, and sees nothing: hence the command that is told.
  expect(answer.revert).toMatch(/^npx groundwork up -s shop .*--refresh$/);
  const reverted = await project.run(["up", "-s", "shop", "--refresh"]);
  expect(reverted.code).toBe(0);
  expect((await record()).proxied).toBe(true);
  const over = await project.run(["drift", "-s", "shop", "--issue"], atGitHub);
  expect([over.code, over.stderr]).toEqual([0, expect.stringContaining("issue closed: ")]);
  expect(server.issues).toMatchObject([
    { state: "closed", comments: [expect.stringMatching(/^Nothing differs/)] },
  ]);
}

test("a preview's comment is edited on a thread of 120, with the plan's digest, and the engine is started once", async () => {
  const server = await GitHubServer.start();
  try {
    for (let index = 0; index < 120; index += 1) {
      if (index === 70)
        server.addComment(`${commentMarker({ project: "small", stack: "shop" })}\nof the last run`);
      else server.addComment(`comment ${index}`, "somebody");
    }
    const event = { pull_request: { number: 12, head: { sha: "a".repeat(40) } } };
    writeFileSync(join(project.directory, "event.json"), JSON.stringify(event));
    project.describe("shop", 4, "media", { "groundwork:costs": { neon: 12.5 } });
    const plan = join(project.directory, "commented.json");
    const { path, calls } = await countedEngine();
    const { code, stderr, all } = await project.run(
      ["preview", "-s", "shop", "--comment", "--save-plan", plan],
      {
        PATH: path,
        GITHUB_REPOSITORY: "acme/shop",
        GITHUB_EVENT_PATH: join(project.directory, "event.json"),
        GITHUB_API_URL: server.url,
        GITHUB_TOKEN: server.token,
      },
    );
    expect(stderr).toContain("comment edited: https://github.example/acme/shop/pull/12");
    expect(code).toBe(0);
    expect(server.comments).toHaveLength(120);
    const body = server.comments[70]!.body;
    const { digest } = JSON.parse(readFileSync(plan, "utf8")) as { digest: string };
    expect(body).toContain(digest);
    expect(body).toContain("shop-media-3");
    expect(body).toContain("$10.00 → $12.50 a month (+$2.50)");
    expect(server.checks).toHaveLength(1);
    for (const secret of [project.apiToken, project.passphrase, server.token]) {
      expect(all).not.toContain(secret);
      expect(body).not.toContain(secret);
    }
    // Its version is asked once of each engine that is found on PATH.
    expect(calls().map((line) => line.split(" ")[0])).toEqual(["version", "preview"]);
  } finally {
    await server.close();
  }
});

test("a script of at most 30 lines embeds it all: events, drift, history, and errors that it tells apart", async () => {
  const script = join(projectRoot(), "examples", "embed", "deploy.mjs");
  expect(readFileSync(script, "utf8").trim().split("\n").length).toBeLessThanOrEqual(30);
  project.describe("shop", 4);
  const args = [script, "shop", project.directory];
  const { code, stdout, all } = await runProgram(process.execPath, args, project.variables);
  if (code !== 0) throw new Error(all);
  expect(stdout).toContain("create buckets-media-3-domain");
  expect(stdout).toMatch(/0 changed outside; the last run: update succeeded\n$/);

  const locks = join(project.directory, "state", ".pulumi", "locks", "organization", "small", "shop");
  const lock = { pid: 1, username: "somebody", hostname: "elsewhere", timestamp: new Date().toISOString() };
  writeFileSync(join(locks, "1.json"), JSON.stringify(lock));
  project.describe("shop", 3);
  const short = readFileSync(script, "utf8").replace("600_000", "0");
  const impatient = join(projectRoot(), ".groundwork", `embed-${process.pid}.mjs`);
  mkdirSync(join(projectRoot(), ".groundwork"), { recursive: true });
  writeFileSync(impatient, short);
  try {
    const refused = await runProgram(process.execPath, [impatient, ...args.slice(1)], project.variables);
    expect(refused.stderr).toMatch(/at work: \[[\s\S]*host: 'elsewhere'/);
    expect(refused.code).toBe(1);
  } finally {
    rmSync(impatient);
    rmSync(join(locks, "1.json"));
  }
});

test("an up whose readers have gone goes on to its end", async () => {
  project.describe("shop", 6);
  const up = project.begin(["up", "-s", "shop"]);
  await up.until(/bringing shop up|creat/);
  up.hangUp();
  expect(await up.ended).toMatchObject({ code: 0, signal: null });
  const preview = await project.run(["preview", "-s", "shop"]);
  expect([preview.code, preview.stderr]).toEqual([0, expect.stringMatching(/nothing to change/)]);
});

/** The engine behind a script that writes down with what it is called. */
async function countedEngine(): Promise<{ path: string; calls: () => string[] }> {
  const { pulumi, binDirectory } = await findEngine();
  const folder = join(project.directory, "counted");
  const log = join(folder, "calls");
  mkdirSync(folder);
  writeFileSync(join(folder, "pulumi"), `#!/bin/sh\necho "$*" >> '${log}'\nexec '${pulumi}' "$@"\n`);
  chmodSync(join(folder, "pulumi"), 0o755);
  const path = [folder, binDirectory, process.env["PATH"] ?? ""].join(":");
  return { path, calls: () => readFileSync(log, "utf8").trim().split("\n") };
}
