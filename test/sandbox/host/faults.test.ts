import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { destroyHost } from "../../../sandbox/host/host";
import { isRunning, type ProcessIdentity } from "../../../common/processes";
import { describeWhere, fixtures, get, hasProgram, images, TestHost } from "./support";

jest.setTimeout(180_000);

const composeFile = readFileSync(join(fixtures, "compose.yaml"), "utf8");
const canRun = process.platform === "linux" && hasProgram("ssh");

interface State {
  readonly supervisor: ProcessIdentity;
  readonly child: ProcessIdentity;
}

function state(host: TestHost, service: string): State {
  const file = join(host.directory, "projects", "notes", "services", service, "state.json");
  return JSON.parse(readFileSync(file, "utf8")) as State;
}

async function prepare(host: TestHost): Promise<void> {
  await host.ssh("mkdir -p notes && cat > notes/compose.yaml", { input: composeFile });
  await host.ssh(
    "cd notes && umask 077 && printf pw-for-test > password && echo DB_PASSWORD=pw-for-test > .env",
  );
}

const up = (host: TestHost): ReturnType<TestHost["ssh"]> =>
  host.ssh("cd notes && docker compose up -d --wait --wait-timeout 60");

describe("what the machine lacks", () => {
  const before = process.env["DOCKER_HOST"];
  beforeAll(() => (process.env["DOCKER_HOST"] = "unix:///nowhere/docker.sock"));
  afterAll(() => {
    if (before === undefined) delete process.env["DOCKER_HOST"];
    else process.env["DOCKER_HOST"] = before;
  });

  test("Docker that was asked for and is not there is an error with the remedy", async () => {
    await expect(TestHost.start({ mode: "docker", withDocker: false, images: [] })).rejects.toThrow(
      /^Docker is (not installed|installed, but its daemon does not answer)\n {2}next: .*with-docker/,
    );
  });

  test("auto goes on without it, and says so", async () => {
    const host = await TestHost.start({ mode: "auto", withDocker: false, images: [] });
    expect(host.host.mode).toBe("process");
    expect(host.said.join("\n")).toMatch(/no Docker \(Docker is .*\): services run as plain processes/);
    await host.host.close();
    const again = await TestHost.start({
      mode: "auto",
      withDocker: false,
      images: [],
      directory: host.directory,
    });
    expect(again.host.mode).toBe("process");
    await again.host.close();
    await expect(TestHost.start({ mode: "docker", images: [], directory: host.directory })).rejects.toThrow(
      /has begun in process mode and cannot change to docker mode.*\n.*destroy/,
    );
    await destroyHost(host.directory);
    await host.remove();
  });
});

test("a damaged host key is told, never replaced", async () => {
  const host = await TestHost.start({ images: [] });
  await host.host.close();
  const file = join(host.directory, "keys", "host_ed25519");
  writeFileSync(file, "damaged");
  await expect(TestHost.start({ images: [], directory: host.directory })).rejects.toThrow(
    /SSH key cannot be read: .*host_ed25519\n.*remove this file/,
  );
  expect(readFileSync(file, "utf8")).toBe("damaged");
  await host.remove();
});

test("an image whose files are missing is told before anything starts", async () => {
  await expect(
    TestHost.start({ images: [{ names: ["x"], kind: "node-app", directory: "/nowhere/at/all" }] }),
  ).rejects.toThrow(/a file of a sandbox image is missing: \/nowhere\/at\/all/);
});

test("an unfit name is refused; the longest of an environment is none", async () => {
  const host = await TestHost.start({ name: `groundwork-${"pr-".padEnd(41, "x")}`, images: [] });
  await host.remove();
  await expect(TestHost.start({ name: "Not fit", images: [] })).rejects.toThrow(
    /not a name for a sandbox host: Not fit/,
  );
});

describeWhere(canRun, "process mode needs Linux and ssh")("kills", () => {
  let host: TestHost;
  beforeAll(async () => {
    host = await TestHost.start();
    await prepare(host);
  });
  afterAll(() => host.remove());

  test("kill -9 of everything while it comes up, at several moments: the next up converges", async () => {
    for (const delay of [150, 400, 900, 1600]) {
      const cut = host.ssh(`cd notes && timeout -s KILL ${delay / 1000} docker compose up -d --wait`);
      await cut;
      const text = spawnSync("ps", ["-eo", "pid,args"], { encoding: "utf8" }).stdout;
      for (const line of text.split("\n").filter((each) => each.includes(host.directory))) {
        // One that has ended since it was listed is none to kill.
        spawnSync("kill", ["-9", String(Number.parseInt(line, 10))]);
      }
    }
    const { code, stderr } = await up(host);
    expect({ code, stderr }).toEqual({ code: 0, stderr });
    expect((await get(host.host.resolvePort(80) ?? 0)).status).toBe(200);
  });

  test("kill -9 of a supervisor: its service is ended and started anew, never twice", async () => {
    const before = state(host, "api");
    process.kill(before.supervisor.pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isRunning(before.child)).toBe(true);
    expect((await host.ssh("cd notes && docker compose ps --services")).stdout).toBe("db\n");
    const { code, stderr } = await up(host);
    expect({ code, stderr }).toEqual({ code: 0, stderr });
    expect(isRunning(before.child)).toBe(false);
    expect((await get(host.host.resolvePort(80) ?? 0)).status).toBe(200);
  });

  test("two ups at once end with one of each service", async () => {
    await host.ssh("cd notes && docker compose down");
    const both = await Promise.all([up(host), up(host)]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const text = spawnSync("ps", ["-eo", "args"], { encoding: "utf8" }).stdout;
    const running = text
      .split("\n")
      .filter((line) => line.includes(join(host.directory, "tools", "supervisor.js")));
    expect(running).toHaveLength(2);
  });
});

const canMount = process.getuid?.() === 0 && mountWorks();

function mountWorks(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "gw-mount-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status === 0;
  if (mounted) spawnSync("umount", [folder]);
  rmSync(folder, { recursive: true, force: true });
  return mounted;
}

if (!canMount)
  console.log("skipped: a full disk is tried on a small file system, which this user cannot mount");

(canMount && canRun ? test : test.skip)(
  "a full disk: a clear failure, nothing truncated, and it goes on afterwards",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "gw-full-"));
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=220m,mode=755", "tmpfs", folder]);
    try {
      const host = await TestHost.start({ directory: join(folder, "host"), images });
      await prepare(host);
      const filled = await host.ssh("head -c 400000000 /dev/zero > filler");
      expect(filled.code).not.toBe(0);
      expect(filled.stderr).toContain("No space left on device");

      const failed = await up(host);
      expect(failed.code).not.toBe(0);
      expect(failed.stderr).toMatch(/ENOSPC|[Nn]o space left|exited|not started/);
      const batch = join(tmpdir(), `gw-batch-${process.pid}`);
      writeFileSync(batch, "x".repeat(100_000));
      const scp = spawnSync(
        "scp",
        [...host.clientOptions(), "-P", String(host.host.port), batch, "deploy@127.0.0.1:a"],
        { encoding: "utf8" },
      );
      expect(scp.status).not.toBe(0);
      rmSync(batch);

      await host.ssh("rm filler");
      const { code, stderr } = await up(host);
      expect({ code, stderr }).toEqual({ code: 0, stderr });
      expect((await get(host.host.resolvePort(80) ?? 0)).status).toBe(200);
      await host.remove();
    } finally {
      spawnSync("umount", ["-l", folder]);
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
