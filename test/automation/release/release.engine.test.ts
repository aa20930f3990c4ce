import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { projectRoot } from "../../../common/project-root";
import { createAuthority } from "../../../sandbox/certificates";
import { findEngine } from "../../../sandbox/engine/engine";
import { runEngine } from "../../../sandbox/engine/run";
import { type CommandResult, runProgram } from "../../support/command";
import { type FakeSteps, fakeSteps } from "../../support/fake-steps";
import { type RealSsh, startSandboxSsh } from "../../support/open-ssh";
import { parsedAnswer } from "../../support/json-answer";

// The real command and real git: a bare remote, a checkout, and a staging whose host answers over SSH and whose public
// address answers over HTTPS.

jest.setTimeout(300_000);

const digest = (digit: string): string => `ghcr.io/acme/api@sha256:${digit.repeat(64)}`;
const gitProgram = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();

let steps: FakeSteps;
let ssh: RealSsh;
let server: Server;
let status = 200;
let variables: Record<string, string>;
let bin: string;
let checkout: string;
let remote: string;
let other: string;

const git = (directory: string, ...args: string[]): string =>
  execFileSync(gitProgram, ["-C", directory, ...args], {
    encoding: "utf8",
    env: { ...process.env, ...variables },
  }).trim();

const groundwork = (args: readonly string[], more: Record<string, string> = {}): Promise<CommandResult> =>
  runProgram(
    process.execPath,
    [join(projectRoot(), "bin", "groundwork.js"), ...args, "--directory", checkout],
    {
      ...variables,
      ...more,
    },
  );
const release = (...args: string[]): Promise<CommandResult> => groundwork(["release", ...args]);

function stackFile(stack: string, name: string, image: string, more: string): string {
  return `config:
  groundwork:domain: example.com
  groundwork:cloudflare: { accountId: "000000000000000000000000000000a1", zoneId: "000000000000000000000000000000b1" }
  groundwork:hosts:
    one: { address: 203.0.113.10, user: ${ssh.server.user}, hostKey: ${ssh.server.hostKey} }
  groundwork:resolve:
    - "203.0.113.10:22:127.0.0.1:${ssh.server.port}"
    - "${name}:443:127.0.0.1:${(server.address() as AddressInfo).port}"
  groundwork:origins:
    api:
      kind: compose
      host: one
      hostnames: [${name}]
      project: ${stack}
      composeFile: compose.yaml
      services:
        api:
          image: ${image} # what ${stack} runs
          port: 4000
          publish: 80
          healthPath: /health
${more}`;
}

/** What staging's host says of its releases. */
function running(reference: string, more: object = {}): void {
  steps.write(
    "releases.json",
    `${JSON.stringify({
      step: "releases",
      active: "c3c3",
      previous: null,
      running: null,
      releases: [{ release: "c3c3", number: 3, at: 1_700_000_001_000, images: { api: { reference } } }],
      ...more,
    })}\n`,
  );
}

/** Where a name of the remote is. */
const at = (name: string): string | undefined =>
  git(remote, "for-each-ref", "--format=%(refname) %(objectname)", name).split(" ")[1];
const tags = (directory: string): string[] =>
  git(directory, "tag")
    .split("\n")
    .filter((tag) => tag !== "");
const journal = (): string => join(checkout, ".git", "groundwork-release-sample.json");

