import { generateSshKey } from "../../../../common/ssh-key";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { Client, type ClientChannel } from "ssh2";
import { acceptsVariable } from "../../../../sandbox/host/ssh/server";
import { describeWhere, hasProgram, run, TestHost } from "../support";

const opensshThere = hasProgram("ssh") && hasProgram("sftp") && hasProgram("scp");

let host: TestHost;

beforeAll(async () => {
  host = await TestHost.start({ images: [] });
});
afterAll(() => host.remove());

/** A connection of the ssh2 library, the one client that every machine has. */
function connect(
  options: { host?: string; privateKey?: string; username?: string; hostKey?: string } = {},
): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.once("ready", () => resolve(client));
    client.once("error", reject);
    client.connect({
      host: options.host ?? "127.0.0.1",
      port: host.host.port,
      username: options.username ?? "deploy",
      privateKey: options.privateKey ?? readKey(),
      hostVerifier: (key: Buffer) =>
        `ssh-ed25519 ${key.toString("base64")}` === (options.hostKey ?? host.host.hostKey),
    });
  });
}

function readKey(): string {
  return readFileSync(host.host.privateKeyFile ?? "", "utf8");
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function exec(
  client: Client,
  command: string,
  use: (channel: ClientChannel) => void = (c) => c.end(),
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      let stdout = "";
      let stderr = "";
      let code: number | null = null;
      let signal: string | undefined;
      channel.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      channel.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      channel.on("exit", (status: number | null, name?: string) => {
        code = status;
        signal = name;
      });
      channel.once("close", () => resolve({ code, signal, stdout, stderr }));
      use(channel);
    });
  });
}

test("keeps an ed25519 client key with mode 0600 and the same host key over a restart", async () => {
  const first = await TestHost.start({ images: [] });
  const { hostKey, privateKeyFile = "" } = first.host;
  expect(hostKey).toMatch(/^ssh-ed25519 [A-Za-z0-9+/=]+$/);
  expect(statSync(privateKeyFile).mode & 0o777).toBe(0o600);
  await first.host.close();
  const second = await TestHost.start({ images: [], directory: first.directory });
  expect(second.host.hostKey).toBe(hostKey);
  await second.remove();
  await first.remove();
  expect(existsSync(first.directory)).toBe(false);
});

test("listens on loopback only", async () => {
  const { stdout } = await run("sh", [
    "-c",
    // 0A: it listens. Others are connections that have just ended.
    `grep -i ':${host.host.port.toString(16).padStart(4, "0")} [0-9A-F:]* 0A ' /proc/net/tcp /proc/net/tcp6`,
  ]);
  const listening = stdout.match(/(?<=: )[0-9A-F]+(?=:[0-9A-F]{4} )/g);
  const one = "0100007F";
  const six = "00000000000000000000000001000000";
  expect(listening).toEqual(host.host.hasIPv6 ? [one, six] : [one]);
});

const withIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);
(withIPv6 ? test : test.skip)("answers at ::1 as well, as a machine without IPv4 does", async () => {
  const client = await connect({ host: "::1" });
  expect((await exec(client, "echo here")).stdout).toBe("here\n");
  client.end();
});

test("runs commands from the home folder with a clean environment, LANG and LC_* excepted", async () => {
  process.env["GROUNDWORK_TEST_LEAK"] = "leaked";
  const client = await connect();
  const { stdout } = await exec(client, "pwd; env");
  delete process.env["GROUNDWORK_TEST_LEAK"];
  expect(stdout.split("\n")[0]).toBe(join(host.directory, "home"));
  expect(stdout).toContain(`HOME=${join(host.directory, "home")}\n`);
  expect(stdout).toContain("USER=deploy\n");
  expect(stdout).not.toContain("leaked");
  client.end();
});

test("refuses environment variables but LANG and LC_*", () => {
  const accepted = ["LANG", "LC_ALL", "LC_TIME", "PATH", "LC_", "LD_PRELOAD", "SECRET"].filter(
    acceptsVariable,
  );
  expect(accepted).toEqual(["LANG", "LC_ALL", "LC_TIME"]);
});

test("answers a refused variable with a failure and goes on", async () => {
  const client = await connect();
  const ended = await new Promise<Ended>((resolve, reject) => {
    client.exec(
      "echo ${LC_TEST-unset} ${SECRET-unset}",
      { env: { LC_TEST: "taken", SECRET: "not" } },
      (error, channel) => {
        if (error) return reject(error);
        let stdout = "";
        channel.setEncoding("utf8").on("data", (text: string) => (stdout += text));
        channel.once("close", () => resolve({ code: 0, signal: undefined, stdout, stderr: "" }));
        channel.stderr.resume();
        channel.end();
      },
    );
  });
  expect(ended.stdout).toBe("taken unset\n");
  client.end();
});

test.each([
  ["exit 0", 0],
  ["exit 7", 7],
  ["false", 1],
  ["no-such-program", 127],
])("reports the exit code of %j", async (command, code) => {
  const client = await connect();
  expect((await exec(client, command)).code).toBe(code);
  client.end();
});

