import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { bringUpSandbox } from "../../sandbox/bring-up";
import { runProgram, SandboxHome } from "../support/command";

const home = new SandboxHome();
afterAll(() => rmSync(home.folder, { recursive: true, force: true }));

test.each([
  [["strat"], /unknown command 'strat'/],
  [["start", "--nope"], /unknown option '--nope'/],
  [["preview", "--stack"], /argument missing/],
  [["sandbox", "sttaus", "-s", "dev"], /too many arguments|unknown command/],
])("the command line is wrong: %j ends with 2 and says what is wrong", async (args, said) => {
  const { code, stderr } = await home.run(args);
  expect(stderr).toMatch(said);
  expect(stderr).toMatch(/--help/);
  expect(code).toBe(2);
});

test.each([
  [["preview"], /which environment is not said[\s\S]*next: npx groundwork preview -s staging/],
  [["up", "-s", "No Name!"], /not the name of an environment: No Name!/],
  [["sandbox", "-s", "nowhere"], /there is no stack of that name: nowhere[\s\S]*Pulumi\.nowhere\.yaml/],
  [["start", "-s", "nowhere"], /there is no stack of that name: nowhere/],
])("an environment that is not there: %j ends with 1, and nothing is made", async (args, said) => {
  const { code, stderr } = await home.run(args);
  expect(stderr).toMatch(said);
  expect(code).toBe(1);
  expect(existsSync(join(home.folder, "sandbox"))).toBe(false);
});

test("a sandbox whose stack file is gone is removed all the same", async () => {
  mkdirSync(join(home.folder, "sandbox", "gone", "state"), { recursive: true });
  const { code, stderr } = await home.run(["sandbox", "destroy", "-s", "gone"]);
  expect(stderr).toMatch(/Pulumi\.gone\.yaml is gone: .*\n[^]*nothing of gone is left/);
  expect(code).toBe(0);
  expect(existsSync(join(home.folder, "sandbox"))).toBe(false);
});

test("a stack file with mistakes: all of them at once, and nothing is started", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-mistakes-"));
  const before = process.env.GROUNDWORK_HOME;
  process.env.GROUNDWORK_HOME = folder;
  try {
    const stackFile = join(folder, "Pulumi.dev.yaml");
    const right = readFileSync(join(projectRoot(), "Pulumi.dev.yaml"), "utf8");
    const wrong = right
      .replace("groundwork:origins:", "groundwork:origin:")
      .replace('minTlsVersion: "1.2"', 'minTlsVersion: "1.9"')
      .replace("hostnames: [streampai.localhost]", 'hostnames: ["not a host"]');
    writeFileSync(stackFile, wrong);
    const error: Error = await bringUpSandbox({ stack: "dev", stackFile }).then(
      () => new Error("it was brought up"),
      (failure: Error) => failure,
    );
    expect(error.message).toMatch(/groundwork:origin\b[\s\S]*groundwork:origins/);
    expect(error.message).toMatch(/minTlsVersion/);
    expect(error.message).toMatch(/not a host/);
    expect(readdirSync(folder)).toEqual(["Pulumi.dev.yaml"]);
  } finally {
    if (before === undefined) delete process.env.GROUNDWORK_HOME;
    else process.env.GROUNDWORK_HOME = before;
    rmSync(folder, { recursive: true, force: true });
  }
});

const onLinux = process.platform === "linux" ? describe : describe.skip;
onLinux("where the disk is full under the output (/dev/full)", () => {
  const run = (args: string, redirection: string) => {
    const command = `'${process.execPath}' '${join(projectRoot(), "bin", "groundwork.js")}' ${args} ${redirection}`;
    return runProgram("timeout", ["--signal=KILL", "50", "sh", "-c", command], {
      GROUNDWORK_HOME: home.folder,
      NO_COLOR: "1",
    });
  };

  test.each(["help up", "completion bash"])(
    "an answer that was not written is no success, and is told in a line: %s",
    async (args) => {
      const { code, stderr } = await run(args, ">/dev/full");
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/^error: the answer could not be written: ENOSPC[^\n]*\n$/),
      ]);
      expect((await run(args, ">/dev/full 2>&1")).code).toBe(1);
    },
    60_000,
  );

  test("a command that cannot say how it goes on does its work to the end", async () => {
    const sandbox = join(home.folder, "sandbox", "gone");
    mkdirSync(join(sandbox, "state"), { recursive: true });
    expect((await run("sandbox destroy -s gone", "2>/dev/full")).code).toBe(0);
    expect(existsSync(sandbox)).toBe(false);
  }, 60_000);
});

describe("a mistake of the user's is no bug of ours", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-mistakes-"));
    mkdirSync(join(folder, "state"));
    writeFileSync(join(folder, "Pulumi.yaml"), "name: sample\nruntime: nodejs\n");
    writeFileSync(join(folder, "Pulumi.staging.yaml"), "config:\n  groundwork:domain: example.com\n");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const run = (...args: string[]) =>
    home.run([...args, "--directory", folder], {
      PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "test",
    });

  test.each(["preview", "up"])(
    "%s with a stack file that is no YAML tells that, and shows no text of it",
    async (verb) => {
      writeFileSync(
        join(folder, "Pulumi.staging.yaml"),
        'config:\n  groundwork:domain: example.com\n  app:token: "hunter2-hunter2\n',
      );
      const { all, code } = await run(verb, "-s", "staging");
      expect([code, all]).toEqual([
        1,
        expect.not.stringMatching(/hunter2|a bug of groundwork|YAMLParseError/),
      ]);
      expect(all).toContain("the stack file is no YAML: Pulumi.staging.yaml, line 3");
    },
    60_000,
  );

  test("a Pulumi.yaml that is no YAML is told with its place", async () => {
    writeFileSync(join(folder, "Pulumi.yaml"), 'name: "sample\n');
    const { code, stderr } = await run("preview", "-s", "staging");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/Pulumi\.yaml:\d+:\d+: a character is missing/),
    ]);
  });

  test.each([
    ["nowhere/plan.json", "ENOENT"],
    [".", "EISDIR"],
    ["Pulumi.yaml/plan.json", "ENOTDIR"],
  ])("a plan that cannot be written to %s is told before the preview", async (file, reason) => {
    const { code, stderr } = await run("preview", "-s", "staging", "--save-plan", join(folder, file));
    expect([code, stderr]).toEqual([1, expect.stringContaining(`(${reason})`)]);
    expect(stderr).not.toContain("previewing");
  });

  test.each([
    ["of its answer", ""],
    ["of all it says", "2>&1"],
  ])(
    "a failing command whose reader %s has gone ends as it ends",
    async (_, redirection) => {
      const command = `'${process.execPath}' '${join(projectRoot(), "bin", "groundwork.js")}' preview -s staging --json --directory '${folder}'`;
      const script = `${command} ${redirection} | true; echo "\${PIPESTATUS[0]}"`;
      const { stdout } = await runProgram("bash", ["-c", script], {
        PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: "test",
      });
      expect(stdout).toBe("1\n");
    },
    60_000,
  );

  test("no number of hours at all is not none: no slot is dropped by it", async () => {
    for (const hours of ["", " ", "soon"]) {
      const { code, stderr } = await run("db", "slots", "-s", "staging", "--drop-orphaned", "--hours", hours);
      expect([code, stderr]).toEqual([1, expect.stringContaining("that is no number of hours")]);
    }
  });
});
