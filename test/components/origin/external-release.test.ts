import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { rollBackExternal } from "../../../automation/external-releases";
import { projectRoot } from "../../../common/project-root";
import type {
  ExternalRelease,
  ExternalReleaseInput,
  ExternalReleaseOutput,
} from "../../../components/origin/external-input";
import { redact } from "../../../components/origin/run-command";
import { createAuthority, type Authority } from "../../../sandbox/certificates";

// The programs as the engine runs them, against a platform that is a server with certificates of its own.

const target = "relay-api.fly.test";
const hostname = "api.plyr.test";

let folder: string;
let authority: Authority;
let platform: Server;
let port = 0;
/** What the platform answers; the release commands of the tests change it by a file. */
let healthy: () => number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gw-external-"));
  authority = await createAuthority(join(folder, "authority"), "test authority");
  const { certificatePem, keyPem } = await authority.issue({ hostnames: [target, hostname] });
  platform = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
    request.resume();
    response.writeHead(healthy()).end("ok");
  });
  await new Promise<void>((resolve) => platform.listen(0, "127.0.0.1", resolve));
  port = (platform.address() as AddressInfo).port;
});
afterAll(async () => {
  const closed = new Promise((resolve) => platform.close(resolve));
  platform.closeAllConnections();
  await closed;
  rmSync(folder, { recursive: true, force: true });
});

const log = (): string => join(folder, "log");
const said = (): string[] => readFileSync(log(), "utf8").split("\n").filter(Boolean);
beforeEach(() => {
  writeFileSync(log(), "");
  healthy = () => 200;
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, input: object, variables: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(projectRoot(), "dist", program)], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: authority.certificateFile, ...variables },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(JSON.stringify(input));
  });
}

const note = (what: string): readonly string[] => [
  "sh",
  "-c",
  `echo "${what} $RELEASE_ID $IMAGE after \${PREVIOUS_RELEASE_ID:-nothing} $PREVIOUS_IMAGE" >> '${log()}'`,
];

const input = (changes: Partial<ExternalReleaseInput> = {}): ExternalReleaseInput => ({
  origin: "api",
  target: { address: "127.0.0.1", port },
  targetName: target,
  release: "two",
  image: "api:2",
  command: note("release"),
  timeoutSeconds: 20,
  healthPath: "/health",
  healthTimeoutSeconds: 1,
  redact: ["secret-value-1"],
  ...changes,
});

const before: readonly ExternalRelease[] = [{ release: "one", image: "api:1", at: "2026-01-01T00:00:00Z" }];
const previousOutput = (releases: readonly ExternalRelease[]) => ({
  PULUMI_COMMAND_STDOUT: JSON.stringify({ releases }),
});