test("hands standard input over whole and both outputs back apart", async () => {
  const client = await connect();
  const input = randomBytes(3_000_000).toString("base64");
  const ended = await exec(client, "cat; echo problem >&2; exit 4", (channel) => channel.end(input));
  expect(ended.stdout === input).toBe(true);
  expect(ended.stderr).toBe("problem\n");
  expect(ended.code).toBe(4);
  client.end();
});

test("goes on with both outputs where the client has let them wait", async () => {
  const client = await connect();
  // More than the client's window takes of one, so that the other waits behind it.
  const size = 5_000_000;
  const command = `head -c ${size} /dev/zero | tr '\\0' x; echo problem >&2; echo more; sleep 0.2; head -c ${size} /dev/zero | tr '\\0' y >&2; echo last; exit 4`;
  const ended = await exec(client, command, (channel) => {
    channel.pause();
    channel.stderr.pause();
    setTimeout(() => {
      channel.resume();
      channel.stderr.resume();
    }, 1000);
    channel.end();
  });
  expect(ended.stdout === `${"x".repeat(size)}more\nlast\n`).toBe(true);
  expect(ended.stderr === `problem\n${"y".repeat(size)}`).toBe(true);
  expect(ended.code).toBe(4);
  client.end();
}, 10_000);

test("does not lose the end of a large output on standard error", async () => {
  const client = await connect();
  const ended = await exec(client, "head -c 4000000 /dev/zero | tr '\\0' x >&2");
  expect(ended.stderr).toHaveLength(4_000_000);
  client.end();
});

test("passes signals on and reports the signal that ended a command", async () => {
  const client = await connect();
  const ended = await exec(client, "echo ready; exec sleep 60", (channel) => {
    channel.once("data", () => channel.signal("TERM"));
  });
  expect(ended.signal).toBe("SIGTERM");
  client.end();
});

test("lets a silent command run on to its end when the client goes away, as sshd does", async () => {
  const client = await connect();
  const file = join(host.directory, "home", "done");
  await new Promise<void>((resolve) => {
    client.exec(`sleep 0.5; echo yes > done`, () => resolve());
  });
  client.destroy();
  await waitFor(() => existsSync(file));
  expect(existsSync(file)).toBe(true);
});

test("several commands run at once on one connection, and many connections at once", async () => {
  const client = await connect();
  const many = await Promise.all(Array.from({ length: 8 }, (_, index) => exec(client, `echo ${index}`)));
  expect(many.map(({ stdout }) => stdout)).toEqual(many.map((_, index) => `${index}\n`));
  client.end();
  const clients = await Promise.all(Array.from({ length: 10 }, () => connect()));
  const answers = await Promise.all(clients.map((each) => exec(each, "exit 3")));
  expect(answers.every(({ code }) => code === 3)).toBe(true);
  clients.forEach((each) => each.end());
});

test("refuses another key, a password and a user name that is none", async () => {
  const other = generateSshKey().private;
  await expect(connect({ privateKey: other })).rejects.toThrow(/authentication methods failed/);
  await expect(connect({ username: "Not A User" })).rejects.toThrow(/authentication methods failed/);
  await expect(
    new Promise<void>((resolve, reject) => {
      const client = new Client();
      client.once("ready", () => resolve()).once("error", reject);
      client.connect({ host: "127.0.0.1", port: host.host.port, username: "deploy", password: "guess" });
    }),
  ).rejects.toThrow(/authentication methods failed/);
});

test("a client that pins another host key stops", async () => {
  const other = generateSshKey().public.split(" ").slice(0, 2).join(" ");
  await expect(connect({ hostKey: other })).rejects.toThrow(/Host denied|verification failed/);
});

test("a port in use: another one is used", async () => {
  const other = await TestHost.start({ images: [], port: host.host.port });
  expect(other.host.port).not.toBe(host.host.port);
  await other.remove();
});

describe("forwarding", () => {
  const forwardTo = (client: Client, address: string, port: number): Promise<string> =>
    new Promise((resolve, reject) => {
      client.forwardOut("127.0.0.1", 0, address, port, (error, channel) => {
        if (error) return reject(error);
        let text = "";
        channel.setEncoding("utf8").on("data", (part: string) => (text += part));
        channel.once("close", () => resolve(text));
        channel.end("ping");
      });
    });

  test("leads to loopback, half-closed connections included", async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let text = "";
      socket.setEncoding("utf8").on("data", (part: string) => (text += part));
      socket.once("end", () => socket.end(`got ${text}`));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = await connect();
    expect(await forwardTo(client, "localhost", (server.address() as AddressInfo).port)).toBe("got ping");
    client.end();
    server.close();
  });

  test("leads to nowhere else, and says so for a port where nobody listens", async () => {
    const client = await connect();
    await expect(forwardTo(client, "192.0.2.1", 80)).rejects.toThrow(/open failure/i);
    await expect(forwardTo(client, "127.0.0.1", 1)).rejects.toThrow(/open failure/i);
    client.end();
  });
});

