import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openProject } from "../../../automation/project";
import { release } from "../../../automation/release/release";
import { sleep } from "../../../common/processes";

// Real git: a bare remote and a checkout, of a stack that is released by a tag alone.
let folder: string;
let remote: string;
let checkout: string;
const git = (directory: string, ...args: string[]) =>
  execFileSync("git", ["-C", directory, "-c", "user.name=A", "-c", "user.email=a@example.com", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
const journal = () => existsSync(join(checkout, ".git", "groundwork-release-sample.json"));
const tags = () => [git(checkout, "tag"), git(remote, "tag")];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gw-stopped-"));
  [remote, checkout] = [join(folder, "remote.git"), join(folder, "checkout")];
  git(folder, "init", "-q", "--bare", "-b", "main", remote);
  git(folder, "clone", "-q", remote, checkout);
  git(checkout, "checkout", "-q", "-B", "main");
  for (const name of ["name", "email"]) git(checkout, "config", `user.${name}`, "a@example.com");
  writeFileSync(join(checkout, "Pulumi.yaml"), "name: sample\nruntime: nodejs\n");
  writeFileSync(
    join(checkout, "Pulumi.prod.yaml"),
    `config:
  groundwork:domain: example.com
  groundwork:cloudflare: { accountId: "000000000000000000000000000000a1", zoneId: "000000000000000000000000000000b1" }
  groundwork:release: { productionBranch: production, tag: "v{timestamp}" }
`,
  );
  git(checkout, "add", "-A");
  git(checkout, "commit", "-q", "-m", "Begin");
  git(checkout, "push", "-q", "-u", "origin", "main");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tag = "v1970-01-01-000000";
const run = (signal?: AbortSignal, log: (line: string) => void = () => undefined) =>
  release({
    project: openProject(checkout),
    open: () => Promise.reject(new Error("no environment is before it")),
    now: new Date(0),
    signal,
    log,
  });

test("stopped while it looks, a release begins nothing", async () => {
  const stop = new AbortController();
  const ended = await run(stop.signal, () => stop.abort()).catch((error: unknown) => error);
  expect(ended).toBe(stop.signal.reason);
  expect([journal(), ...tags()]).toEqual([false, "", ""]);
});

test("stopped while it makes its tag, a release pushes nothing, and goes on by the same command", async () => {
  const hook = join(checkout, ".git", "hooks", "reference-transaction");
  writeFileSync(
    hook,
    `#!/bin/sh\n[ "$1" = committed ] && grep -q refs/tags/ && : > '${folder}/tagged' && sleep 1\nexit 0\n`,
  );
  chmodSync(hook, 0o755);
  const stop = new AbortController();
  const ended = run(stop.signal).catch((error: unknown) => error);
  while (!existsSync(join(folder, "tagged"))) await sleep(20);
  stop.abort();
  expect(await ended).toBe(stop.signal.reason);
  expect([journal(), ...tags()]).toEqual([true, tag, ""]);
  await expect(run(stop.signal)).rejects.toBe(stop.signal.reason);
  expect(await run()).toMatchObject({ tag, resumed: true });
  expect([journal(), ...tags()]).toEqual([false, tag, tag]);
});
