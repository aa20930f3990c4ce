import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheDirectory } from "../../common/cache";
import { projectRoot } from "../../common/project-root";
import { sandboxFolder } from "../../sandbox/folder";
import { SandboxHome } from "../support/command";

// What a machine may lack. Each test has a home of its own, as nothing comes up in most of them.
let home: SandboxHome;
let scratch: string;

beforeEach(() => {
  home = new SandboxHome();
  scratch = mkdtempSync(join(tmpdir(), "groundwork-machine-"));
});

afterEach(async () => {
  await home.remove(["dev"]);
  rmSync(scratch, { recursive: true, force: true });
}, 120_000);

/** A PATH on which the machine's programs are, but not these. */
function pathWithout(...missing: string[]): string {
  const folder = join(scratch, "bin");
  mkdirSync(folder);
  const seen = new Set(missing);
  for (const directory of (process.env.PATH ?? "").split(":")) {
    if (!existsSync(directory)) continue;
    for (const name of readdirSync(directory)) {
      if (seen.has(name)) continue;
      seen.add(name);
      symlinkSync(join(directory, name), join(folder, name));
    }
  }
  return folder;
}

test("no engine and no network: one error with both remedies, soon", async () => {
  const begun = Date.now();
  const { code, stderr } = await home.run(["preview", "-s", "dev"], {
    PATH: pathWithout("pulumi", "go", "curl", "wget"),
    GROUNDWORK_CACHE: join(scratch, "cache"),
    HOME: scratch,
  });
  expect(stderr).toMatch(
    /there is no Pulumi engine, it could not be downloaded \(.+\), and there is no Go to build it/,
  );
  expect(stderr).toMatch(/install Pulumi \(https:\S+\)[\s\S]*or install Go \(https:\S+\)/);
  expect(code).toBe(1);
  expect(Date.now() - begun).toBeLessThan(30_000);
}, 60_000);

/** Runs as somebody who is not root, with the engine that is there already. */
function runAsNobody(args: readonly string[]): { status: number | null; stderr: string } {
  const cache = join(scratch, "cache");
  mkdirSync(cache);
  const engines = readdirSync(cacheDirectory()).filter((name) => name.startsWith("pulumi-"));
  execFileSync("cp", ["-a", ...engines.map((name) => join(cacheDirectory(), name)), cache]);
  execFileSync("chown", ["-R", "61234:61234", scratch]);
  const command = [process.execPath, join(projectRoot(), "bin", "groundwork.js"), ...args];
  return spawnSync("setpriv", ["--reuid=61234", "--regid=61234", "--clear-groups", ...command], {
    cwd: projectRoot(),
    encoding: "utf8",
    env: {
      ...process.env,
      HOME: scratch,
      GROUNDWORK_HOME: join(scratch, "home"),
      GROUNDWORK_CACHE: cache,
      DOCKER_HOST: `unix://${join(scratch, "no.sock")}`,
      CI: "",
      NO_COLOR: "1",
    },
  });
}

const canBeNobody =
  spawnSync("setpriv", ["--reuid=61234", "--clear-groups", "test", "-r", join(projectRoot(), "package.json")])
    .status === 0;
const asNobody = canBeNobody ? test : test.skip;
if (!canBeNobody)
  console.log("skipped: Docker asked for by another user (needs root, and a checkout that all may read)");

asNobody(
  "Docker is asked for by who may not start it: what is missing is said, nothing goes on running",
  async () => {
    // What is built is the checkout's owner's.
    await home.run(["--help"]);
    const { status, stderr } = runAsNobody(["start", "--with-docker"]);
    expect(stderr).toMatch(/a part of the sandbox did not start/);
    expect(stderr).toMatch(/Docker needs root/);
    expect(stderr).toMatch(/next: \S/);
    expect(status).toBe(1);
    expect(existsSync(join(scratch, "home", "sandbox", "dev", "sandbox.json"))).toBe(false);
    const running = (): string => spawnSync("pgrep", ["-u", "61234"], { encoding: "utf8" }).stdout;
    // The daemon has said why it ends before it has ended.
    for (const patience = Date.now() + 10_000; running() !== "" && Date.now() < patience;) await sleep(100);
    expect(running()).toBe("");
  },
  120_000,
);

const mayMount = (): boolean => {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-mount-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status === 0;
  if (mounted) execFileSync("umount", [folder]);
  rmSync(folder, { recursive: true });
  return mounted;
};

const small = mayMount() ? test : test.skip;
if (small === test.skip) console.log("skipped: a full disk (only root can mount a small file system)");

/** A file system of that size in a folder, for as long as `work` runs. */
async function withSmallDisk(folder: string, size: string, work: () => Promise<void>): Promise<void> {
  mkdirSync(folder, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=755`, "tmpfs", folder]);
  try {
    await work();
  } finally {
    await home.run(["sandbox", "stop", "-s", "dev"]);
    execFileSync("umount", ["-l", folder]);
  }
}

small(
  "the host's disk is too small: what is free and what is needed; with more the next start goes on",
  async () => {
    const { host } = sandboxFolder("dev", { GROUNDWORK_HOME: home.folder });
    await withSmallDisk(host, "24m", async () => {
      const { code, stderr } = await home.run(["start", "--without-docker"]);
      expect(stderr).toMatch(/\d+ MB are free under .*, 256 MB are needed; free some/);
      expect(stderr).toMatch(/next: mend what is named above and run the same command again/);
      expect(code).toBe(1);
      execFileSync("mount", ["-o", "remount,size=2g", host]);
      const again = await home.run(["start", "--without-docker"]);
      expect(again.stdout).toMatch(/health\s+│ 200/);
      expect(again.code).toBe(0);
      expect((await home.run(["start"])).stderr).toMatch(/nothing to change/);
    });
  },
  240_000,
);

small(
  "the disk of the sandbox itself is full: that is said, and with more space it comes up",
  async () => {
    const { root } = sandboxFolder("dev", { GROUNDWORK_HOME: home.folder });
    await withSmallDisk(root, "16k", async () => {
      const { code, stderr } = await home.run(["start", "--without-docker"]);
      expect(stderr).toMatch(/error: [\s\S]*no space left on device/i);
      expect(stderr).toMatch(/next: (free some space|mend what is named above)/);
      expect(stderr).not.toMatch(/a bug of groundwork/);
      expect(code).toBe(1);
      execFileSync("mount", ["-o", "remount,size=2g", root]);
      expect((await home.run(["start", "--without-docker"])).code).toBe(0);
    });
  },
  240_000,
);