beforeAll(async () => {
  steps = fakeSteps();
  ssh = await startSandboxSsh({ directory: steps.directory, bin: steps.bin });
  const authority = await createAuthority(join(steps.directory, "authority"), "release test");
  const { certificatePem: cert, keyPem: key } = await authority.issue({ hostnames: ["staging.example.com"] });
  server = createServer({ cert, key }, (_request, response) => response.writeHead(status).end("ok"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  remote = join(steps.directory, "remote.git");
  checkout = join(steps.directory, "checkout");
  other = join(steps.directory, "other");
  bin = join(steps.directory, "own-bin");
  mkdirSync(bin);
  // A git that ends the command that called it, before or after one of its own commands.
  writeFileSync(
    join(bin, "git"),
    `#!/bin/sh
[ "\${KILL_AT-}" != "before $3" ] || { kill -9 $PPID; exit 1; }
'${gitProgram}' "$@"; code=$?
[ "\${KILL_AT-}" != "after $3" ] || kill -9 $PPID
exit $code
`,
  );
  chmodSync(join(bin, "git"), 0o755);
  const state = join(steps.directory, "state");
  mkdirSync(state);
  variables = {
    NO_COLOR: "1",
    PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
    NODE_EXTRA_CA_CERTS: authority.certificateFile,
    PULUMI_BACKEND_URL: `file://${state}`,
    PULUMI_CONFIG_PASSPHRASE: randomBytes(12).toString("hex"),
    CLOUDFLARE_API_TOKEN: randomBytes(12).toString("hex"),
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_AUTHOR_NAME: "A Developer",
    GIT_AUTHOR_EMAIL: "developer@example.com",
    GIT_COMMITTER_NAME: "A Developer",
    GIT_COMMITTER_EMAIL: "developer@example.com",
  };
  execFileSync(gitProgram, ["init", "-q", "--bare", "-b", "main", remote]);
  execFileSync(gitProgram, ["clone", "-q", remote, checkout], { stdio: "ignore" });
  git(checkout, "checkout", "-q", "-B", "main");
  writeFileSync(join(checkout, "Pulumi.yaml"), "name: sample\nruntime: nodejs\nmain: index.js\n");
  writeFileSync(
    join(checkout, "Pulumi.staging.yaml"),
    stackFile("staging", "staging.example.com", "ghcr.io/acme/api:main", ""),
  );
  writeFileSync(
    join(checkout, "Pulumi.prod.yaml"),
    stackFile(
      "prod",
      "prod.example.com",
      "ghcr.io/acme/api:none-yet",
      '  groundwork:release: { productionBranch: production, tag: "v{timestamp}" } # as everybody knows it\n',
    ),
  );
  const engine = await findEngine();
  const options = { directory: checkout, variables };
  await runEngine(engine, ["stack", "init", "staging", "--no-select"], options);
  const secretKey = ["config", "set", "--secret", "--path", "groundwork:secrets.SSH_PRIVATE_KEY"];
  await runEngine(engine, [...secretKey, "--stack", "staging"], { ...options, input: ssh.server.privateKey });
  git(checkout, "add", "-A");
  git(checkout, "commit", "-q", "-m", "Begin");
  git(checkout, "push", "-q", "-u", "origin", "main");
  execFileSync(gitProgram, ["clone", "-q", remote, other]);
  running(digest("a"));
});
afterAll(async () => {
  await ssh.close();
  await new Promise((resolve) => server.close(resolve));
  steps.remove();
});

test("a dry run says all and changes nothing, here or at the remote", async () => {
  const before = [git(checkout, "rev-parse", "HEAD"), git(remote, "for-each-ref")];
  const { code, stdout, stderr } = await release("--dry-run");
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining("nothing was changed") as string,
  });
  expect(stderr).toContain("staging: https://staging.example.com/health answers 200");
  expect(stdout).toContain(`api.api: ghcr.io/acme/api:none-yet -> ${digest("a")}`);
  expect(stdout).toMatch(/would make release v\d{4}-\d\d-\d\d-\d{6} of prod/);
  const answer = parsedAnswer("release", (await release("--dry-run", "--json")).stdout);
  expect(answer).toMatchObject({ stack: "prod", made: false, resumed: false });
  expect(answer.images).toEqual([{ name: "api.api", from: "ghcr.io/acme/api:none-yet", to: digest("a") }]);
  expect([git(checkout, "rev-parse", "HEAD"), git(remote, "for-each-ref")]).toEqual(before);
  expect([tags(checkout), existsSync(journal()), git(checkout, "status", "--porcelain")]).toEqual([
    [],
    false,
    "",
  ]);
});

