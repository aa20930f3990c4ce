import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { basename, join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { type Frames, listFrames } from "../../remote/framing";
import { parseEnvFile } from "../../sandbox/host/process/env-file";
import { provider } from "../../sandbox/providers/aws/provider";
import { type AwsKeys, findMoto, type Moto, startInstanceMetadata, startMoto } from "../support/moto";
import { testProvider } from "../support/provider";
import { stepHost, type StepHost } from "../support/remote-step";

const found = findMoto();
const python = "python" in found ? found.python : "";
if ("problem" in found) console.log(`skipped: a host's secrets in AWS: ${found.problem}`);

/** Every kind of character that JSON or an env file writes in a way of its own. */
const hard: Record<string, string> = {
  PLAIN: randomBytes(12).toString("hex"),
  QUOTES: `it's "so" \\ $HOME \${X} $$ #no ${randomBytes(6).toString("hex")}`,
  LINES: `one\n'two'\r\nthree\ttab ${randomBytes(6).toString("hex")}`,
  LETTERS: "Zürich 東京 🦊 \u0001 </>",
  EMPTY: "",
};
async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function ended(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

const decoded = (text: string) => parseEnvFile(text, () => undefined);

test("another user's folder in memory is not taken, whatever stands in its line", () => {
  // Of root, and with as many links as that user's number: `drwx------ 2 0 0`.
  const strange = ["/run", "/dev/shm"].map((base) => join(base, "groundwork-2"));
  const library = join(projectRoot(), "remote", "vault-lib.sh");
  const script = `id() { echo 2; }; fail() { echo "$1"; exit "$1"; }; unset XDG_RUNTIME_DIR; . ${library}; memory_folder`;
  try {
    expect(spawnSync("sh", ["-c", script], { encoding: "utf8" }).stdout).toBe("11\n");
  } finally {
    for (const folder of strange) rmSync(folder, { recursive: true, force: true });
  }
});

(python === "" ? describe.skip : describe)("a host's secrets in AWS Secrets Manager", () => {
  let moto: Moto;
  let host: StepHost;
  let reader: AwsKeys;
  let stranger: AwsKeys;
  let arn = "";
  let version = "";
  const closing: (() => Promise<void> | void)[] = [];
  const memory = () =>
    ["/run", "/dev/shm"].map((base) => join(base, `groundwork-${userInfo().uid}`, "sample"));
  const clear = () => memory().forEach((folder) => rmSync(folder, { recursive: true, force: true }));
  /** The file in memory, where there is one. */
  const inMemory = (end = ".env") =>
    memory().flatMap((folder) =>
      existsSync(folder)
        ? readdirSync(folder).flatMap((name) =>
            name.endsWith(end) && name !== ".lock" ? [join(folder, name)] : [],
          )
        : [],
    );

  beforeAll(async () => {
    moto = await startMoto(python);
    closing.push(() => moto.close());
    reader = await moto.role("reader", "GetSecretValue");
    stranger = await moto.role("stranger", "ListSecrets");
    const aws = testProvider(provider);
    await aws.operations.configure({
      region: moto.region,
      endpoints: [{ secretsmanager: moto.endpoint }],
      accessKey: moto.keys.accessKeyId,
      secretKey: moto.keys.secretAccessKey,
    });
    const secret = await aws.create("aws:secretsmanager/secret:Secret", { name: "groundwork/test/api" });
    const made = await aws.create("aws:secretsmanager/secretVersion:SecretVersion", {
      secretId: secret.id,
      secretString: JSON.stringify(hard),
    });
    arn = secret.id;
    version = made.outputs["versionId"] as string;
  }, 120_000);
  beforeEach(() => {
    clear();
    // What compose is given: the last env file is the one that counts.
    host = stepHost(
      'for word in "$@"; do [ "${before-}" != --env-file ] || last=$word; before=$word; done; cat "$last" >"$HOME/given"',
    );
  });
  afterEach(() => {
    host.remove();
    clear();
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  const reference = (changes: Record<string, string> = {}) =>
    Object.entries({
      region: moto.region,
      endpoint: moto.endpoint,
      secret: arn,
      version,
      credentials: "instance-role",
      metadata: "http://127.0.0.1:9",
      ...changes,
    })
      .map(([word, value]) => `${word} ${value}\n`)
      .join("");
  const write = (changes: Record<string, string> = {}) =>
    host.run("write-files", {
      ...listFrames("files", "file", [
        { path: ".vault", mode: "0600", content: reference(changes) },
        { path: ".env", mode: "0600", content: "" },
        { path: "compose.yaml", mode: "0600", content: "services: {}" },
      ] as Frames[]),
      check: "compose",
    });
  const file = (keys: AwsKeys, mode = 0o600, heading = "[default]\n") => {
    const path = join(host.home, "credentials");
    const { accessKeyId, secretAccessKey, sessionToken } = keys;
    writeFileSync(
      path,
      `[other]\naws_access_key_id = X\n${heading}aws_access_key_id = ${accessKeyId}\naws_secret_access_key=${secretAccessKey}\n` +
        (sessionToken === undefined ? "" : `aws_session_token = ${sessionToken}\n`),
      { mode },
    );
    return path;
  };

  test("come by the instance's role, byte for byte, into memory alone", async () => {
    const metadata = await startInstanceMetadata("reader", reader);
    try {
      const result = await write({ metadata: metadata.address });
      expect(result.stderr).toBe("");
      expect(result.code).toBe(0);
    } finally {
      await metadata.close();
    }
    expect(decoded(readFileSync(join(host.home, "given"), "utf8"))).toEqual(hard);
    const [kept = ""] = inMemory();
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    expect(statSync(join(kept, "..", "..")).mode & 0o777).toBe(0o700);
    for (const entry of readdirSync(host.root, { recursive: true, withFileTypes: true })) {
      if (entry.isFile())
        expect(readFileSync(join(entry.parentPath, entry.name), "utf8")).not.toContain(hard["PLAIN"]);
    }
    // Once more without AWS: it is there. After a restart of the host, memory is empty, and it is asked again.
    expect(await write({ endpoint: "http://127.0.0.1:9" })).toMatchObject({ code: 0 });
    clear();
    expect((await write({ endpoint: "http://127.0.0.1:9" })).code).toBe(20);
  });

  test("come with a file of credentials, which has to be closed to others", async () => {
    expect((await write({ credentials: file(moto.keys) })).code).toBe(0);
    expect(decoded(readFileSync(join(host.home, "given"), "utf8"))).toEqual(hard);
    clear();
    rmSync(join(host.home, "credentials"));
    const open = await write({ credentials: file(reader, 0o644) });
    expect(open).toMatchObject({ code: 20, stdout: "" });
    expect(open.stderr).toContain("others can read");
    const missing = await write({ credentials: "/nowhere/credentials" });
    expect(missing.stderr).toContain("there is no file /nowhere/credentials");
  });

  test("are taken out of what a failing step shows", async () => {
    host.remove();
    host = stepHost('cat "$HOME/shown"; exit 1');
    writeFileSync(join(host.home, "shown"), `password ${hard["PLAIN"]!} is wrong`);
    const result = await write({ credentials: file(reader) });
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("password [secret] is wrong");
    expect(result.stderr).not.toContain(hard["PLAIN"]);
  });

  test.each<[string, () => Record<string, string>, string]>([
    ["a role that may not", () => ({ credentials: file(stranger) }), "secretsmanager:GetSecretValue"],
    [
      "a wrong key",
      () => ({ credentials: file({ ...reader, secretAccessKey: "x".repeat(40) }) }),
      "AWS does not accept",
    ],
    ["another region", () => ({ credentials: file(moto.keys), region: "us-east-2" }), "secretsVault.region"],
    [
      "a version that is not there",
      () => ({ credentials: file(moto.keys), version: "00000000-0000-4000-8000-000000000000" }),
      "run groundwork up again",
    ],
    ["no instance", () => ({}), "hostCredentialsFile"],
    [
      "an endpoint that is away",
      () => ({ credentials: file(reader), endpoint: "http://127.0.0.1:9" }),
      "port 443",
    ],
  ])(
    "are missed with a clear error: %s",
    async (_name, changes, told) => {
      const result = await write(changes());
      expect(result).toMatchObject({ code: 20, stdout: "" });
      expect(result.stderr).toContain(told);
      for (const { secretAccessKey } of [moto.keys, reader, stranger])
        expect(result.stderr).not.toContain(secretAccessKey);
      expect(inMemory("")).toEqual([]);
      expect(existsSync(join(host.home, "given"))).toBe(false);
    },
    90_000,
  );

  test("are fetched once where several steps need them at one time, and one that was killed is in nobody's way", async () => {
    let asked = 0;
    const slow = createServer((_request, response) => {
      asked += 1;
      setTimeout(() => response.end(JSON.stringify({ Name: "x", SecretString: '{"A":"b"}' })), 300);
    });
    const endpoint = await listening(slow);
    try {
      expect((await write({ endpoint, credentials: file(reader) })).code).toBe(0);
      clear();
      const steps = await Promise.all(
        [1, 2, 3, 4].map(() => host.run("database-address", { service: "db" })),
      );
      for (const { stderr } of steps) expect(stderr).toContain("no container of db runs");
      expect(asked).toBe(2);
      expect(readFileSync(join(host.home, "given"), "utf8")).toBe("A='b'\n");
      const [kept = ""] = inMemory();
      rmSync(kept);
      writeFileSync(join(kept, "..", "partial.killed"), "A=");
      await host.run("database-address", { service: "db" });
      expect(inMemory("").map((path) => basename(path))).toEqual([`${version}.env`, `${version}.redact`]);
    } finally {
      await ended(slow);
    }
  });

  test("are asked for again where AWS is too busy at first", async () => {
    let asked = 0;
    const busy = createServer((_request, response) => {
      asked += 1;
      response.writeHead(asked === 1 ? 400 : 200);
      response.end(
        JSON.stringify(
          asked === 1
            ? { __type: "ThrottlingException", message: "Rate exceeded" }
            : { Name: "x", VersionStages: ["AWSCURRENT"], CreatedDate: 1.5e9, SecretString: '{"A":"b"}' },
        ),
      );
    });
    const endpoint = await listening(busy);
    try {
      expect((await write({ endpoint, credentials: file(reader) })).code).toBe(0);
      expect(asked).toBe(2);
      expect(readFileSync(join(host.home, "given"), "utf8")).toBe("A='b'\n");
    } finally {
      await ended(busy);
    }
  });
});
