import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeFrames, listFrames } from "../../remote/framing";
import { ledgerOf } from "../../components/origin/ledger";
import { type Engine, findEngine } from "../../sandbox/engine/engine";
import { runEngine } from "../../sandbox/engine/run";
import { type CommandResult, runProgram } from "../support/command";
import { parsedAnswer } from "../support/json-answer";
import { type FakeSteps, fakeRollout, fakeSteps } from "../support/fake-steps";
import { type RealSsh, startSandboxSsh } from "../support/open-ssh";
import { projectRoot } from "../../common/project-root";

jest.setTimeout(180_000);

let steps: FakeSteps;
let ssh: RealSsh;
let directory: string;
let variables: Record<string, string>;
let engine: Engine;

/** The command as a user has it: only the host is the test's. */
const groundwork = (...args: string[]): Promise<CommandResult> =>
  runProgram(
    process.execPath,
    [join(projectRoot(), "bin", "groundwork.js"), ...args, "--directory", directory],
    {
      NO_COLOR: "1",
      ...variables,
    },
  );

beforeAll(async () => {
  steps = fakeSteps();
  ssh = await startSandboxSsh({ directory: steps.directory, bin: steps.bin });
  directory = join(steps.directory, "project");
  mkdirSync(directory);
  mkdirSync(join(directory, "state"));
  variables = {
    PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: randomBytes(12).toString("hex"),
    CLOUDFLARE_API_TOKEN: randomBytes(12).toString("hex"),
  };
  writeFileSync(join(directory, "Pulumi.yaml"), "name: sample\nruntime: nodejs\nmain: index.js\n");
  writeFileSync(
    join(directory, "Pulumi.prod.yaml"),
    `config:
  groundwork:domain: example.com
  groundwork:cloudflare: { accountId: "000000000000000000000000000000a1", zoneId: "000000000000000000000000000000b1" }
  groundwork:hosts:
    one: { address: 203.0.113.10, user: ${ssh.server.user}, hostKey: ${ssh.server.hostKey} }
  groundwork:resolve: ["203.0.113.10:22:127.0.0.1:${ssh.server.port}"]
  groundwork:origins:
    api:
      kind: compose
      host: one
      hostnames: [api.example.com]
      project: sample
      composeFile: compose.yaml
      services: { api: { port: 4000 } }
      migrations: { service: api, command: up, downgradeCommand: alembic downgrade -1 }
`,
  );
  engine = await findEngine();
  const options = { directory, variables };
  await runEngine(engine, ["stack", "init", "prod", "--no-select"], options);
  await runEngine(
    engine,
    ["config", "set", "--secret", "--path", "groundwork:secrets.SSH_PRIVATE_KEY", "--stack", "prod"],
    {
      ...options,
      input: ssh.server.privateKey,
    },
  );
  const ledger = ledgerOf({
    release: "c3c3",
    url: "https://api.example.com/health",
    intervalMs: 100,
    startedAt: 1_700_000_000_000,
    endedAt: 1_700_000_002_000,
    armedAt: 1_700_000_000_000,
    switchedAt: 1_700_000_001_000,
    samples: Array.from({ length: 20 }, (_, index) => ({ at: 1_700_000_000_000 + index * 100, ms: 5 })),
    sockets: [{ openedAt: 1_700_000_000_000 }],
  });
  steps.write(
    "releases.json",
    `${JSON.stringify({
      step: "releases",
      active: "c3c3",
      previous: "b2b2",
      running: null,
      releases: [
        {
          release: "c3c3",
          number: 3,
          at: 1_700_000_001_000,
          images: { api: { reference: "api:3" } },
          schema: "0003",
          breaking: true,
          ledger,
        },
        { release: "b2b2", number: 2, at: 1_600_000_000_000, images: { api: { reference: "api:2" } } },
      ],
    })}\n`,
  );
  steps.answer("rollout", fakeRollout({ before: 0.1, after: 0.2 }));
});
afterAll(async () => {
  await ssh.close();
  steps.remove();
});

test("lists the releases of a stack without running its program", async () => {
  const { code, stdout, stderr } = await groundwork("releases", "-s", "prod");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [heading, , head, , first, , second] = stdout.split("\n");
  const words = (line = "") =>
    line
      .split("│")
      .map((cell) => cell.trim())
      .filter((cell) => cell !== "");
  expect(heading).toBe("api:");
  expect(words(head)).toEqual([
    "id",
    "number",
    "when",
    "images",
    "schema",
    "state",
    "lost requests",
    "longest gap",
    "sockets",
  ]);
  expect(words(first)).toEqual([
    "c3c3",
    "3",
    "2023-11-14 22:13:21Z",
    "api api:3",
    "0003 (breaking)",
    "active",
    "0 of 13",
    "100 ms",
    "1 opened, 0 dropped",
  ]);
  expect(words(second)).toEqual([
    "b2b2",
    "2",
    "2020-09-13 12:26:40Z",
    "api api:2",
    "-",
    "previous",
    "-",
    "-",
    "-",
  ]);
  expect(stdout).toContain(`npx groundwork rollback -s prod --directory `);
});