test("pushes tag, branch and production branch with staging's digest, and keeps every comment", async () => {
  const { code, stdout, stderr } = await release();
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("all at once") as string });
  const [tag = ""] = tags(remote);
  expect(stdout).toContain(`released ${tag} to prod`);
  const commit = git(remote, "rev-parse", `${tag}^{commit}`);
  expect([at("refs/heads/main"), at("refs/heads/production")]).toEqual([commit, commit]);
  expect(git(checkout, "rev-parse", "HEAD")).toBe(commit);
  expect(git(checkout, "status", "--porcelain")).toBe("");
  expect(git(checkout, "show", "--stat", "--format=%s", commit)).toMatch(
    new RegExp(`^Release ${tag} to prod[^]*Pulumi.prod.yaml \\| 2 \\+-`),
  );
  const text = readFileSync(join(checkout, "Pulumi.prod.yaml"), "utf8");
  expect(text).toContain(`          image: ${digest("a")} # what prod runs\n`);
  expect(text).toContain("# as everybody knows it");
  expect(existsSync(journal())).toBe(false);
});

test("with the same images only a tag is made and the branches stay", async () => {
  const before = at("refs/heads/main");
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const { code, stdout } = await release("--json");
  const { commit, images, made, tag } = parsedAnswer("release", stdout);
  expect([code, images, made]).toEqual([0, [], true]);
  expect(commit).toBe(git(remote, "rev-parse", `${tag}^{commit}`));
  expect([tags(remote).length, at("refs/heads/main")]).toEqual([2, before]);
});

describe("refuses, and changes nothing", () => {
  const unchanged = async (expected: RegExp, prepare: () => void, mend: () => void): Promise<void> => {
    prepare();
    try {
      const before = git(remote, "for-each-ref");
      const { code, stderr } = await release();
      expect(stderr).toMatch(expected);
      expect(code).toBe(1);
      expect(git(remote, "for-each-ref")).toBe(before);
      expect(existsSync(journal())).toBe(false);
    } finally {
      mend();
    }
  };
  const commitIn = (directory: string, file: string): void => {
    writeFileSync(join(directory, file), file);
    git(directory, "add", "-A");
    git(directory, "commit", "-q", "-m", `Add ${file}`);
  };
  const undo = (): string => git(checkout, "reset", "-q", "--hard", "origin/main");

  test("a dirty checkout", () =>
    unchanged(
      /checkout is dirty[^]*notes\.txt/,
      () => writeFileSync(join(checkout, "notes.txt"), ""),
      () => git(checkout, "clean", "-qfd"),
    ));

  test("another branch", () =>
    unchanged(
      /another branch[^]*git switch main/,
      () => git(checkout, "switch", "-q", "-c", "feature"),
      () => git(checkout, "switch", "-q", "main"),
    ));

  test("a branch that somebody has deleted at the remote: it is not brought back", () =>
    unchanged(
      /origin has no branch main[^]*git push --set-upstream origin main/,
      () => git(remote, "update-ref", "-d", "refs/heads/main"),
      () => git(checkout, "push", "-q", "origin", "main"),
    ));

  test("a checkout that is ahead", () =>
    unchanged(/commits that origin has not[^]*git push/, () => commitIn(checkout, "own"), undo));

  test("a checkout that is behind", () =>
    unchanged(
      /checkout is behind[^]*git pull --ff-only/,
      () => {
        git(other, "pull", "-q");
        commitIn(other, "theirs");
        git(other, "push", "-q");
      },
      () => git(checkout, "pull", "-q", "--ff-only"),
    ));

  test("a production branch that could only be moved by force", () => {
    const before = at("refs/heads/production") ?? "";
    return unchanged(
      /production has commits that main has not/,
      () => {
        git(other, "fetch", "-q");
        git(other, "switch", "-q", "--detach", "origin/production");
        commitIn(other, "hotfix");
        git(other, "push", "-q", "origin", "HEAD:production");
        git(other, "switch", "-q", "main");
      },
      () => git(remote, "update-ref", "refs/heads/production", before),
    );
  });

  test("a staging that does not answer well", () =>
    unchanged(
      /staging is not well[^]*https:\/\/staging\.example\.com\/health answers 503/,
      () => (status = 503),
      () => (status = 200),
    ));

  test("a staging with a release under way", () =>
    unchanged(
      /staging is not well[^]*api: release d4d4 is under way/,
      () => running(digest("b"), { running: "d4d4" }),
      () => running(digest("b")),
    ));

  test("an image that staging runs by a tag", () =>
    unchanged(
      /by a tag, which may be another image tomorrow: ghcr\.io\/acme\/api:main[^]*pull: always/,
      () => running("ghcr.io/acme/api:main"),
      () => running(digest("b")),
    ));
});

