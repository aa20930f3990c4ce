import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBusybox } from "../../sandbox/host/images/busybox";
import { canStartDaemon, startDaemon, type TestDaemon } from "../support/docker-daemon";
import { type StepHost, stepHost } from "../support/remote-step";

// Against a real Docker daemon, with what Compose would have made: it marks all by labels.

jest.setTimeout(300_000);

let daemon: TestDaemon;
let host: StepHost;
const withDocker = canStartDaemon ? test : test.skip;

beforeAll(async () => {
  if (!canStartDaemon) return;
  daemon = await startDaemon({ networks: true });
  const program = spawnSync("sh", ["-c", "command -v docker"], { encoding: "utf8" }).stdout.trim();
  host = stepHost(`exec '${program}' --host '${daemon.host}' "$@"`);
  const image = mkdtempSync(join(tmpdir(), "groundwork-image-"));
  copyFileSync((await findBusybox()) ?? "", join(image, "busybox"));
  const archive = join(image, "image.tar");
  spawnSync("tar", ["-C", image, "-cf", archive, "busybox"]);
  daemon.docker("import", archive, "busybox:own");
  rmSync(image, { recursive: true, force: true });
});
afterAll(async () => {
  if (!canStartDaemon) return;
  try {
    for (const name of daemon.docker("ps", "--all", "--quiet").split("\n").filter(Boolean)) {
      daemon.docker("rm", "--force", "--volumes", name);
    }
    // Its rules in the firewall go with it.
    daemon.docker("network", "prune", "--force");
  } finally {
    host.remove();
    await daemon.close();
  }
});

const projects = ["sample", "sample-proxy", "sample-2", "sample_2"];

function make(project: string): void {
  const label = `com.docker.compose.project=${project}`;
  daemon.docker("network", "create", "--label", label, `${project}_default`);
  daemon.docker("volume", "create", "--label", label, `${project}_data`);
  daemon.docker(
    ...["run", "--detach", "--name", `${project}-app-1`, "--label", label, "--network", `${project}_default`],
    ...["--volume", `${project}_data:/data`, "busybox:own", "/busybox", "sleep", "3600"],
  );
  const folder = join(host.home, "groundwork", project);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, ".env"), "");
}

const all = (kind: string): string[] =>
  daemon
    .docker(
      ...(kind === "ps" ? ["ps", "--all"] : [kind, "ls"]),
      "--format",
      kind === "ps" ? "{{.Names}}" : "{{.Name}}",
    )
    .split("\n");
const names = (kind: string, project: string): string[] =>
  all(kind).filter((name) => [`${project}_data`, `${project}_default`, `${project}-app-1`].includes(name));

withDocker(
  "removes a project with its proxy, its data and its folder, and nobody else's; a second run finds nothing",
  async () => {
    for (const project of projects) make(project);
    const { code, stdout, stderr } = await host.run("project-remove");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      step: "project-remove",
      project: "sample",
      containers: 2,
      volumes: 2,
      networks: 2,
    });
    for (const kind of ["ps", "volume", "network"]) {
      const counts = projects.map((project) => names(kind, project).length);
      expect([kind, counts[0], counts[1]]).toEqual([kind, 0, 0]);
    }
    for (const other of ["sample-2", "sample_2"]) {
      expect([names("ps", other), names("volume", other), names("network", other)]).toEqual([
        [`${other}-app-1`],
        [`${other}_data`],
        [`${other}_default`],
      ]);
      expect(existsSync(join(host.home, "groundwork", other, ".env"))).toBe(true);
    }
    expect(existsSync(host.root)).toBe(false);
    const again = await host.run("project-remove");
    expect(JSON.parse(again.stdout)).toMatchObject({ containers: 0, volumes: 0, networks: 0 });
    daemon.docker("rm", "--force", "--volumes", "sample-2-app-1", "sample_2-app-1");
  },
);

withDocker(
  "removes what rolls as well: its colours, their volumes and networks, the proxy's network",
  async () => {
    make("sample");
    make("sample-blue-2");
    daemon.docker("network", "create", "--label", "groundwork.project=sample", "sample-edge");
    daemon.docker("network", "create", "--label", "groundwork.project=sample-2", "sample-2-edge");
    for (const colour of ["blue", "green"]) {
      const label = `com.docker.compose.project=sample-${colour}`;
      daemon.docker("network", "create", "--label", label, `sample-${colour}_own`);
      daemon.docker("volume", "create", "--label", label, `sample_${colour}-uploads`);
      daemon.docker(
        ...["create", "--name", `sample-${colour}-api-1`, "--label", label, "--network", "sample_default"],
        ...["--volume", `sample_${colour}-uploads:/data`, "busybox:own", "/busybox", "sleep", "3600"],
      );
      for (const network of [`sample-${colour}_own`, "sample-edge"])
        daemon.docker("network", "connect", network, `sample-${colour}-api-1`);
      daemon.docker("start", `sample-${colour}-api-1`);
    }
    const { code, stdout, stderr } = await host.run("project-remove");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ containers: 3, volumes: 3, networks: 4 });
    const others = /^sample([-_]|-blue-)2/;
    for (const kind of ["ps", "volume", "network"])
      expect(all(kind).filter((name) => name.startsWith("sample") && !others.test(name))).toEqual([]);
    expect(existsSync(host.root)).toBe(false);
    expect(names("ps", "sample-blue-2")).toEqual(["sample-blue-2-app-1"]);
    expect(all("network")).toContain("sample-2-edge");
  },
);

withDocker("a volume that somebody else uses is named, and the folder stays for the next run", async () => {
  make("sample");
  daemon.docker(
    "run",
    "--detach",
    "--name",
    "guest",
    "--volume",
    "sample_data:/data",
    "busybox:own",
    "/busybox",
    "sleep",
    "3600",
  );
  const { code, stderr } = await host.run("project-remove");
  expect([code, stderr]).toEqual([
    20,
    expect.stringContaining("sample_data of the volumes cannot be removed") as string,
  ]);
  expect(existsSync(host.root)).toBe(true);
  daemon.docker("rm", "--force", "guest");
  expect((await host.run("project-remove")).code).toBe(0);
  expect(names("volume", "sample")).toEqual([]);
});