describeWhere(opensshThere, "no ssh, sftp and scp on PATH")("with OpenSSH's clients", () => {
  test("ssh runs a command with input and gives its exit code", async () => {
    const { code, stdout, stderr } = await host.ssh("cat; echo oops >&2; exit 9", { input: "hello" });
    expect({ code, stdout, stderr }).toEqual({ code: 9, stdout: "hello", stderr: "oops\n" });
  });

  test("ssh without a command runs a shell that reads from standard input", async () => {
    const args = [...host.clientOptions(), "-T", "-p", String(host.host.port), "deploy@127.0.0.1"];
    expect((await run("ssh", args, "echo from $((40 + 2))\nexit 5\n")).stdout).toBe("from 42\n");
    expect((await run("ssh", args, "exit 5\n")).code).toBe(5);
  });

  test("ssh refuses a changed host key and another client key", async () => {
    const changed = join(host.directory, "changed_hosts");
    const other = generateSshKey();
    writeFileSync(changed, `[127.0.0.1]:${host.host.port} ${other.public}\n`);
    const wrongHost = await host.ssh("true", { options: ["-o", `UserKnownHostsFile=${changed}`] });
    // The first UserKnownHostsFile wins in ssh, so the pinned one is put out of the way.
    const args = host
      .clientOptions()
      .map((arg) => (arg.startsWith("UserKnownHostsFile=") ? `UserKnownHostsFile=${changed}` : arg));
    const refused = await run("ssh", [...args, "-p", String(host.host.port), "deploy@127.0.0.1", "true"]);
    expect(wrongHost.code).toBe(0);
    expect(refused.code).toBe(255);
    expect(refused.stderr).toContain("REMOTE HOST IDENTIFICATION HAS CHANGED");

    const key = join(host.directory, "other_key");
    writeFileSync(key, other.private, { mode: 0o600 });
    const options = host.clientOptions().map((arg) => (arg === host.host.privateKeyFile ? key : arg));
    const denied = await run("ssh", [...options, "-p", String(host.host.port), "deploy@127.0.0.1", "true"]);
    expect(denied.code).toBe(255);
    expect(denied.stderr).toContain("Permission denied (publickey)");
  });

  test("sftp makes folders, writes, renames, lists, reads back and removes", async () => {
    const source = join(host.directory, "upload.bin");
    const back = join(host.directory, "download.bin");
    const content = randomBytes(1_500_000);
    writeFileSync(source, content);
    const batch = [
      "mkdir files",
      `put ${source} files/a.bin`,
      "chmod 600 files/a.bin",
      "rename files/a.bin files/b.bin",
      "ls -l files",
      `get files/b.bin ${back}`,
      "rm files/b.bin",
      "rmdir files",
      "-ls missing",
      "pwd",
    ].join("\n");
    const args = [...host.clientOptions(), "-P", String(host.host.port), "-b", "-", "deploy@127.0.0.1"];
    const { code, stdout, stderr } = await run("sftp", args, `${batch}\n`);
    expect(stderr.replace(/Can't ls: .*not found\s*/, "")).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/-rw------- .* 1500000 .* b\.bin/);
    expect(stdout).toContain(`Remote working directory: ${join(host.directory, "home")}`);
    expect(readFileSync(back).equals(content)).toBe(true);
    expect(existsSync(join(host.directory, "home", "files"))).toBe(false);
  });

  test("scp copies a file there and back", async () => {
    const source = join(host.directory, "scp.txt");
    writeFileSync(source, "by scp\n");
    const place = ["-P", String(host.host.port)];
    const there = await run("scp", [
      ...host.clientOptions(),
      ...place,
      source,
      "deploy@127.0.0.1:scp-copy.txt",
    ]);
    expect(there).toMatchObject({ code: 0 });
    expect((await host.ssh("cat scp-copy.txt")).stdout).toBe("by scp\n");
    expect(statSync(join(host.directory, "home", "scp-copy.txt")).mode & 0o777).toBe(0o644);
  });

  test("sftp neither reads nor writes outside of the home folder, also not through a link", async () => {
    await host.ssh("ln -sfn /etc link");
    const batch = [
      "-get /etc/hostname /dev/null",
      "-get link/hostname /dev/null",
      "-put /etc/hostname ../escaped",
    ].join("\n");
    const args = [...host.clientOptions(), "-P", String(host.host.port), "-b", "-", "deploy@127.0.0.1"];
    const { stderr } = await run("sftp", args, `${batch}\n`);
    expect(stderr.match(/Permission denied|not found|outside/gi)?.length).toBeGreaterThanOrEqual(3);
    expect(existsSync(join(host.directory, "escaped"))).toBe(false);
  });

  test("ssh -L leads to a loopback port of the machine", async () => {
    const server = createServer((socket) => socket.end("through the tunnel"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const args = [
      ...host.clientOptions(),
      "-p",
      String(host.host.port),
      "-W",
      `127.0.0.1:${port}`,
      "deploy@127.0.0.1",
    ];
    expect((await run("ssh", args)).stdout).toBe("through the tunnel");
    server.close();
  });
});

async function waitFor(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5000; !condition() && Date.now() < deadline;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
