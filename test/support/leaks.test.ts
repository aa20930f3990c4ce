import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { roleSalt, scramVerifier } from "../../components/database/scram";
import { generateSshKey } from "../../common/ssh-key";
import { CommandLineWatch } from "./leaks/command-lines";
import { scanContainers } from "./leaks/containers";
import { LeakScan } from "./leaks/leak-scan";
import { mayHoldSecrets } from "./leaks/sandbox-places";
import { needlesOf, uniqueSecrets } from "./leaks/secret";
import { stackSecrets } from "./leaks/stack-secrets";
import { startPostgres } from "./postgres";

jest.setTimeout(120_000);

// Characters that JSON, an address and base64 each write in their own way.
const canary = `${randomBytes(15).toString("base64url")}"+/ >>>>>>${randomBytes(9).toString("base64url")}`;
const secret = { name: "main-app-a-password.result", text: canary };

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "gw-leaks-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What a home looks like in which nothing leaks. */
function cleanHome(): void {
  write("sandbox/dev/state/.pulumi/stacks/groundwork/dev.json", '{"ciphertext":"v1:AAAA"}');
  write("sandbox/dev/daemon.log", "GET /client/v4/zones 200\n");
  write("sandbox/dev/host/home/groundwork/shop/.env", `DATABASE_PASSWORD='${canary}'\n`, 0o600);
}

function write(path: string, content: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
  chmodSync(join(folder, path), mode);
}

function leaksOfFiles(): LeakScan {
  const scan = new LeakScan([secret]);
  scan.files(folder, mayHoldSecrets);
  return scan;
}

test("nothing is found in a home in which secrets stand only where they may", () => {
  cleanHome();
  const scan = leaksOfFiles();
  expect(scan.leaks).toEqual([]);
  expect(scan.filesRead).toBe(3);
  expect(scan.held.size).toBe(1);
});

const state = "sandbox/dev/state/.pulumi/stacks/groundwork/dev.json";
test.each<[string, string, string | Buffer, string]>([
  ["the plain state", state, JSON.stringify({ outputs: { password: canary } }), "JSON"],
  [
    "the standard input of a step, in the state",
    state,
    `a${Buffer.from(`x${canary}y`).toString("base64")}`,
    "base64",
  ],
  [
    "a history of states that is compressed",
    `${state}.gz`,
    gzipSync(`{"url":"${encodeURIComponent(canary)}"}`),
    "percent-encoded",
  ],
  ["a log of a command", "sandbox/dev/daemon.log", `password is ${canary}\n`, "plain"],
  ["a log on the host", "sandbox/dev/host/home/groundwork/shop/logs/migrate.log", canary, "plain"],
  [
    "PostgreSQL's log, as bytes",
    "sandbox/dev/host/projects/shop/services/db/log",
    `'\\x${Buffer.from(canary).toString("hex")}'`,
    "hexadecimal",
  ],
  ["a temporary file", "tmp/input", `token=${Buffer.from(canary).toString("base64url")}`, "base64url"],
  ["the stack file", "sandbox/dev/Pulumi.dev.yaml", `key: ${canary}`, "plain"],
])("one leak is found: %s", (_what, path, content, form) => {
  cleanHome();
  write(path, content, 0o600);
  expect(leaksOfFiles().leaks).toEqual([{ place: path, secret: secret.name, form }]);
});

test("one leak is found: a file that may hold it, and that others can read", () => {
  cleanHome();
  const path = "sandbox/dev/host/home/groundwork/shop/.env";
  chmodSync(join(folder, path), 0o640);
  expect(leaksOfFiles().leaks).toEqual([{ place: path, secret: secret.name, form: "readable by others" }]);
});

test("one leak is found: a secret of another kind than the file may hold", () => {
  cleanHome();
  const migrator = { name: "main-migrator-password.result", text: randomBytes(20).toString("hex") };
  write("sandbox/dev/host/home/groundwork/shop/release.env", `URL=${migrator.text}`, 0o600);
  const scan = new LeakScan([secret, migrator]);
  scan.files(folder, mayHoldSecrets);
  expect(scan.leaks.map(({ secret: name }) => name)).toEqual([migrator.name]);
});

test("one leak is found: a file's name", () => {
  const named = { name: "token", text: randomBytes(12).toString("hex") };
  write(`tmp/${named.text}.lock`, "");
  const scan = new LeakScan([named]);
  scan.files(folder, mayHoldSecrets);
  expect(scan.leaks).toEqual([expect.objectContaining({ secret: "token", form: "plain" })]);
});

test("one leak is found: the command line of a process that is there for a moment", async () => {
  const scanned = (text: string) => {
    const scan = new LeakScan([secret]);
    scan.text("command lines", text);
    return scan.leaks;
  };
  const watch = new CommandLineWatch();
  const run = async (...words: string[]) => {
    const child = spawn("/bin/sh", ["-c", "sleep 0.3", ...words], { env: { CANARY: canary } });
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.stdin.end(canary);
    await ended;
  };
  try {
    await run("groundwork-step");
    // By standard input and in the environment it is no leak.
    expect(scanned(watch.text())).toEqual([]);
    expect(watch.text()).toContain("groundwork-step");
    await run("groundwork-step", `--password=${canary}`);
    await sleep(20);
  } finally {
    watch.end();
  }
  expect(scanned(watch.text())).toEqual([{ place: "command lines", secret: secret.name, form: "plain" }]);
});