test("what somebody pushes between look and push ends the release with nothing done", async () => {
  git(other, "fetch", "-q");
  git(other, "reset", "-q", "--hard", "origin/main");
  writeFileSync(join(other, "late"), "");
  git(other, "add", "-A");
  git(other, "commit", "-q", "-m", "Come late");
  running(digest("c"));
  const killed = await groundwork(["release"], { KILL_AT: "before push" });
  expect(killed.code).toBeNull();
  git(other, "push", "-q");
  const [main, known] = [at("refs/heads/main"), tags(remote)];
  const { code, stderr } = await release();
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/somebody has pushed to main meanwhile/) as string,
  ]);
  expect([at("refs/heads/main"), tags(remote), tags(checkout)]).toEqual([main, known, known]);
  expect(existsSync(journal())).toBe(false);
  git(checkout, "pull", "-q", "--ff-only");
});

test.each([
  ["before hash-object", "d"],
  ["after commit-tree", "e"],
  ["before tag", "f"],
  ["after tag", "0"],
  ["after push", "2"],
  ["after merge", "4"],
])("killed %s, the same command ends the release, once", async (moment, image) => {
  running(digest(image));
  const known = tags(remote).length;
  const { code } = await groundwork(["release"], { KILL_AT: moment });
  expect(code).toBeNull();
  expect(existsSync(journal())).toBe(true);
  const again = await release();
  expect([again.code, again.stderr]).toEqual([
    0,
    expect.stringMatching(/was begun at .* and cut short; going on/) as string,
  ]);
  expect(tags(remote)).toHaveLength(known + 1);
  const tag = tags(remote).at(-1) ?? "";
  const commit = git(remote, "rev-parse", `${tag}^{commit}`);
  expect([at("refs/heads/main"), at("refs/heads/production")]).toEqual([commit, commit]);
  expect([git(checkout, "rev-parse", "HEAD"), git(checkout, "status", "--porcelain")]).toEqual([commit, ""]);
  expect(readFileSync(join(checkout, "Pulumi.prod.yaml"), "utf8")).toContain(digest(image));
  expect(git(checkout, "log", "--oneline", "-2", "--format=%s")).not.toMatch(/(Release .*)\n\1/);
  expect([
    existsSync(journal()),
    readdirSync(join(checkout, ".git")).filter((name) => /groundwork/.test(name)),
  ]).toEqual([false, []]);
});

test("--abandon gives up what was not pushed", async () => {
  running(digest("5"));
  await groundwork(["release"], { KILL_AT: "before push" });
  expect(tags(checkout)).not.toEqual(tags(remote));
  const [before, made] = [readFileSync(journal(), "utf8"), tags(checkout)];
  const dry = await release("--abandon", "--dry-run");
  expect([dry.code, dry.stderr]).toEqual([0, expect.stringMatching(/would give up release v\S+/) as string]);
  expect([readFileSync(journal(), "utf8"), tags(checkout)]).toEqual([before, made]);
  const { code, stderr } = await release("--abandon");
  expect([code, stderr]).toEqual([0, expect.stringMatching(/release v\S+ is given up/) as string]);
  expect([existsSync(journal()), tags(checkout)]).toEqual([false, tags(remote)]);
  const none = await release("--abandon", "--json");
  expect(none.stderr).toContain("no release was begun");
  expect(parsedAnswer("release --abandon", none.stdout)).toEqual({});
});

test("--abandon gives up nothing that was pushed, and names what ends it", async () => {
  running(digest("6"));
  await groundwork(["release"], { KILL_AT: "after push" });
  const before = readFileSync(journal(), "utf8");
  for (const more of [[], ["--dry-run"]]) {
    const { code, stderr } = await release("--abandon", ...more);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/was pushed already[^]*next: npx groundwork release/) as string,
    ]);
    expect([readFileSync(journal(), "utf8"), tags(checkout)]).toEqual([before, tags(remote)]);
  }
  expect((await release()).code).toBe(0);
  expect(existsSync(journal())).toBe(false);
});
