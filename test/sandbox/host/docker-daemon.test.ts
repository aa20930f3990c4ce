import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findDaemon, leaveOwnDaemon } from "../../../sandbox/host/docker/daemon";

// Programs in the place of Docker's: whose turn it is, is the sandbox's own; and the real daemon is shared by other tests.
const programs = {
  dockerd: `
    const socket = process.argv[process.argv.indexOf("-H") + 1].replace("unix://", "");
    const server = require("node:net").createServer((peer) => peer.end("20.10.24")).listen(socket);
    require("node:fs").writeFileSync(socket + ".temporary", process.env.TMPDIR);
    // A real one answers while it stops its containers.
    process.on("SIGTERM", () => setTimeout(() => process.exit(0), 5000));`,
  docker: `
    const host = process.env.DOCKER_HOST ?? "unix:///nowhere.sock";
    if (process.argv[2] === "context") console.log("unix:///nowhere.sock");
    else require("node:net").connect(host.replace("unix://", "")).on("error", () => process.exit(1)).pipe(process.stdout);`,
};

const isStarted =
  process.platform === "linux" && process.getuid?.() === 0 && !existsSync("/run/systemd/system");
if (!isStarted)
  console.log(
    "skipped: the sandboxes' own Docker daemon (it is started as root on Linux, where systemd is not)",
  );

(isStarted ? describe : describe.skip)("the Docker daemon that sandboxes share", () => {
  const before = { ...process.env };
  let folder: string;
  const hostFolder = (name: string): string => join(folder, name);
  const log = (): void => undefined;
  const find = (name: string) => findDaemon({ directory: hostFolder(name), withDocker: true, log });
  const leave = (name: string) => leaveOwnDaemon(hostFolder(name), log);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gw-daemon-"));
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(join(folder, `${name}.js`), text);
      // Without a first line that names the shell: a script would not count as Docker's own program.
      writeFileSync(join(folder, name), `exec '${process.execPath}' '${join(folder, name)}.js' "$@"\n`);
      chmodSync(join(folder, name), 0o755);
    }
    for (const name of ["first", "second"]) mkdirSync(hostFolder(name));
    process.env["GROUNDWORK_DOCKER"] = join(folder, "run");
    process.env["PATH"] = `${folder}:${before["PATH"] ?? ""}`;
    delete process.env["DOCKER_HOST"];
  });
  afterEach(async () => {
    for (const name of ["first", "second"]) await leave(name);
    process.env = { ...before };
    rmSync(folder, { recursive: true, force: true });
  });
  const answers = async (name: string): Promise<boolean> =>
    find(name).then(({ own, host }) => own && existsSync(host.replace("unix://", "")));

  test("is started by the first, used by the second, and ended by the last", async () => {
    const first = await find("first");
    expect(first).toMatchObject({ own: true, host: `unix://${join(folder, "run", "docker.sock")}` });
    expect(await find("second")).toEqual(first);
    await leave("first");
    expect(await answers("second")).toBe(true);
    await leave("second");
    expect(existsSync(join(folder, "run"))).toBe(false);
  }, 60_000);

  test("does not depend on the temporary folder of who started it", async () => {
    process.env["TMPDIR"] = join(folder, "first");
    const { host } = await find("first");
    expect(readFileSync(`${host.replace("unix://", "")}.temporary`, "utf8")).toBe("/tmp");
  }, 60_000);

  test("that is being ended is not taken for one that runs: who comes meanwhile gets a new one", async () => {
    await find("first");
    const left = leave("first");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const [second] = await Promise.all([find("second"), left]);
    expect(second.own).toBe(true);
    expect(existsSync(second.host.replace("unix://", ""))).toBe(true);
    expect(await answers("second")).toBe(true);
  }, 60_000);
});
