import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { globFiles } from "../../../sandbox/providers/command/globs";
import { provider } from "../../../sandbox/providers/command/provider";
import { readConnection } from "../../../sandbox/providers/command/connection";
import { dial } from "../../../sandbox/providers/command/ssh";
import { UNKNOWN, type Values } from "../../../sandbox/providers/values";
import { testProvider } from "../../support/provider";
import { newKey, startTestSsh, type TestSsh } from "../../support/ssh-server";

const remote = "command:remote:Command";
const local = "command:local:Command";

let directory: string;
let ssh: TestSsh;
const opened: TestSsh[] = [];
beforeAll(async () => {
  delete process.env["SSH_AUTH_SOCK"];
  ssh = await startTestSsh({ acceptsVariable: (name) => name.startsWith("LC_") });
  opened.push(ssh);
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "groundwork-command-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));
afterAll(async () => {
  await Promise.all(opened.map((server) => server.close()));
});

function connection(over: Values = {}): Values {
  const { port, hostKey, privateKey } = ssh;
  return { host: "127.0.0.1", port, user: "deploy", privateKey, hostKey, dialErrorLimit: 0, ...over };
}

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("remote.Command", () => {
  it("runs the command on the host with its input, and gives what it printed", async () => {
    const command = testProvider(provider);
    const { id, outputs } = await command.create(remote, {
      connection: connection(),
      create: "cat; echo done; echo careful >&2",
      stdin: "given\n",
    });
    expect(id).toMatch(/^it[\da-f]{8}$/);
    expect(outputs).toMatchObject({ stdout: "given\ndone", stderr: "careful" });
    expect(command.messages.sort()).toEqual(["info: careful", "info: done", "info: given"]);
  });

  it.each([
    ["none", []],
    ["stderr", ["info: two"]],
    ["stdout", ["info: one"]],
  ])("logs by `logging`: %s", async (logging, expected) => {
    const command = testProvider(provider);
    await command.create(remote, { connection: connection(), create: "echo one; echo two >&2", logging });
    expect(command.messages).toEqual(expected);
  });

  it("fails with the status, the command and all that was printed, whatever `logging` says", async () => {
    const command = testProvider(provider);
    const create = "echo out; echo err >&2; exit 3";
    await expect(
      command.create(remote, { connection: connection(), create, logging: "none" }),
    ).rejects.toThrow(
      /^Process exited with status 3: running "echo out; echo err >&2; exit 3":\n(out\nerr|err\nout)\n$/,
    );
    await expect(command.create(remote, { connection: connection(), create: "kill -9 $$" })).rejects.toThrow(
      "Process exited with status 137 from signal KILL",
    );
    expect(command.messages).toEqual([]);
  });

  it("keeps secrets out of its messages, though the command prints them", async () => {
    const command = testProvider(provider);
    const stdin = JSON.stringify({ password: "hunter2-hunter2" });
    const context = { ...command.context(remote), secretInputs: new Set(["stdin", "connection"]) };
    const inputs = { connection: connection(), create: "cat >&2; exit 1", stdin };
    const error: Error = await command.operations.create(context, inputs, false).then(
      () => new Error("it succeeded"),
      (reason: Error) => reason,
    );
    expect(error.message).toBe('Process exited with status 1: running "cat >&2; exit 1":\n[secret]');
    expect(command.messages).toEqual(["info: [secret]"]);

    const secretCommand = { ...command.context(remote), secretInputs: new Set(["create"]) };
    await expect(
      command.operations.create(
        secretCommand,
        { connection: connection(), create: "false hunter2-hunter2" },
        false,
      ),
    ).rejects.toThrow("Process exited with status 1: running [secret]:\n");
  });

  it("sends `environment` as SSH does, and fails before running where the server refuses", async () => {
    const command = testProvider(provider);
    const run = (environment: Values) =>
      command.create(remote, {
        connection: connection(),
        create: `echo "$LC_ONE $LC_TWO" | tee ${join(directory, "ran")}`,
        environment,
      });
    expect((await run({ LC_ONE: "1", LC_TWO: "2" })).outputs["stdout"]).toBe("1 2");
    rmSync(join(directory, "ran"));
    await expect(run({ LC_ONE: "1", OTHER: "2" })).rejects.toThrow("Unable to set 'OTHER'");
    expect(existsSync(join(directory, "ran"))).toBe(false);
  });

  it("hands the previous output to an update, warns where it is refused, and leaves it by request", async () => {
    const command = testProvider(provider);
    const update = (inputs: Values) =>
      command.operations.update(
        command.context(remote),
        "id",
        {},
        { stdout: "before", stderr: "" },
        { connection: connection(), create: "echo created", ...inputs },
        false,
      );
    expect(await update({ update: "echo updated" })).toMatchObject({ stdout: "updated" });
    expect(ssh.variables).toContain("PULUMI_COMMAND_STDOUT");
    expect(command.messages.filter((message) => message.startsWith("warning"))).toEqual([
      expect.stringContaining("Unable to set 'PULUMI_COMMAND_STDOUT'"),
    ]);
    ssh.variables.length = 0;
    expect(await update({ addPreviousOutputInEnv: false })).toMatchObject({ stdout: "created" });
    expect(ssh.variables).toEqual([]);
  });

  it("deletes by the recorded connection and command", async () => {
    const command = testProvider(provider);
    const file = join(directory, "deleted");
    const inputs = { connection: connection(), create: "true", delete: `cat > ${file}`, stdin: "recorded" };
    await command.operations.delete(command.context(remote), "id", inputs, { ...inputs, stdout: "" });
    expect(readFileSync(file, "utf8")).toBe("recorded");
    // Without a delete nothing is dialled.
    await command.operations.delete(
      command.context(remote),
      "id",
      { connection: { host: "nowhere.invalid" } },
      {},
    );
  });

  it("has nothing to import, and refresh finds nothing", async () => {
    const command = testProvider(provider);
    await expect(command.operations.read(command.context(remote), "id", {}, {})).rejects.toThrow(
      "cannot be imported",
    );
    const state = { create: "true", stdout: "x" };
    expect(await command.operations.read(command.context(remote), "id", { create: "true" }, state)).toEqual({
      id: "id",
      inputs: { create: "true" },
      outputs: state,
    });
  });

  it.each([
    ["create", { create: "true" }, { create: "false" }, "update"],
    ["create with update set", { create: "true", update: "x" }, { create: "false", update: "x" }, "update"],
    ["stdin", { stdin: "1" }, { stdin: "2" }, "update"],
    ["delete", { delete: "1" }, { delete: "2" }, "update"],
    ["logging", {}, { logging: "none" }, "update"],
    ["triggers", { triggers: ["1"] }, { triggers: ["2"] }, "replace"],
    ["first triggers", {}, { triggers: ["2"] }, "replace"],
    ["triggers with update set", { update: "x", triggers: [1] }, { update: "x", triggers: [2] }, "replace"],
    ["nothing", { create: "true", triggers: [1] }, { create: "true", triggers: [1] }, "same"],
  ] as const)("decides about a change of %s", (_what, before, after, decision) => {
    const command = testProvider(provider);
    const both = { connection: { host: "h" } };
    expect(command.decide(remote, { ...both, ...before } as Values, { ...both, ...after } as Values)).toBe(
      decision,
    );
  });

  it("updates for a rotated key or a new host key", () => {
    const command = testProvider(provider);
    const decide = (after: Values) =>
      command.decide(
        remote,
        { connection: { host: "h", privateKey: "1" } },
        { connection: { host: "h", ...after } },
      );
    expect(decide({ privateKey: "2" })).toBe("update");
    expect(decide({ privateKey: "1", hostKey: "x" })).toBe("update");
    expect(decide({ privateKey: "1" })).toBe("same");
  });

  it("shows outputs as unknown in the preview of a create and of an update", async () => {
    const command = testProvider(provider);
    expect(await command.preview(local, { create: "true" })).toEqual({
      create: "true",
      stdout: UNKNOWN,
      stderr: UNKNOWN,
    });
    const updated = await command.operations.update(
      command.context(local),
      "id",
      {},
      { stdout: "1", stderr: "" },
      { create: "x" },
      true,
    );
    expect(updated).toEqual({ create: "x", stdout: UNKNOWN, stderr: UNKNOWN });
  });

  it("refuses an unknown field of the connection without showing the connection", () => {
    const command = testProvider(provider);
    const wrong = {
      host: "h",
      privateKey: "PRIVATE",
      identity: "x",
      proxy: { user: "u", proxy: { host: "p" } },
    };
    const refusals = command.refusals(remote, { connection: wrong });
    expect(Object.keys(refusals)).toEqual([
      "connection.identity",
      "connection.proxy.host",
      "connection.proxy.proxy",
    ]);
    expect(JSON.stringify(refusals)).not.toContain("PRIVATE");
    expect(command.refusals(remote, {})).toEqual({ connection: `${remote} needs the input "connection"` });
    expect(command.refusals(remote, { connection: { host: "h" }, logging: "all" })).toHaveProperty("logging");
  });
});

describe("dialling", () => {
  it("tries again with growing waits and then fails, telling each attempt", async () => {
    const port = await closedPort();
    const said: string[] = [];
    const started = Date.now();
    await expect(
      dial(readConnection(connection({ port, dialErrorLimit: 3 })), {
        signal: new AbortController().signal,
        progress: (message) => said.push(message),
        firstWait: 20,
      }),
    ).rejects.toThrow(`after 4 failed attempts: dial tcp 127.0.0.1:${port}: connect: connection refused`);
    expect(said).toEqual([1, 2, 3].map((attempt) => `Dial ${attempt}/3 failed: retrying`));
    // 20 + 30 + 45 ms of waiting.
    expect(Date.now() - started).toBeGreaterThanOrEqual(90);
  });

  it("reaches a host that comes up meanwhile", async () => {
    const port = await closedPort();
    const key = newKey();
    const late = startLater(port, key);
    const command = testProvider(provider);
    const { outputs } = await command.create(remote, {
      connection: connection({ port, privateKey: key.private, hostKey: undefined, dialErrorLimit: 10 }),
      create: "echo up",
    });
    expect(outputs["stdout"]).toBe("up");
    await late;
  });

  /** Forwards `port` to a new server after a while: the server itself takes any free port. */
  async function startLater(port: number, key: { private: string; public: string }): Promise<void> {
    await sleep(250);
    const server = await startTestSsh({ key });
    const { connect } = await import("node:net");
    const door = createServer((socket) => {
      const inner = connect(server.port, "127.0.0.1");
      socket.on("error", () => inner.destroy());
      inner.on("error", () => socket.destroy());
      socket.pipe(inner).pipe(socket);
    });
    await new Promise<void>((resolve) => door.listen(port, "127.0.0.1", resolve));
    opened.push({ ...server, close: async () => void (door.close(), await server.close()) });
  }

  it("counts a refused key like any other failure", async () => {
    const before = ssh.counts.refusals;
    const command = testProvider(provider);
    await expect(
      command.create(remote, {
        connection: connection({ privateKey: newKey().private, dialErrorLimit: 1 }),
        create: "true",
      }),
    ).rejects.toThrow(/after 2 failed attempts: ssh: handshake failed: .*authentication methods failed/);
    expect(ssh.counts.refusals - before).toBe(2);
  });

  it("accepts only the pinned host key, and any where none is pinned", async () => {
    const command = testProvider(provider);
    const withPin = (hostKey: string | undefined) =>
      command.create(remote, { connection: connection({ hostKey }), create: "echo in" });
    expect((await withPin(undefined)).outputs["stdout"]).toBe("in");
    expect((await withPin(`${ssh.hostKey} a comment`)).outputs["stdout"]).toBe("in");
    await expect(withPin(newKey().public)).rejects.toThrow("ssh: handshake failed: ssh: host key mismatch");
    await expect(withPin("nonsense")).rejects.toThrow("failed to parse host key");
    // The kind of the pinned key is the only one offered: the server has no ECDSA key.
    const { utils } = await import("ssh2");
    const ecdsa = utils.generateKeyPairSync("ecdsa", { bits: 256 });
    await expect(withPin(ecdsa.public)).rejects.toThrow(/handshake failed.*no matching/);
  });

  it("logs in by password and by the dialogue that asks for it", async () => {
    const command = testProvider(provider);
    const password = newKey().public.slice(20, 40);
    for (const onlyKeyboard of [false, true]) {
      const server = await startTestSsh({ password, onlyKeyboard });
      opened.push(server);
      const login = { host: "127.0.0.1", port: server.port, password, dialErrorLimit: 0 };
      expect((await command.create(remote, { connection: login, create: "echo in" })).outputs["stdout"]).toBe(
        "in",
      );
      await expect(
        command.create(remote, { connection: { ...login, password: "wrong" }, create: "true" }),
      ).rejects.toThrow("after 1 failed attempts");
    }
  });

  it("goes through a proxy, whose key is pinned on its own", async () => {
    const hop = await startTestSsh();
    opened.push(hop);
    const command = testProvider(provider);
    const proxy = {
      host: "127.0.0.1",
      port: hop.port,
      user: "jump",
      privateKey: hop.privateKey,
      dialErrorLimit: 0,
    };
    const run = (hostKey: string) =>
      command.create(remote, {
        connection: connection({ proxy: { ...proxy, hostKey } }),
        create: "echo through",
      });
    expect((await run(hop.hostKey)).outputs["stdout"]).toBe("through");
    expect(hop.counts).toMatchObject({ logins: 1, forwards: 1 });
    await expect(run(ssh.hostKey)).rejects.toThrow("host key mismatch");
    expect(hop.counts.forwards).toBe(1);
  });

  it("fails by a dead agent socket even beside a private key, as the real provider does", async () => {
    const command = testProvider(provider);
    const agentSocketPath = join(directory, "nobody");
    await expect(
      command.create(remote, { connection: connection({ agentSocketPath }), create: "true" }),
    ).rejects.toThrow(`dial unix ${agentSocketPath}`);
  });

  it("gives up a connection that does not come about in perDialTimeout seconds", async () => {
    // Reserved for documentation (RFC 5737): nothing answers, or the network says so at once.
    const started = Date.now();
    await expect(
      dial(readConnection({ host: "192.0.2.1", dialErrorLimit: 0, perDialTimeout: 0.2 }), {
        signal: new AbortController().signal,
        progress: () => undefined,
      }),
    ).rejects.toThrow("dial tcp 192.0.2.1:22: ");
    expect(Date.now() - started).toBeLessThan(5_000);
  });

  it("stops trying when cancelled", async () => {
    const command = testProvider(provider);
    const running = command.create(remote, {
      connection: connection({ port: await closedPort(), dialErrorLimit: -1 }),
      create: "true",
    });
    setTimeout(() => command.cancel(), 100);
    await expect(running).rejects.toThrow();
    expect(command.messages[0]).toBe("info: Dial 1/inf failed: retrying");
  });
});

describe("local.Command", () => {
  it("runs in a folder, with input, environment and what this process has", async () => {
    const command = testProvider(provider);
    writeFileSync(join(directory, "here"), "");
    const { outputs } = await command.create(local, {
      create: 'cat; ls; echo "$ONE ${HOME:+home}"',
      dir: directory,
      stdin: "in\n",
      environment: { ONE: "1" },
    });
    expect(outputs["stdout"]).toBe("in\nhere\n1 home");
  });

  it("uses another interpreter, and says when there is none of that name", async () => {
    const command = testProvider(provider);
    const { outputs } = await command.create(local, {
      create: "process.stdout.write(String(6 * 7))",
      interpreter: [process.execPath, "-e"],
    });
    expect(outputs["stdout"]).toBe("42");
    await expect(command.create(local, { create: "x", interpreter: ["no-such-shell"] })).rejects.toThrow(
      'exec: "no-such-shell": not found: running "x":',
    );
  });

  it("fails with the status and what was printed", async () => {
    await expect(testProvider(provider).create(local, { create: "echo no; exit 4" })).rejects.toThrow(
      'exit status 4: running "echo no; exit 4":\nno\n',
    );
  });

  it("gives files made as assets and as an archive", async () => {
    mkdirSync(join(directory, "out", "deep"), { recursive: true });
    for (const file of ["a.js", "a.map", "deep/b.js"]) writeFileSync(join(directory, "out", file), file);
    expect(globFiles(directory, ["out/**", "!**/*.map"])).toEqual(["out/a.js", "out/deep/b.js"]);
    expect(globFiles(directory, ["out/*.{js,map}"])).toEqual(["out/a.js", "out/a.map"]);
    expect(globFiles(directory, ["!out/a.js", "out/?.js"])).toEqual(["out/a.js"]);
    const { outputs } = await testProvider(provider).create(local, {
      create: "true",
      dir: directory,
      assetPaths: ["out/*.js"],
      archivePaths: ["out/**/b.js"],
    });
    expect(Object.keys(outputs["assets"] as Values)).toEqual(["out/a.js"]);
    expect(outputs["archive"]).toMatchObject({
      assets: { "out/deep/b.js": { path: join(directory, "out/deep/b.js") } },
    });
  });

  it("ends the command and all that it started when cancelled", async () => {
    const command = testProvider(provider);
    const file = join(directory, "pid");
    const running = command.create(local, { create: `sleep 600 & echo $! > ${file}; wait` });
    while (!existsSync(file) || readFileSync(file, "utf8") === "") await sleep(20);
    command.cancel();
    await expect(running).rejects.toThrow("cancelled: running");
    const pid = Number(readFileSync(file, "utf8"));
    for (let tries = 0; tries < 100 && isAlive(pid); tries++) await sleep(20);
    expect(isAlive(pid)).toBe(false);
  });

  function isAlive(pid: number): boolean {
    try {
      process.kill(pid, 0);
      // Ended, but not yet waited for by the system's first process.
      return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
    } catch {
      return false;
    }
  }

  it("local.run runs at once and gives what was printed beside its arguments", async () => {
    const command = testProvider(provider);
    const result = await command.operations.invoke(
      "command:local:run",
      { command: "echo hello" },
      command.context(local),
    );
    expect(result).toMatchObject({ command: "echo hello", stdout: "hello", stderr: "" });
  });
});