describe("a release", () => {
  test("runs the command with its identity, asks the platform under its own name, and remembers those before", async () => {
    const { code, stdout, stderr } = await run("external-release.js", input(), previousOutput(before));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(said()).toEqual(["release two api:2 after one api:1"]);
    const output = JSON.parse(stdout) as ExternalReleaseOutput;
    expect(output).toMatchObject({ step: "external-release", release: "two", image: "api:2" });
    expect(output.releases.map(({ release }) => release)).toEqual(["two", "one"]);
  });

  test("keeps five, and a repeated one once", async () => {
    const many = ["two", "e", "d", "c", "b", "a"].map((release) => ({ release, at: "" }));
    const { stdout } = await run("external-release.js", input(), previousOutput(many));
    expect((JSON.parse(stdout) as ExternalReleaseOutput).releases.map(({ release }) => release)).toEqual([
      "two",
      "e",
      "d",
      "c",
      "b",
    ]);
    expect(said()).toEqual(["release two api:2 after e "]);
  });

  test("whose command fails stops there, with its last lines and without secrets; nothing is taken back", async () => {
    const command = ["sh", "-c", "echo boom secret-value-1; printf %s secret-value-1 | base64 >&2; exit 3"];
    const { code, stdout, stderr } = await run(
      "external-release.js",
      input({ command, rollback: note("rollback") }),
      previousOutput(before),
    );
    expect([code, stdout, said()]).toEqual([1, "", []]);
    expect(stderr).toContain("boom [secret]");
    expect(stderr).toContain("the release command failed: it ended with exit code 3");
    expect(stderr).not.toMatch(/secret-value-1|c2VjcmV0LXZhbHVlLTE/);
  });

  test("that is not healthy is taken back to the one before", async () => {
    healthy = () => 503;
    const { code, stderr } = await run(
      "external-release.js",
      input({ rollback: note("rollback") }),
      previousOutput(before),
    );
    expect(code).toBe(21);
    expect(said()).toEqual(["release two api:2 after one api:1", "rollback one api:1 after nothing "]);
    expect(stderr).toContain(`the new release is not healthy: https://${target}/health: answered 503`);
    expect(stderr).toContain("release one was brought back by the rollback command");
  });

  test.each([
    ["no rollback command", {}, previousOutput(before), "there is no rollback command"],
    ["no release before it", { rollback: ["true"] }, {}, "there is no release before it"],
    [
      "a rollback command that fails",
      { rollback: ["sh", "-c", "echo no way back; exit 1"] },
      previousOutput(before),
      "the rollback command failed as well: it ended with exit code 1",
    ],
  ])("that is not healthy, with %s, says so", async (_what, changes, variables, message) => {
    healthy = () => 500;
    const { code, stderr } = await run("external-release.js", input(changes), variables);
    expect(code).toBe(21);
    expect(stderr).toContain(message);
  });

  test("has a ledger of its public address, and is taken back when that fails after it", async () => {
    const resolve = [{ host: hostname, port: 443, toAddress: "127.0.0.1", toPort: port }];
    const probe = { url: `https://${hostname}/health`, resolve, intervalMs: 20, abortAfter: 5 };
    // Long enough for the prober to have seen good answers.
    const command = ["sh", "-c", `sleep 1.5; echo released >> '${log()}'`];
    const good = await run("external-release.js", input({ command, probe }), previousOutput(before));
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({ ledger: { lost: 0, armed: true, aborted: false } });

    // Healthy at the platform, failing in public: the prober's own name tells them apart.
    writeFileSync(log(), "");
    platform.removeAllListeners("request");
    platform.on("request", (request, response) => {
      const bad = said().length > 0 && request.headers.host === hostname;
      response.writeHead(bad ? 502 : 200).end();
    });
    const rollback = note("rollback");
    const bad = await run("external-release.js", input({ command, probe, rollback }), previousOutput(before));
    expect(bad.code).toBe(22);
    expect(bad.stderr).toContain("the new release fails at its public address");
    expect(said()).toEqual(["released", "rollback one api:1 after nothing "]);
    platform.removeAllListeners("request");
    platform.on("request", (_request, response) => response.writeHead(healthy()).end());
  }, 60_000);

  test("that takes too long is ended, with all that it started", async () => {
    const started = Date.now();
    const command = ["sh", "-c", `(sleep 4; echo survived >> '${log()}') & sleep 30`];
    const { code, stderr } = await run("external-release.js", input({ command, timeoutSeconds: 1 }));
    expect(code).toBe(1);
    expect(stderr).toContain("it did not end within 1 s");
    expect(Date.now() - started).toBeLessThan(20_000);
    await new Promise((resolve) => setTimeout(resolve, 4500));
    expect(said()).toEqual([]);
  }, 60_000);

  test("by a program that is not here says so", async () => {
    const { stderr } = await run("external-release.js", input({ command: ["no-such-program"] }));
    expect(stderr).toContain("there is no program no-such-program here");
  });
});

