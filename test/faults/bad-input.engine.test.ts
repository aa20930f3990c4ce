import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { type Document, parseDocument } from "yaml";
import { findEngine } from "../../sandbox/engine/engine";
import { runEngine } from "../../sandbox/engine/run";
import { sandboxFolder } from "../../sandbox/folder";
import type { SandboxRecord } from "../../sandbox/record";
import { stateFile } from "../../sandbox/state-file";
import { escapeForRegExp } from "../../common/escape-for-reg-exp";
import { identify } from "../../common/processes";
import { type CommandResult, SandboxHome, exportedVariables } from "../support/command";
import { killIfThere } from "../support/processes";

// What a user may meet, on real parts, by the real command. One sandbox is brought up for all of it, as that takes
// most of the time; each test ends with the sandbox as it found it, which is part of what it proves: nothing is lost.
const home = new SandboxHome();
const folder = sandboxFolder("dev", { GROUNDWORK_HOME: home.folder });
let leading: Record<string, string>;

beforeAll(async () => {
  expect((await home.run(["start", "--without-docker"])).code).toBe(0);
  leading = exportedVariables((await home.run(["sandbox", "env", "-s", "dev"])).stdout);
}, 300_000);

afterAll(() => home.remove(["dev"]), 120_000);

const record = (): SandboxRecord => JSON.parse(readFileSync(folder.recordFile, "utf8")) as SandboxRecord;

async function expectAsBefore(): Promise<void> {
  const { code, stderr } = await home.run(["start"]);
  expect(stderr).toMatch(/dev: nothing to change/);
  expect(code).toBe(0);
}

function expectRefusal({ code, stderr }: CommandResult, ...said: (RegExp | string)[]): void {
  expect(code).toBe(1);
  for (const one of said)
    expect(stderr).toMatch(one instanceof RegExp ? one : new RegExp(escapeForRegExp(one)));
  expect(stderr).not.toMatch(/^\s+at .*\.js:\d+/m);
}

describe("a half-written file", () => {
  const kept = (): (readonly [string, string])[] => [
    ["the state", stateFile(folder, "dev")],
    ["the generated secrets", folder.secretsFile],
    ["the passphrase", folder.passphraseFile],
    ["the API token", folder.apiTokenFile],
  ];

  test.each(kept())(
    "%s: an error names it and its copy, nothing is overwritten, the remedy works",
    async (_, file) => {
      const whole = readFileSync(file);
      const half = whole.subarray(0, whole.length / 2);
      writeFileSync(file, half);
      expectRefusal(await home.run(["start"]), file, `cp '${file}.bak' '${file}'`);
      expect(readFileSync(file)).toEqual(half);
      copyFileSync(`${file}.bak`, file);
      await expectAsBefore();
    },
    120_000,
  );

  test("the passphrase is another one: the state is not touched", async () => {
    const before = readFileSync(stateFile(folder, "dev"));
    writeFileSync(folder.passphraseFile, "not the one");
    expectRefusal(await home.run(["start"]), folder.passphraseFile, /is not what it was/);
    expect(readFileSync(stateFile(folder, "dev"))).toEqual(before);
    copyFileSync(`${folder.passphraseFile}.bak`, folder.passphraseFile);
  });

  test("a wrong passphrase of one's own environment: the error names the variables", async () => {
    const wrong = join(home.folder, "wrong");
    writeFileSync(wrong, "not the one");
    const variables = { ...leading, PULUMI_CONFIG_PASSPHRASE_FILE: wrong };
    expectRefusal(
      await home.run(["preview", "-s", "dev"], variables),
      /passphrase of stack dev is missing or wrong/,
      "PULUMI_CONFIG_PASSPHRASE_FILE",
    );
  });

  test("the state and its copy stand, but the state itself is gone: it is not begun anew", async () => {
    const file = stateFile(folder, "dev");
    const whole = readFileSync(file);
    rmSync(file);
    expectRefusal(await home.run(["start"]), file, "is gone", `cp '${file}.bak' '${file}'`);
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, whole);
  });

  test("sandbox.json, options.json and ports.json are written anew", async () => {
    await home.run(["sandbox", "stop", "-s", "dev"]);
    for (const file of [folder.recordFile, folder.optionsFile, join(folder.root, "ports.json")]) {
      writeFileSync(file, '{"pid": 1, "api": {"ur');
    }
    const { code, stdout } = await home.run(["start", "--without-docker"]);
    expect(stdout).toMatch(/health\s+│ 200/);
    expect(code).toBe(0);
    await expectAsBefore();
  }, 120_000);
});

test("the sandbox's process was killed and its number is somebody else's: stop ends what it left, and nobody else", async () => {
  const { pid } = record();
  killIfThere(pid);
  const stranger = spawn("sleep", ["600"], { stdio: "ignore" });
  try {
    writeFileSync(folder.recordFile, JSON.stringify({ ...record(), pid: stranger.pid }));
    expect((await home.run(["sandbox", "status", "-s", "dev"])).all).toContain("does not run");
    expect(processesOf(folder.root)).not.toEqual([]);
    expect((await home.run(["sandbox", "stop", "-s", "dev"])).code).toBe(0);
    expect(processesOf(folder.root)).toEqual([]);
    expect(identify(stranger.pid!)).toBeDefined();
  } finally {
    killIfThere(stranger.pid!);
  }
  expect((await home.run(["start"])).code).toBe(0);
  await expectAsBefore();
}, 120_000);

