import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { generateSshKey } from "../../common/ssh-key";
import { UserError } from "../../common/user-error";
import { listReleases, readReleases, rollBack, targetOf, withCommand } from "../../automation/releases";
import type { StackConfig } from "../../automation/stack-config";
import type { StackState } from "../../automation/state";
import { ledgerOf } from "../../components/origin/ledger";
import { validateStackFile } from "../../platform/settings";
import { encodeFrames, type Frames } from "../../remote/framing";
import { type FakeSteps, fakeRollout, fakeSteps } from "../support/fake-steps";
import { readFrames } from "../support/frames";
import { type RealSsh, realSshKinds } from "../support/open-ssh";

// The steps themselves are tested on Docker; here they are answered by the test, over the real protocol.
jest.mock("../../remote/scripts", () => ({
  stepCommand: (step: string) => `exec sh -c 'true' groundwork-${step}`,
  stepInput: (_step: string, frames: string) => `script\n${frames}`,
}));

const ledger = ledgerOf({
  release: "c3",
  url: "https://api.example.com/health",
  intervalMs: 100,
  startedAt: 1_700_000_000_000,
  endedAt: 1_700_000_009_000,
  armedAt: 1_700_000_000_500,
  switchedAt: 1_700_000_004_000,
  samples: [],
  sockets: [],
});

/** As the step `releases` prints it. */
function answer(changes: object = {}) {
  return {
    step: "releases",
    project: "sample",
    active: "c3c3",
    previous: "b2b2",
    running: null,
    releases: [
      {
        release: "c3c3",
        number: 3,
        colour: "green",
        at: 1_700_000_004_000,
        images: { api: { reference: `ghcr.io/x/api@sha256:${"c".repeat(64)}`, id: "sha256:1" } },
        schema: "0003",
        breaking: true,
        ledger,
      },
      {
        release: "b2b2",
        number: 2,
        at: 1_600_000_000_000,
        images: { api: { reference: "api:2" } },
        schema: "0002",
      },
      { release: "b2a1", number: 1, at: 1_500_000_000_000, images: {} },
    ],
    ...changes,
  };
}

test("what the host answers is read: newest first, states, images, schema, ledger", () => {
  const { releases, running } = readReleases(`${JSON.stringify(answer({ running: "d4" }))}\n`);
  expect(running).toBe("d4");
  expect(releases).toEqual([
    {
      id: "c3c3",
      number: 3,
      at: "2023-11-14T22:13:24.000Z",
      state: "active",
      images: { api: `ghcr.io/x/api@sha256:${"c".repeat(64)}` },
      schema: "0003",
      breaking: true,
      ledger,
    },
    {
      id: "b2b2",
      number: 2,
      at: "2020-09-13T12:26:40.000Z",
      state: "previous",
      images: { api: "api:2" },
      schema: "0002",
      breaking: false,
    },
    { id: "b2a1", number: 1, at: "2017-07-14T02:40:00.000Z", state: "kept", images: {}, breaking: false },
  ]);
});

test.each([
  [undefined, "b2b2"],
  ["b2a1", "b2a1"],
  ["2", "b2b2"],
  ["b2b", "b2b2"],
])("back to %p is back to %s", (to, id) => {
  const listed = { origin: "api", project: "sample", ...readReleases(JSON.stringify(answer())) };
  expect(targetOf(listed, to, "prod").id).toBe(id);
});

test.each([
  ["b2", "more than one release begins like that"],
  ["ffff", "keeps no such release"],
  ["", "keeps no such release"],
  ["c3c3", "that release runs already"],
])("back to %p is refused: %s", (to, what) => {
  const listed = { origin: "api", project: "sample", ...readReleases(JSON.stringify(answer())) };
  expect(() => targetOf(listed, to, "prod")).toThrow(UserError);
  expect(() => targetOf(listed, to, "prod")).toThrow(what);
  expect(() => targetOf(listed, to, "prod")).toThrow("b2b2 (2), b2a1 (1)");
});

test("the frames of migrations get another command and keep the rest", () => {
  const frames = {
    service: "api",
    arguments: 3,
    argument_1: "a",
    argument_2: "b",
    argument_3: "c",
    trigger: "t",
  };
  expect(withCommand({ ...frames, variables: 1 }, ["down"])).toEqual({
    service: "api",
    variables: 1,
    arguments: 1,
    argument_1: "down",
  });
});

