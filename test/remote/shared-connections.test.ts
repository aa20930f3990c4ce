import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { generateSshKey } from "../../common/ssh-key";
import type { HostAccess } from "../../remote/access";
import { sharedConnection, SharedConnections } from "../../remote/shared-connections";
import { freePort, type RealSsh, startNetwork, startSandboxSsh, type TestNetwork } from "../support/open-ssh";

let directory: string;
let ssh: RealSsh;
let network: TestNetwork;
let connections: SharedConnections;
let access: HostAccess;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "groundwork-shared-"));
  ssh = await startSandboxSsh({ directory });
  network = await startNetwork(ssh.server.port);
  access = { server: { ...ssh.server, port: network.port } };
  connections = (await SharedConnections.listen())!;
  Object.assign(process.env, connections.variables);
});

afterEach(async () => {
  for (const name of Object.keys(connections.variables)) delete process.env[name];
  await connections.close();
  await network.close();
  await ssh.close();
  rmSync(directory, { recursive: true, force: true });
});

test("commands of several programs go over the one connection, with input, lines and exit code as they are", async () => {
  connections.dial(access);
  connections.dial(access);
  const shared = await sharedConnection(access);
  const lines: string[] = [];
  const odd = `"quoted" \\ \u2028 é`;
  const [first, second] = await Promise.all([
    shared?.exec("cat; echo told >&2; exit 3", {
      stdin: `${odd}\nlast`,
      onStdout: (line) => lines.push(line),
      onStderr: (line) => lines.push(`error: ${line}`),
    }),
    (await sharedConnection(access))?.exec("echo other"),
  ]);
  expect(first).toEqual({ code: 3, stdout: `${odd}\nlast`, stderr: "told\n" });
  expect([...lines].sort()).toEqual([odd, "error: told", "last"].sort());
  expect(second).toEqual({ code: 0, stdout: "other\n", stderr: "" });
  expect(network.connections()).toBe(1);
});

test("who has another key for the same host, or pins another one, gets no connection", async () => {
  connections.dial(access);
  expect(await sharedConnection(access)).toBeDefined();
  const other = generateSshKey();
  for (const change of [{ privateKey: other.private }, { hostKey: other.public.trim() }, { user: "root" }]) {
    expect(await sharedConnection({ server: { ...access.server, ...change } })).toBeUndefined();
  }
});

test("a host that cannot be reached, or has another key than the pinned one, gives none, and nobody waits for it", async () => {
  const nowhere = { server: { ...access.server, port: await freePort() } };
  const stranger = { server: { ...access.server, hostKey: generateSshKey().public.trim() } };
  for (const host of [nowhere, stranger]) {
    connections.dial(host);
    expect(await sharedConnection(host)).toBeUndefined();
  }
});

test("a command whose connection breaks fails as cut; afterwards there is none", async () => {
  connections.dial(access);
  const shared = await sharedConnection(access);
  const running = shared?.exec("echo begun; sleep 1", { onStdout: () => network.cut() });
  await expect(running).rejects.toMatchObject({ name: "SshFailure", kind: "cut" });
  expect(await sharedConnection(access)).toBeUndefined();
});

test("the socket is closed to other users, and gone with the run; then there is no connection", async () => {
  const [path = ""] = Object.values(connections.variables);
  expect(statSync(dirname(path)).mode & 0o077).toBe(0);
  expect(readdirSync(dirname(path))).toEqual(["socket"]);
  connections.dial(access);
  await connections.close();
  expect(existsSync(dirname(path))).toBe(false);
  expect(await sharedConnection(access)).toBeUndefined();
});

test("what a killed run has left is removed by the next one, what a living run has is not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-ssh-"));
  const script = `require("node:net").createServer().listen(${JSON.stringify(join(folder, "socket"))}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script]);
  expect(readdirSync(folder)).toEqual(["socket"]);
  const next = await SharedConnections.listen();
  await next?.close();
  expect(existsSync(folder)).toBe(false);
  connections.dial(access);
  expect(await sharedConnection(access)).toBeDefined();
});

test("outside of a run there is none", async () => {
  for (const name of Object.keys(connections.variables)) delete process.env[name];
  expect(await sharedConnection(access)).toBeUndefined();
});