test("one leak is found: a password in a real server's log, where its verifier is none", async () => {
  const server = await startPostgres({ log_statement: "all" });
  const scanned = () => {
    const scan = new LeakScan([secret]);
    scan.text("the server's log", server.log());
    return scan.leaks;
  };
  try {
    const verifier = scramVerifier(canary, roleSalt(randomBytes(32).toString("base64"), "app", 1));
    await server.query("postgres", `CREATE ROLE app LOGIN PASSWORD '${verifier}'`);
    await logged(() => server.log(), verifier);
    expect(scanned()).toEqual([]);
    await server.query("postgres", `ALTER ROLE app PASSWORD '${canary}'`);
    await logged(() => server.log(), "ALTER ROLE app PASSWORD");
    expect(scanned()).toEqual([{ place: "the server's log", secret: secret.name, form: "plain" }]);
  } finally {
    await server.remove();
  }
});

async function logged(log: () => string, text: string): Promise<void> {
  for (let waited = 0; !log().includes(text) && waited < 30_000; waited += 50) await sleep(50);
}

describe("containers", () => {
  interface Told {
    readonly config?: object;
    readonly log?: string;
    readonly image?: object;
  }
  const leaksOf = ({ config = {}, log = "", image = {} }: Told) => {
    const scan = new LeakScan([secret]);
    const docker = ([command = "", word]: readonly string[]) => {
      if (command === "ps") return "shop-api-1\n";
      if (command === "logs") return log;
      if (command === "image") return JSON.stringify([{ Id: "sha256:aa", ...image }]);
      return JSON.stringify([{ Name: `/${word ?? ""}`, Image: "sha256:aa", Config: { Env: [], ...config } }]);
    };
    scanContainers(scan, docker, (name) => (name.includes("api") ? /^main-app-/ : undefined));
    return scan.leaks.map(({ place }) => place);
  };

  test.each<[string, Told, string[]]>([
    [
      "none: its own variables",
      { config: { Env: [`DATABASE_URL=postgresql://app:${encodeURIComponent(canary)}@db`] } },
      [],
    ],
    ["a label", { config: { Labels: { password: canary } } }, ["container shop-api-1"]],
    ["the command line", { config: { Cmd: ["serve", `--key=${canary}`] } }, ["container shop-api-1"]],
    ["its log", { log: `connecting with ${canary}` }, ["log of shop-api-1"]],
    ["a variable of the image", { image: { Config: { Env: [`KEY=${canary}`] } } }, ["image sha256:aa"]],
    ["a label of the image", { image: { Config: { Labels: { key: canary } } } }, ["image sha256:aa"]],
  ])("one leak is found: %s", (_what, told, places) => expect(leaksOf(told)).toEqual(places));

  test("one leak is found: a variable with another's secret", () => {
    const scan = new LeakScan([secret]);
    scan.text("variables of shop-web-1", `KEY=${canary}`, /^main-migrator-/);
    expect(scan.leaks).toHaveLength(1);
  });
});

describe("what is searched", () => {
  test("a private key is found by any of its lines, without its line breaks as well", () => {
    const key = { name: "connection.privateKey", text: generateSshKey().private };
    const scan = new LeakScan([key]);
    scan.text("log", key.text.split("\n").slice(2, 3).join(""));
    scan.text("nothing", "-----BEGIN OPENSSH PRIVATE KEY-----");
    expect(scan.leaks).toEqual([{ place: "log", secret: key.name, form: "plain" }]);
  });

  test("what is too short to be told from other text is refused, not skipped", () => {
    expect(() => needlesOf({ name: "pin", text: "1234" })).toThrow(/pin is too short to be searched/);
  });

  test("a finding never shows the secret", () => {
    const scan = new LeakScan([secret]);
    scan.text("log", canary);
    expect(JSON.stringify(scan.leaks)).not.toContain(canary.slice(0, 8));
  });

  test("the secrets of a stack: generated ones by name, without what steps say, salts, addresses and ids", () => {
    const marked = (value: unknown) => ({
      "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
      plaintext: JSON.stringify(value),
    });
    const random = () => randomBytes(20).toString("hex");
    const [password, key, seed, id] = [random(), random(), random(), random()];
    const resource = (name: string, inputs: object, outputs: object, rest = {}) => ({
      urn: `urn:pulumi:dev::groundwork::a:b:C::${name}`,
      inputs,
      outputs,
      ...rest,
    });
    const resources = [
      resource(
        "groundwork-dev",
        {},
        { connections: marked({ main: { app: `postgresql://app:${password}@db` } }) },
      ),
      resource("main-app-a-password", { length: 40 }, { result: marked(password) }, { id: "none" }),
      resource("main-salt", {}, { base64: marked(seed) }, { id: seed }),
      resource(
        "api-files",
        { stdin: marked(`all of ${password}`) },
        { stdout: marked(`all of ${password}`) },
      ),
      resource("api-host", { connection: marked({ host: "203.0.113.9", privateKey: key }) }, {}),
      resource("token", {}, { value: marked(id) }, { id }),
    ];
    const secrets = stackSecrets(JSON.stringify({ deployment: { resources } }));
    expect(uniqueSecrets([...secrets, { name: "again", text: password }])).toEqual([
      { name: "api-host.connection.privateKey", text: key },
      { name: "main-app-a-password.result", text: password },
    ]);
  });
});
