import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { generateSshKey } from "../../common/ssh-key";
import { SshConnection, SshFailure } from "../../remote/ssh-client";
import { startTestSsh } from "../support/ssh-server";
import { freePort, type RealSsh, realSshKinds, startNetwork, type TestNetwork } from "../support/open-ssh";

async function failureOf(work: Promise<unknown>): Promise<SshFailure> {
  const error = await work.then(
    () => new Error("nothing failed"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof SshFailure)) throw error;
  return error;
}

describe.each(realSshKinds)("against %s", (_kind, start) => {
  let directory: string;
  let ssh: RealSsh;
  const open: SshConnection[] = [];
  const networks: TestNetwork[] = [];
  const networkTo = async (port: number) => {
    const network = await startNetwork(port);
    networks.push(network);
    return network;
  };
  const connect = async (...args: Parameters<typeof SshConnection.open>) => {
    const connection = await SshConnection.open(...args);
    open.push(connection);
    return connection;
  };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "groundwork-ssh-client-"));
    ssh = await start({ directory });
  });
  afterEach(async () => {
    for (const connection of open.splice(0)) connection.close();
    for (const network of networks.splice(0)) await network.close();
  });
  afterAll(async () => {
    await ssh.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test("runs several commands at once on one connection, each with its own input, output and end", async () => {
    const network = await networkTo(ssh.server.port);
    const connection = await connect({ server: { ...ssh.server, port: network.port } });
    const lines: string[] = [];
    const [first, second] = await Promise.all([
      connection.exec("cat; echo to the other >&2; exit 21", {
        stdin: "über\nzwei",
        onStdout: (line) => lines.push(line),
      }),
      connection.exec("sleep 0.1; kill -TERM $$"),
    ]);
    expect(first).toEqual({ code: 21, stdout: "über\nzwei", stderr: "to the other\n" });
    expect(lines).toEqual(["über", "zwei"]);
    expect(second).toMatchObject({ code: undefined, signal: "TERM" });
    expect(network.connections()).toBe(1);
  });

  test("tells lines as they come, not at the end", async () => {
    const connection = await connect({ server: ssh.server });
    const heard: [string, number][] = [];
    const began = Date.now();
    await connection.exec("echo first; sleep 1; echo second", {
      onStdout: (line) => heard.push([line, Date.now() - began]),
    });
    expect(heard.map(([line]) => line)).toEqual(["first", "second"]);
    expect((heard[1]?.[1] ?? 0) - (heard[0]?.[1] ?? 0)).toBeGreaterThan(700);
  });

  test("an input of many megabytes arrives whole, and of a long answer the end is kept", async () => {
    const connection = await connect({ server: ssh.server });
    const stdin = randomBytes(3_000_000).toString("base64");
    const { stdout } = await connection.exec("wc -c; head -c 2000000 /dev/zero | tr '\\0' x; echo end", {
      stdin,
    });
    expect(stdout.length).toBeLessThan(600_000);
    expect(stdout.endsWith("xend\n")).toBe(true);
    const counted = await connection.exec("wc -c", { stdin });
    expect(counted.stdout.trim()).toBe(String(stdin.length));
  });

  test("another host key than the pinned one is refused at once, and nothing is sent", async () => {
    const network = await networkTo(ssh.server.port);
    const pinned = generateSshKey().public.trim();
    const failure = await failureOf(
      connect({ server: { ...ssh.server, port: network.port, hostKey: pinned }, dialErrorLimit: 10 }),
    );
    expect(failure.kind).toBe("host-key");
    expect(failure.message).toContain("host key mismatch");
    expect(failure.next).toContain("/etc/ssh/ssh_host_ed25519_key.pub");
    expect(network.connections()).toBe(1);
  });

  test("a pinned key of a kind that the server has not is a changed key, too", async () => {
    const hostKey = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA==";
    expect((await failureOf(connect({ server: { ...ssh.server, hostKey } }))).kind).toBe("host-key");
  });

  test("a refused login is not tried twice, and no error shows the key", async () => {
    const network = await networkTo(ssh.server.port);
    const stranger = generateSshKey();
    const failure = await failureOf(
      connect({ server: { ...ssh.server, port: network.port, privateKey: stranger.private } }),
    );
    expect(failure.kind).toBe("login");
    expect(failure.next).toContain("authorized_keys");
    expect(network.connections()).toBe(1);
    const all = `${failure.message}${failure.stack ?? ""}${String(failure.cause)}`;
    for (const line of stranger.private
      .split("\n")
      .filter((text) => text.length > 20 && !text.startsWith("-")))
      expect(all).not.toContain(line);
  });

  test("a connection that is cut in the middle fails the command and says what next; a new one works", async () => {
    const connection = await connect({ server: ssh.server });
    const file = join(directory, "ran-on");
    let running: Promise<SshFailure> | undefined;
    await new Promise<void>((begun) => {
      running = failureOf(connection.exec(`echo begun; sleep 1; : >${file}`, { onStdout: () => begun() }));
    });
    await ssh.cut();
    const failure = await running!;
    expect(failure.kind).toBe("cut");
    expect(failure.next).toContain("same command again");
    expect(connection.isOpen).toBe(false);
    expect((await failureOf(connection.exec("true"))).kind).toBe("cut");
    const again = await connect({ server: ssh.server });
    expect((await again.exec("echo again")).stdout).toBe("again\n");
    // What prints no more is not ended by the loss of its reader.
    for (let tries = 0; tries < 100 && !existsSync(file); tries++) await sleep(50);
    expect(existsSync(file)).toBe(true);
  });

  test("a network in which nothing comes through any more is noticed", async () => {
    const network = await networkTo(ssh.server.port);
    const connection = await connect({ server: { ...ssh.server, port: network.port } }, { keepaliveMs: 100 });
    const running = failureOf(connection.exec("sleep 5"));
    await sleep(200);
    network.hold();
    expect((await running).kind).toBe("cut");
  });

  test("a server that is away is dialled again until it is there", async () => {
    const port = await freePort();
    const said: string[] = [];
    const opening = connect(
      { server: { ...ssh.server, port } },
      { firstWaitMs: 20, log: (line) => said.push(line) },
    );
    await sleep(150);
    const late = await start({ directory: mkdtempSync(join(directory, "late-")), port });
    // It has keys of its own: the dialling ends, with what only a server can say.
    expect((await failureOf(opening)).kind).toBe("host-key");
    expect(said.length).toBeGreaterThan(1);
    await late.close();
  });

  test("a server that stays away is given up after the limit", async () => {
    const port = await freePort();
    const said: string[] = [];
    const failure = await failureOf(
      connect(
        { server: { ...ssh.server, port }, dialErrorLimit: 2 },
        { firstWaitMs: 5, log: (line) => said.push(line) },
      ),
    );
    expect(failure.kind).toBe("unreachable");
    expect(failure.message).toBe(`dial tcp 127.0.0.1:${port}: connect: connection refused`);
    expect(said).toHaveLength(2);
  });

  test("is ended by its signal while it dials", async () => {
    const port = await freePort();
    const stop = new AbortController();
    const opening = connect({ server: { ...ssh.server, port } }, { signal: stop.signal });
    setTimeout(() => stop.abort(), 100);
    await expect(opening).rejects.toThrow(/abort/i);
  });

  test("goes over a jump host", async () => {
    const jump = await startTestSsh();
    const access = {
      server: ssh.server,
      jump: {
        address: "127.0.0.1",
        port: jump.port,
        user: "hop",
        hostKey: jump.hostKey,
        privateKey: jump.privateKey,
      },
    };
    const connection = await connect(access);
    expect((await connection.exec("echo through")).stdout).toBe("through\n");
    expect(jump.counts).toEqual({ logins: 1, refusals: 0, forwards: 1 });
    connection.close();
    const port = await freePort();
    const failure = await failureOf(
      connect({ ...access, server: { ...ssh.server, port }, dialErrorLimit: 0 }),
    );
    expect(failure.kind).toBe("unreachable");
    expect(failure.message).toContain(`127.0.0.1:${port}`);
    await jump.close();
  });

  test("runs a step of remote/ with its frames", async () => {
    const connection = await connect({ server: ssh.server });
    const path = join(directory, "projects");
    const written = await connection.step("write-files", { directory: path }, "sample", {
      files: 1,
      file_1_path: "note.txt",
      file_1_mode: "0600",
      file_1_content: "it's all 'quoted'\n",
    });
    expect(written.stderr).toBe("");
    expect(written.code).toBe(0);
    expect(readFileSync(join(path, "sample", "note.txt"), "utf8")).toBe("it's all 'quoted'\n");
  });
});

test("a private key that cannot be read is said without it", async () => {
  const text = randomBytes(30).toString("base64");
  const ssh = await startTestSsh();
  const server = {
    address: "127.0.0.1",
    port: ssh.port,
    user: "deploy",
    hostKey: ssh.hostKey,
    privateKey: text,
  };
  const failure = await failureOf(SshConnection.open({ server }));
  expect(failure.kind).toBe("key");
  expect(failure.message).not.toContain(text);
  await ssh.close();
});

test("what is no SSH server is said to be none", async () => {
  const { createServer } = await import("node:net");
  const web = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  const { port } = web.address() as { port: number };
  const keys = generateSshKey();
  const server = {
    address: "127.0.0.1",
    port,
    user: "deploy",
    hostKey: keys.public.trim(),
    privateKey: keys.private,
  };
  const failure = await failureOf(SshConnection.open({ server, dialErrorLimit: 1 }, { firstWaitMs: 1 }));
  expect(["protocol", "unreachable"]).toContain(failure.kind);
  web.close();
});