test("--json gives all that is known of them", async () => {
  const { code, stdout } = await groundwork("releases", "-s", "prod", "--json");
  expect(code).toBe(0);
  expect(parsedAnswer("releases", stdout)).toMatchObject([
    { origin: "api", project: "sample", releases: [{ id: "c3c3", ledger: { lost: 0 } }, { id: "b2b2" }] },
  ]);
});

test("goes back, says what happens meanwhile, and that the stack file still says otherwise", async () => {
  const { code, stdout, stderr, all } = await groundwork("rollback", "-s", "prod");
  expect(code).toBe(0);
  expect(stdout).toBe("release b2b2 runs again\n");
  expect(stderr).toContain("rolling prod back");
  expect(stderr).toMatch(/api: switched \(green\) after \d/);
  expect(stderr).toContain("Pulumi.prod.yaml still describes the newer one");
  for (const line of ssh.server.privateKey.split("\n").slice(1, -2)) expect(all).not.toContain(line);
});

test("rollback --json says which release runs now, and what its rollout lost, and nothing else", async () => {
  const { code, stdout, stderr } = await groundwork("rollback", "-s", "prod", "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/api: switched/) as string });
  expect(parsedAnswer("rollback", stdout)).toMatchObject({ origin: "api", release: "b2b2", changed: true });
});

test("a release that is not there, and one that the host refuses: code 1, what there is, and the next command", async () => {
  const unknown = await groundwork("rollback", "-s", "prod", "--to", "ffff");
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toContain("the host of api keeps no such release: ffff");
  expect(unknown.stderr).toContain("allowed: b2b2 (2)");
  expect(unknown.stderr).toContain("next: npx groundwork releases -s prod");
  steps.answer("rollout", `echo 'rollout: release c3c3 has changed the database' >&2; exit 23`);
  const refused = await groundwork("rollback", "-s", "prod");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("rollout: release c3c3 has changed the database");
  expect(refused.stderr).toContain("--downgrade");
});

test("--downgrade runs the downgrade command with what the state kept of the last migrations, then goes back", async () => {
  const url = `postgres://migrator:${randomBytes(9).toString("hex")}@db/sample`;
  const frames = encodeFrames({
    project: "sample",
    service: "api",
    arguments: 1,
    argument_1: "up",
    ...listFrames("variables", "variable", [{ name: "DATABASE_URL", value: url }]),
  });
  await importMigrations(`c2NyaXB0\n${frames}`);
  steps.answer("rollout", `frame forced >"$TEST_HOME/forced"\n${fakeRollout({ before: 0.1, after: 0.2 })}`);
  steps.answer(
    "migrate",
    `{ frame argument_3; echo; frame variable_1_value; echo; } >"$TEST_HOME/down"; echo '{"step":"migrate"}'`,
  );
  const { code, stdout, all } = await groundwork("rollback", "-s", "prod", "--downgrade");
  expect(all).toContain("taking the schema back");
  expect({ code, stdout }).toEqual({ code: 0, stdout: "release b2b2 runs again\n" });
  expect(steps.read("down")).toBe(`alembic downgrade -1\n${url}\n`);
  expect(steps.read("forced")).toBe("schema");
  expect(all).not.toContain(url);
});

/** Puts the migrations step into the stack's state, as a run of it leaves it there: encrypted. */
async function importMigrations(stdin: string): Promise<void> {
  const provider = "urn:pulumi:prod::sample::pulumi:providers:command::default";
  const manifest = { time: "2026-01-01T00:00:00Z", magic: "", version: "" };
  const secret = (text: string) => ({
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    plaintext: JSON.stringify(text),
  });
  const resources = [
    {
      urn: provider,
      custom: true,
      id: "0b8a2a4e-0000-4000-8000-000000000000",
      type: "pulumi:providers:command",
    },
    {
      urn: "urn:pulumi:prod::sample::groundwork:index:AppOrigin$command:remote:Command::api-migrations",
      custom: true,
      id: "api-migrations1",
      type: "command:remote:Command",
      inputs: { create: "true", stdin: secret(stdin) },
      outputs: { create: "true", stdin: secret(stdin) },
      provider: `${provider}::0b8a2a4e-0000-4000-8000-000000000000`,
    },
  ];
  const exported = JSON.parse(
    await runEngine(engine, ["stack", "export", "--stack", "prod"], { directory, variables }),
  ) as {
    deployment: object;
  };
  await runEngine(engine, ["stack", "import", "--stack", "prod"], {
    directory,
    variables,
    input: JSON.stringify({ ...exported, deployment: { manifest, ...exported.deployment, resources } }),
  });
}

test("a wrong passphrase is said as such", async () => {
  const { PULUMI_CONFIG_PASSPHRASE: right = "" } = variables;
  variables["PULUMI_CONFIG_PASSPHRASE"] = "another";
  const { code, stderr } = await groundwork("releases", "-s", "prod");
  variables["PULUMI_CONFIG_PASSPHRASE"] = right;
  expect(code).toBe(1);
  expect(stderr).toContain("the passphrase of stack prod is missing or wrong");
});