describe("the way back", () => {
  const [one] = before;

  test("is the downgrade with the application's variables, then the rollback command, then health", async () => {
    const downgrade = ["sh", "-c", `echo "down $DATABASE_URL" >> '${log()}'`];
    const step = {
      stdin: JSON.stringify(wayBack({ downgrade })),
      stdout: JSON.stringify({ releases: both }),
    };
    const { stdout } = await goBackAs(step, { downgrade: true });
    expect(stdout).toContain('"release":"one"');
    expect(said()).toEqual(["down postgresql://u:p@db", "rollback one api:1 after nothing "]);
  });

  test("stops where the downgrade fails", async () => {
    const step = {
      stdin: JSON.stringify(wayBack({ downgrade: ["false"] })),
      stdout: JSON.stringify({ releases: both }),
    };
    await expect(rollBackExternal("api", step, { downgrade: true })).rejects.toThrow(
      /the downgrade failed, nothing else was done/,
    );
    expect(said()).toEqual([]);
  });

  test.each([
    ["was not released from here yet", undefined, {}],
    ["there is no release before the last one", { releases: [one] }, {}],
    ["no release of that id is known", { releases: [one] }, { to: "three" }],
    ["has no downgradeCommand", { releases: [{ ...one, release: "two" }, one] }, { downgrade: true }],
  ])("is refused: %s", async (message, output, options) => {
    const step = output && { stdin: JSON.stringify(wayBack({})), stdout: JSON.stringify(output) };
    await expect(rollBackExternal("api", step, options)).rejects.toThrow(message);
    expect(said()).toEqual([]);
  });

  const both = [{ release: "two", image: "api:2", at: "" }, ...before];
  const wayBack = (changes: Partial<ExternalReleaseInput>) =>
    input({ rollback: note("rollback"), variables: { DATABASE_URL: "postgresql://u:p@db" }, ...changes });

  /** In a process of its own, which trusts the platform's authority. */
  function goBackAs(step: object, options: object): Promise<Ended> {
    const program = join(folder, "go-back.js");
    buildSync({
      entryPoints: [join(projectRoot(), "automation", "external-releases.ts")],
      outfile: program,
      bundle: true,
      platform: "node",
      format: "cjs",
      logLevel: "silent",
    });
    const code = `require(${JSON.stringify(program)}).rollBackExternal("api", ${JSON.stringify(step)}, ${JSON.stringify(options)}).then((r) => console.log(JSON.stringify(r)))`;
    return new Promise((resolve) => {
      const child = spawn(process.execPath, ["-e", code], {
        env: { ...process.env, NODE_EXTRA_CA_CERTS: authority.certificateFile },
      });
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
      child.once("close", (code_) => resolve({ code: code_, stdout, stderr }));
    });
  }
});

describe("migrations", () => {
  const migration = { what: "api: migrations", timeoutSeconds: 10, redact: ["postgresql://u:p@db"] };

  test("run here with the application's variables", async () => {
    const command = ["sh", "-c", `echo "$DATABASE_URL" >> '${log()}'`];
    const environment = { DATABASE_URL: "postgresql://u:p@db" };
    expect(await run("external-command.js", { ...migration, command, environment })).toMatchObject({
      code: 0,
    });
    expect(said()).toEqual(["postgresql://u:p@db"]);
  });

  test("that fail say why, without secrets", async () => {
    const command = ["sh", "-c", "echo cannot reach $DATABASE_URL; exit 4"];
    const environment = { DATABASE_URL: "postgresql://u:p@db" };
    const { code, stderr } = await run("external-command.js", { ...migration, command, environment });
    expect(code).toBe(1);
    expect(stderr).toContain("cannot reach [secret]");
    expect(stderr).toContain("api: migrations failed: it ended with exit code 4");
  });
});

describe("the platform's certificates", () => {
  const question = (hostnames: readonly string[]) => ({
    target: { address: "127.0.0.1", port },
    targetName: target,
    hostnames,
    timeoutSeconds: 0,
    hint: "flyctl certs add api.plyr.test",
  });

  test("are valid for the host names they are for", async () => {
    const { code, stdout } = await run("external-certificates.js", question([hostname, target]));
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      certificates: [{ hostname, days: expect.any(Number) as number }, { hostname: target }],
    });
  });

  test("for another name are refused, each named, with what to do", async () => {
    const { code, stderr } = await run(
      "external-certificates.js",
      question([hostname, "www.plyr.test", "old.plyr.test"]),
    );
    expect(code).toBe(20);
    expect(stderr).not.toContain(`for ${hostname}:`);
    expect(stderr).toMatch(/no valid certificate for www\.plyr\.test: .*altnames/);
    expect(stderr).toContain("no valid certificate for old.plyr.test");
    expect(stderr).toContain("next: flyctl certs add api.plyr.test");
  });

  test("of an authority that nobody trusts are refused", async () => {
    const { code, stderr } = await run("external-certificates.js", question([hostname]), {
      NODE_EXTRA_CA_CERTS: "",
    });
    expect(code).toBe(20);
    expect(stderr).toMatch(/unable to (verify|get local issuer)/);
  });
});

test("secrets are taken out in every form in which a program prints them", () => {
  const secret = 'pa"ss/w ord\nsecond-line';
  const text = ['pa"ss/w ord', 'pa\\"ss/w ord', "pa%22ss%2Fw%20ord", "second-line", "short"].join(" | ");
  expect(redact(text, [secret, "short"])).toBe("[secret] | [secret] | [secret] | [secret] | short");
});