/** Those that have the folder in their command line. */
const processesOf = (root: string): string[] =>
  spawnSync("pgrep", ["-af", root], { encoding: "utf8" }).stdout.split("\n").filter(Boolean);

test("ports of last time are somebody else's: others are used, and that is said", async () => {
  const { api, edge } = record();
  const taken = [Number(new URL(api.url).port), edge.httpPort, edge.httpsPort];
  expect((await home.run(["sandbox", "stop", "-s", "dev"])).code).toBe(0);
  const servers = await Promise.all(taken.map(listen));
  try {
    const { code, stdout, stderr } = await home.run(["start"]);
    for (const port of taken) expect(stderr).toContain(`port ${port} of last time is taken by somebody else`);
    expect(record().edge.httpsPort).not.toBe(edge.httpsPort);
    expect(stdout).toContain(`https://streampai.localhost:${record().edge.httpsPort}`);
    expect(code).toBe(0);
    await expectAsBefore();
  } finally {
    for (const server of servers) server.close();
  }
  leading = exportedVariables((await home.run(["sandbox", "env", "-s", "dev"])).stdout);
}, 120_000);

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject).listen(port, "127.0.0.1", () => resolve(server));
  });
}

// As in the cloud: `up` with a stack file that is wrong in one thing.
describe("what is deployed to refuses", () => {
  /** The sandbox's copy of the stack file, changed. */
  function changed(change: (document: Document) => void): Record<string, string> {
    const document = parseDocument(readFileSync(folder.stackFile("dev"), "utf8"));
    change(document);
    const file = join(home.folder, "Pulumi.dev.yaml");
    writeFileSync(file, document.toString());
    return { ...leading, PULUMI_OPTION_CONFIG_FILE: file };
  }

  /** A change, without which nothing would be asked of the API. */
  function askForSomething(document: Document): void {
    document.setIn(["config", "groundwork:zone", "minTlsVersion"], "1.3");
  }

  test("the host shows another key than the one pinned", async () => {
    const other = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`;
    const variables = changed((document) =>
      document.setIn(["config", "groundwork:hosts", "sandbox", "hostKey"], other),
    );
    expectRefusal(
      await home.run(["up", "-s", "dev"], variables),
      /another SSH key than the one that is pinned/,
      "groundwork:hosts.<name>.hostKey",
      "Pulumi.dev.yaml",
    );
  }, 60_000);

  test("no SSH server listens: it is tried for some seconds, then said where", async () => {
    const { port } = record().host;
    const variables = changed((document) =>
      document.setIn(["config", "groundwork:resolve"], ["203.0.113.12:22:127.0.0.1:1"]),
    );
    expect(port).not.toBe(1);
    expectRefusal(
      await home.run(["up", "-s", "dev"], variables),
      /no SSH server answers at 127\.0\.0\.1:1: connection refused/,
      "groundwork:hosts.<name>.address",
    );
  }, 60_000);

  test("the API refuses the token, and the error does not show it", async () => {
    const secrets = JSON.parse(readFileSync(folder.secretsFile, "utf8")) as Record<string, string>;
    const token = "x".repeat(40);
    const variables = changed(askForSomething);
    const { PULUMI_OPTION_CONFIG_FILE: file = "", ...rest } = variables;
    await runEngine(
      await findEngine(),
      ["config", "set", "--secret", "groundwork:secrets", "--stack", "dev", "--config-file", file],
      {
        variables: rest,
        input: JSON.stringify({
          ...secrets,
          SSH_PRIVATE_KEY: readFileSync(record().host.privateKeyFile, "utf8"),
          CLOUDFLARE_API_TOKEN: token,
        }),
      },
    );
    const { CLOUDFLARE_API_TOKEN: _, ...withoutToken } = variables;
    const result = await home.run(["up", "-s", "dev"], { ...withoutToken, CLOUDFLARE_API_TOKEN: token });
    expectRefusal(result, /Cloudflare refuses the API token/, "groundwork:secrets.CLOUDFLARE_API_TOKEN");
    expect(result.all).not.toContain(token);
  }, 60_000);

  test("the API does not answer", async () => {
    const nowhere = "http://127.0.0.1:1/client/v4";
    const variables = changed((document) => {
      askForSomething(document);
      document.setIn(["config", "groundwork:cloudflare", "apiUrl"], nowhere);
    });
    const result = await home.run(["up", "-s", "dev"], { ...variables, CLOUDFLARE_BASE_URL: nowhere });
    expectRefusal(result, /Cloudflare's API cannot be reached/, "groundwork:cloudflare.apiUrl");
  }, 60_000);

  test("with the right file all is as it was", async () => {
    expect((await home.run(["start"])).code).toBe(0);
    await expectAsBefore();
  }, 120_000);
});