describe.each(realSshKinds)("over %s", (_kind, start) => {
  let steps: FakeSteps;
  let ssh: RealSsh;

  beforeEach(async () => {
    steps = fakeSteps();
    ssh = await start({ directory: steps.directory, bin: steps.bin });
    steps.write("releases.json", `${JSON.stringify(answer())}\n`);
    steps.answer(
      "rollout",
      `cp "$input" "$TEST_HOME/rollout-input"\n${fakeRollout({ before: 0.1, after: 0.3 })}`,
    );
  });
  afterEach(async () => {
    await ssh.close();
    steps.remove();
  });

  function config(origin = "", origins = ""): StackConfig {
    const { address, port, user, hostKey } = ssh.server;
    const text = `config:
  groundwork:domain: example.com
  groundwork:cloudflare: { accountId: "000000000000000000000000000000a1", zoneId: "000000000000000000000000000000b1" }
  groundwork:hosts:
    one: { address: 203.0.113.10, user: ${user}, hostKey: ${hostKey} }
  groundwork:resolve: ["203.0.113.10:22:${address}:${port}"]
  groundwork:origins:
    api:
      kind: compose
      host: one
      hostnames: [api.example.com]
      project: sample
      composeFile: compose.yaml
      services: { api: { port: 4000 } }
${origin}${origins}`;
    const result = validateStackFile(
      { file: "Pulumi.prod.yaml", text, stack: "prod" },
      { secrets: "optional" },
    );
    if ("issues" in result) throw new Error(JSON.stringify(result.issues, undefined, 2));
    return { stack: "prod", settings: result.settings, secrets: { SSH_PRIVATE_KEY: ssh.server.privateKey } };
  }

  const migrations = `      migrations: { service: api, command: up, downgradeCommand: "down -1" }\n`;

  /** A state in which a step of the origin was last given this. */
  function after(name: string, stdin: string): StackState {
    const urn = `urn:pulumi:prod::shop::command:remote:Command::api-${name}`;
    const inputs = { stdin: { plaintext: JSON.stringify(stdin) } };
    return { resources: [{ urn, type: "command:remote:Command", inputs }] };
  }
  const migrated = (frames: Frames): StackState => after("migrations", `a script\n${encodeFrames(frames)}`);

  /** A frame of the rollout's input. */
  function sent(name: string): string | undefined {
    return readFrames(steps.read("rollout-input"))[name];
  }

  async function refusal(work: Promise<unknown>): Promise<UserError> {
    const error = await work.then(
      () => new Error("it did not fail"),
      (reason: unknown) => reason,
    );
    if (!(error instanceof UserError)) throw error;
    return error;
  }

  test("lists what the host keeps, without a change", async () => {
    const [api] = await listReleases(config());
    expect(api).toMatchObject({ origin: "api", project: "sample" });
    expect(api?.releases.map(({ id, state }) => `${id} ${state}`)).toEqual([
      "c3c3 active",
      "b2b2 previous",
      "b2a1 kept",
    ]);
    expect(steps.read("steps")).toBe("releases\n");
  });

  test("goes back to the release before, by the same step as any release", async () => {
    const said: string[] = [];
    const output = await rollBack(config(), { log: (line) => said.push(line) }, {});
    expect(output).toMatchObject({ release: "b2b2", changed: true });
    expect([sent("to"), sent("release"), sent("keep"), sent("forced")]).toEqual([
      "b2b2",
      "b2b2",
      "5",
      undefined,
    ]);
    expect(said[0]).toContain("back to release b2b2 (number 2");
  });

  test("takes the schema back first, until it is the older release's, with the login that migrations had", async () => {
    steps.write("schema", "5");
    steps.answer(
      "migrate",
      `frame argument_3 >>"$TEST_HOME/downs"; frame variable_1_value >>"$TEST_HOME/downs"; echo >>"$TEST_HOME/downs"
       v=$(($(cat "$TEST_HOME/schema") - 1)); printf %s "$v" >"$TEST_HOME/schema"; echo "{\\"step\\":\\"migrate\\",\\"schema\\":\\"000$v\\"}"`,
    );
    const frames = {
      service: "api",
      arguments: 1,
      argument_1: "up",
      variable_1_value: "postgres://m",
      trigger: "x",
    };
    await rollBack(config(migrations), { downgrade: true }, migrated(frames));
    expect(steps.read("downs")).toBe("down -1postgres://m\n".repeat(3));
    expect(sent("forced")).toBe("schema");
    expect(steps.read("steps")).toBe("releases\nmigrate\nmigrate\nmigrate\nrollout\n");
  });

  test("without versions, takes back one migration for each breaking release between", async () => {
    const unknown = answer().releases.map((each) => ({ ...each, schema: undefined }));
    steps.write("releases.json", `${JSON.stringify(answer({ releases: unknown }))}\n`);
    steps.answer("migrate", `echo '{"step":"migrate"}'`);
    await rollBack(config(migrations), { downgrade: true, to: "1" }, migrated({ service: "api" }));
    expect(steps.read("steps")).toBe("releases\nmigrate\nrollout\n");
  });

  test("a downgrade that fails, or leads nowhere, leaves the running release alone", async () => {
    steps.answer("migrate", `echo 'migrate: the migrations failed with exit code 1' >&2; exit 20`);
    const frames = migrated({ service: "api" });
    const failed = await refusal(rollBack(config(migrations), { downgrade: true }, frames));
    expect(failed.message).toContain("the release that runs serves on");
    expect(failed.message).toContain("the migrations failed with exit code 1");
    steps.answer("migrate", `echo '{"step":"migrate","schema":"0009"}'`);
    const lost = await refusal(rollBack(config(migrations), { downgrade: true }, frames));
    expect(lost.message).toContain("does not come to the version of release b2b2: 0009");
    expect(steps.read("steps")).not.toContain("rollout");
  });

  test("asks meanwhile what the stack's own release asked, with the headers of today", async () => {
    const asked: unknown[] = [];
    const server = createServer((request, response) => {
      asked.push(request.headers["x-visitor"]);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const probe = {
        url: `http://127.0.0.1:${port}/health`,
        intervalMs: 20,
        headers: { "x-visitor": "then" },
      };
      const state = after("rollout", JSON.stringify({ origin: "api", probe }));
      const { ledger: kept } = await rollBack(config(), {}, state, { "127.0.0.1": { "x-visitor": "now" } });
      expect(kept?.url).toBe(probe.url);
      expect(new Set(asked)).toEqual(new Set(["now"]));
    } finally {
      await new Promise((resolve) => server.close(resolve).closeAllConnections());
    }
  });

  test("--downgrade without a command that could do it says where to write one", async () => {
    const error = await refusal(rollBack(config(), { downgrade: true }, {}));
    expect(error.message).toContain("groundwork:origins.api.migrations.downgradeCommand");
    expect(steps.read("steps")).toBe("releases\n");
  });

  test("a newer release whose migrations were taken back is not gone forward to", async () => {
    steps.write("releases.json", `${JSON.stringify(answer({ active: "b2b2", previous: "c3c3" }))}\n`);
    const error = await refusal(rollBack(config(migrations), { downgrade: true }, {}));
    expect(error.message).toContain("needs the schema of release c3c3, whose migrations were taken back");
    expect(error.message).toContain("npx groundwork up -s prod");
    expect(steps.read("steps")).toBe("releases\n");
  });

  test("what the host refuses is told with what to do", async () => {
    steps.answer(
      "rollout",
      `echo 'rollout: release c3c3 has changed the database so that release b2b2 cannot work with it' >&2; exit 23`,
    );
    const error = await refusal(rollBack(config(), {}, {}));
    expect(error.message).toContain("release c3c3 has changed the database");
    expect(error.message).toContain(
      "next: run it with --downgrade (npx groundwork rollback -s prod --downgrade)",
    );
  });

  test("of several origins one has to be named; a platform's own is refused", async () => {
    const several = config(
      "",
      `    web:
      kind: compose
      host: one
      hostnames: [www.example.com]
      project: web
      composeFile: web/compose.yaml
      services: { web: { port: 3000 } }
    elsewhere: { kind: external, hostnames: [x.example.com], target: x.fly.dev }
`,
    );
    expect((await refusal(rollBack(several, {}, {}))).message).toContain("api, web");
    expect((await refusal(rollBack(several, { origin: "elsewhere" }, {}))).message).toContain(
      "at a platform",
    );
    expect((await refusal(listReleases(several, "none"))).message).toContain(
      "prod has no origin of that name: none",
    );
    expect((await listReleases(several)).map(({ origin }) => origin)).toEqual(["api", "web"]);
  });

  test("a host key that changed ends it with what to do", async () => {
    const other = config();
    const [host] = Object.values(other.settings.hosts);
    Object.assign(host as object, { hostKey: generateSshKey().public.trim() });
    const error = await refusal(listReleases(other));
    expect(error.message).toContain("host key mismatch");
    expect(error.message).toContain("next: if the machine was set up anew");
  });
});
