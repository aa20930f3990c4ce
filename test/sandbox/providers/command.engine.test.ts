import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { randomBytes } from "node:crypto";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { changes, plaintext, withStack } from "../../support/engine";
import { startSshServer } from "../../../sandbox/host/ssh/server";
import { newKey } from "../../support/ssh-server";
import { utils } from "ssh2";

interface Host {
  /** Which server it is. */
  readonly kind: string;
  readonly port: number;
  readonly user: string;
  readonly hostKey: string;
  readonly privateKey: string;
  close(): Promise<void>;
}

const openSsh = "/usr/sbin/sshd";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The machine's OpenSSH with a configuration of its own: nothing of the machine's is read or changed. */
async function startOpenSsh(directory: string): Promise<Host> {
  const [host, user] = [newKey(), newKey()];
  const file = (name: string) => join(directory, name);
  writeFileSync(file("host_key"), host.private, { mode: 0o600 });
  writeFileSync(file("authorized_keys"), user.public, { mode: 0o600 });
  const port = await freePort();
  writeFileSync(
    file("sshd_config"),
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${file("host_key")}`,
      `AuthorizedKeysFile ${file("authorized_keys")}`,
      `PidFile ${file("sshd.pid")}`,
      "StrictModes no",
      "UsePAM no",
      "PermitRootLogin prohibit-password",
      "AcceptEnv LANG LC_*",
      "Subsystem sftp internal-sftp",
    ].join("\n"),
  );
  if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true });
  const process_ = spawn(openSsh, ["-D", "-e", "-f", file("sshd_config")], { stdio: "ignore" });
  for (let tries = 0; tries < 200; tries++) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
      socket.once("error", () => resolve(false));
    });
    if (isUp) break;
    await sleep(25);
  }
  return {
    kind: "OpenSSH",
    port,
    user: userInfo().username,
    hostKey: host.public.trim(),
    privateKey: user.private,
    close: () =>
      new Promise((resolve) => {
        process_.once("exit", () => resolve());
        process_.kill("SIGTERM");
      }),
  };
}

async function startSandboxSsh(directory: string): Promise<Host> {
  const [host, user] = [newKey(), newKey()];
  const authorizedKey = utils.parseKey(user.public);
  if (authorizedKey instanceof Error) throw authorizedKey;
  const server = await startSshServer({
    port: 0,
    hostPrivateKey: host.private,
    authorizedKey,
    home: directory,
    root: directory,
    environment: () => ({ PATH: process.env["PATH"], HOME: directory }),
    forwardPort: (port) => port,
  });
  const { port } = server;
  return {
    kind: "the sandbox's host",
    port,
    user: "deploy",
    hostKey: host.public.trim(),
    privateKey: user.private,
    close: () => server.close(),
  };
}

// Where OpenSSH is not installed its part is taken by the sandbox's own server alone, and the names below say so.
const kinds = [
  ["the sandbox's host", startSandboxSsh],
  ...(existsSync(openSsh) ? [["OpenSSH", startOpenSsh] as const] : []),
] as const;

describe.each(kinds)("remote.Command under the real engine, against %s", (_kind, start) => {
  let directory: string;
  let host: Host;
  const secret = `s3cret-${randomBytes(12).toString("hex")}`;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "groundwork-ssh-"));
    host = await start(directory);
  });
  afterAll(async () => {
    await host.close();
    rmSync(directory, { recursive: true, force: true });
  });

  interface Step {
    readonly create?: string;
    readonly update?: string;
    readonly stdin?: string;
    readonly triggers?: readonly string[];
    readonly delete?: string;
    readonly logging?: command.remote.CommandArgs["logging"];
  }

  const connection = () => ({
    host: "127.0.0.1",
    port: host.port,
    user: host.user,
    privateKey: host.privateKey,
    hostKey: host.hostKey,
    dialErrorLimit: 2,
  });

  const program = (step: Step) => () => {
    const { stdin, triggers, ...rest } = step;
    const made = new command.remote.Command(
      "step",
      {
        connection: connection(),
        addPreviousOutputInEnv: false,
        ...rest,
        ...(stdin === undefined ? {} : { stdin: pulumi.secret(stdin) }),
        ...(triggers === undefined ? {} : { triggers: [...triggers] }),
      },
      { additionalSecretOutputs: ["stdout", "stderr"] },
    );
    return Promise.resolve({ stdout: made.stdout });
  };

  it("creates, keeps, updates, replaces create-before-delete, and deletes; secrets stay out of everything", async () => {
    const log = join(directory, "journal");
    const say = (word: string) => `cat > /dev/null; echo ${word} >> ${log}; echo ${word}`;
    const journal = () => readFileSync(log, "utf8").trim().split("\n");
    const one: Step = {
      create: `cat; echo created >> ${log}`,
      stdin: secret,
      delete: say("gone"),
      logging: "none",
    };

    await withStack({ packages: ["command"], program: program(one) }, async (stack) => {
      const first = await stack.up();
      expect(first.outputs["stdout"]).toEqual({ value: secret, secret: true });
      const state = await stack.resource("step");
      expect(state.id).toMatch(/^step[\da-f]{8}$/);
      expect(plaintext(state.inputs?.["connection"])).toMatchObject({
        host: "127.0.0.1",
        privateKey: host.privateKey,
      });
      expect(plaintext(state.outputs?.["stdin"])).toBe(secret);
      for (const text of [stack.stateText(), stack.printed()]) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain("PRIVATE KEY");
      }
      expect(changes((await stack.preview()).changeSummary)).toEqual({ same: 2 });
      expect(changes((await stack.refresh()).summary.resourceChanges)).toEqual({ same: 2 });

      const two = { ...one, stdin: `${secret}-2`, update: say("updated") };
      expect((await stack.decisions(program(two)))["step"]).toMatchObject({
        op: "update",
        diffs: ["stdin", "update"],
      });
      expect((await stack.up()).outputs["stdout"]?.value).toBe("updated");
      expect(journal()).toEqual(["created", "updated"]);

      const three = { ...two, triggers: ["a"], create: say("created-again") };
      const decision = (await stack.decisions(program(three)))["step"];
      expect(decision?.op).toBe("replace");
      expect(decision?.replaceKeys).toEqual(["triggers"]);
      await stack.up();
      expect(journal()).toEqual(["created", "updated", "created-again", "gone"]);

      await stack.destroy();
      expect(journal().at(-1)).toBe("gone");
      expect(journal()).toHaveLength(5);
      expect(stack.printed()).not.toContain(secret);
    });
  }, 180_000);

  it("shows lines as they come, and fails with all that was printed but the secret", async () => {
    const failing = program({ create: "echo step one; cat >&2; exit 7", stdin: secret });
    await withStack({ packages: ["command"], program: failing }, async (stack) => {
      await expect(stack.up()).rejects.toThrow();
      const printed = stack.printed();
      expect(printed).toContain('Process exited with status 7: running "echo step one; cat >&2; exit 7":');
      expect(printed.match(/step one/g)?.length).toBeGreaterThanOrEqual(2);
      expect(printed).toContain("[secret]");
      expect(printed).not.toContain(secret);
      // Nothing entered the state: the next run creates.
      expect((await stack.decisions(program({ create: "echo fine" })))["step"]?.op).toBe("create");
      expect((await stack.up()).outputs["stdout"]?.value).toBe("fine");
    });
  }, 180_000);

  it("stops at another host key, and at a variable that the server refuses", async () => {
    const wrong = (over: Partial<command.remote.CommandArgs>) => () => {
      new command.remote.Command("step", { connection: connection(), create: "echo ran", ...over });
      return Promise.resolve({});
    };
    const imposter = wrong({
      connection: { ...connection(), hostKey: newKey().public.trim(), dialErrorLimit: 1 },
    });
    await withStack({ packages: ["command"], program: imposter }, async (stack) => {
      await expect(stack.up()).rejects.toThrow();
      expect(stack.printed()).toContain(
        "after 2 failed attempts: ssh: handshake failed: ssh: host key mismatch",
      );
      await expect(stack.up(wrong({ environment: { DATABASE: "x" } }))).rejects.toThrow();
      expect(stack.printed()).toContain("Unable to set 'DATABASE'");
      expect(stack.printed()).not.toContain("ran\n");
    });
  }, 180_000);

  it("copies texts, files and folders, and only when they have changed", async () => {
    const source = join(directory, "source");
    mkdirSync(join(source, "deep"), { recursive: true });
    writeFileSync(join(source, "a.txt"), "a");
    writeFileSync(join(source, "deep", "b.txt"), "b");
    const target = join(directory, "target");
    const copies = (text: string) => () => {
      const to = (name: string, content: pulumi.asset.Asset | pulumi.asset.Archive, remotePath: string) =>
        new command.remote.CopyToRemote(name, { connection: connection(), source: content, remotePath });
      to("text", new pulumi.asset.StringAsset(text), join(target, "new", "text.conf"));
      to("file", new pulumi.asset.FileAsset(join(source, "a.txt")), join(target, "file.txt"));
      to("folder", new pulumi.asset.FileArchive(source), join(target, "folder"));
      return Promise.resolve({});
    };
    await withStack({ packages: ["command"], program: copies("one") }, async (stack) => {
      await stack.up();
      const read = (path: string) => readFileSync(join(target, path), "utf8");
      expect(["new/text.conf", "file.txt", "folder/a.txt", "folder/deep/b.txt"].map(read)).toEqual([
        "one",
        "a",
        "a",
        "b",
      ]);
      expect(changes((await stack.preview()).changeSummary)).toEqual({ same: 4 });
      const before = statSync(join(target, "file.txt")).mtimeMs;
      const decisions = await stack.decisions(copies("two"));
      expect(Object.fromEntries(Object.entries(decisions).map(([name, { op }]) => [name, op]))).toEqual({
        text: "update",
        file: "same",
        folder: "same",
      });
      await stack.up();
      expect(read("new/text.conf")).toBe("two");
      expect(statSync(join(target, "file.txt")).mtimeMs).toBe(before);
    });
    // Destroying takes nothing away.
    expect(readFileSync(join(target, "new", "text.conf"), "utf8")).toBe("two");
  }, 180_000);
});

describe("local.Command under the real engine", () => {
  it("runs here, updates, gives assets, and runs invokes at every evaluation", async () => {
    const directory = mkdtempSync(join(tmpdir(), "groundwork-local-"));
    const program = (word: string) => async () => {
      const made = new command.local.Command("here", {
        create: `echo ${word} > made.txt; echo ${word}`,
        delete: "rm made.txt",
        dir: directory,
        assetPaths: ["*.txt"],
      });
      const ran = await command.local.run({ command: "echo invoked", logging: "none" });
      return {
        stdout: made.stdout,
        ran: ran.stdout,
        assets: made.assets?.apply((assets) => Object.keys(assets ?? {})),
      };
    };
    try {
      await withStack({ packages: ["command"], program: program("one") }, async (stack) => {
        const first = await stack.up();
        expect(first.outputs["stdout"]).toEqual({ value: "one", secret: false });
        expect(first.outputs["ran"]?.value).toBe("invoked");
        expect(first.outputs["assets"]?.value).toEqual(["made.txt"]);
        expect(changes((await stack.preview()).changeSummary)).toEqual({ same: 2 });
        expect((await stack.decisions(program("two")))["here"]).toMatchObject({
          op: "update",
          diffs: ["create"],
        });
        expect((await stack.up()).outputs["stdout"]?.value).toBe("two");
        await stack.destroy();
        expect(existsSync(join(directory, "made.txt"))).toBe(false);
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }, 180_000);
});

if (existsSync(openSsh)) {
  // Names what ran, so that a machine's log shows which server the tests above were held against.
  it("was held against the machine's OpenSSH", () => {
    const version = execFileSync("sh", ["-c", `${openSsh} -V 2>&1 || true`]).toString();
    expect(version).toMatch(/OpenSSH/);
  });
}
