import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { plaintext, withStack } from "../../support/engine";
import { openSsh, type RealSsh, realSshKinds } from "../../support/open-ssh";
import { newKey } from "../../support/ssh-server";

// Where OpenSSH is not installed its part is taken by the sandbox's own server alone, and the names below say so.
describe.each(realSshKinds)("remote.Command under the real engine, against %s", (_kind, start) => {
  let directory: string;
  let ssh: RealSsh;
  let host: RealSsh["server"];
  const secret = `s3cret-${randomBytes(12).toString("hex")}`;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "groundwork-ssh-"));
    ssh = await start({ directory });
    host = ssh.server;
  });
  afterAll(async () => {
    await ssh.close();
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
      await stack.up();
      expect((await stack.outputs())["stdout"]).toEqual({ value: secret, secret: true });
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
      expect((await stack.preview()).changes).toEqual({ same: 2 });
      expect((await stack.refresh()).changes).toEqual({ same: 2 });

      const two = { ...one, stdin: `${secret}-2`, update: say("updated") };
      expect((await stack.decisions(program(two)))["step"]).toMatchObject({
        op: "update",
        diffs: ["stdin", "update"],
      });
      await stack.up();
      expect((await stack.outputs())["stdout"]?.value).toBe("updated");
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
      await stack.up();
      expect((await stack.outputs())["stdout"]?.value).toBe("fine");
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
      expect((await stack.preview()).changes).toEqual({ same: 4 });
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
        await stack.up();
        const first = await stack.outputs();
        expect(first["stdout"]).toEqual({ value: "one", secret: false });
        expect(first["ran"]?.value).toBe("invoked");
        expect(first["assets"]?.value).toEqual(["made.txt"]);
        expect((await stack.preview()).changes).toEqual({ same: 2 });
        expect((await stack.decisions(program("two")))["here"]).toMatchObject({
          op: "update",
          diffs: ["create"],
        });
        await stack.up();
        expect((await stack.outputs())["stdout"]?.value).toBe("two");
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
