import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Environment } from "../../automation/environment";
import { projectRoot } from "../../common/project-root";
import { sleep } from "../../common/processes";
import { installProviders } from "../../sandbox/providers/install";
import { runProgram } from "../support/command";
import { buildPrograms } from "../support/local-program";

// A resource fails, so the engine ends, while the program has still something to ask it.
jest.setTimeout(180_000);

const root = projectRoot();
let directory: string;
let variables: Record<string, string>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "gw-ended-"));
  mkdirSync(join(directory, "state"));
  const home = join(directory, "home");
  await installProviders({ pulumiHome: home, policy: "always", packages: ["command"], path: "" });
  writeFileSync(join(directory, "Pulumi.yaml"), "name: sample\nruntime: nodejs\n");
  writeFileSync(join(directory, "script.js"), script);
  variables = {
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: randomBytes(12).toString("hex"),
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  };
  buildPrograms();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A script of one's own: its stack, what its program still does when the engine has ended, and what it does itself. */
const script = `
const { Environment } = require(${JSON.stringify(join(root, "dist", "automation.js"))});
const pulumi = require(${JSON.stringify(join(root, "node_modules", "@pulumi", "pulumi"))});
const { local } = require(${JSON.stringify(join(root, "node_modules", "@pulumi", "command"))});
const [stack, late, own] = process.argv.slice(2);
let begin;
const ended = new Promise((resolve) => (begin = resolve));
class Part extends pulumi.ComponentResource {
  constructor() {
    super("own:sample:Part", "part");
    if (late === "outputs") this.registerOutputs({ late: ended });
    if (late === "invoke") pulumi.output(ended).apply((command) => local.runOutput({ command }).stdout);
  }
}
async function program() {
  new local.Command("failing", { create: "false" });
  new Part();
  if (late !== "resource" && late !== "error") return {};
  await ended;
  if (late === "error") throw new Error("of the program");
  new local.Command("late", { create: "true" });
  return {};
}
(async () => {
  const { variables, directory } = { variables: JSON.parse(process.env.VARIABLES), directory: __dirname };
  const environment = await Environment.open(stack, { directory, variables, program });
  await environment.up().catch((error) => console.log("caught: " + error.message.split("\\n")[0]));
  begin("true");
  await new Promise((resolve) => setTimeout(resolve, 1500));
  if (own) throw new Error(own);
  console.log("it went on");
})();
`;

const run = (...args: string[]) =>
  runProgram(process.execPath, [join(directory, "script.js"), ...args], {
    VARIABLES: JSON.stringify(variables),
  });

test("a script goes on that has caught the failure, whatever its program still does", async () => {
  const kinds = ["outputs", "invoke", "resource", "error"];
  const went = await Promise.all(kinds.map((late) => run(late, late)));
  expect(went.map(({ code, stdout, stderr }) => ({ code, stdout, stderr }))).toEqual(
    kinds.map((late) => ({ code: 0, stdout: `caught: up of ${late} failed: \nit went on\n`, stderr: "" })),
  );
});

test("a script's own error afterwards ends it", async () => {
  const { code, stdout, stderr } = await run("own", "outputs", "of the script");
  expect(stdout).toBe("caught: up of own failed: \n");
  expect(stderr).toContain("of the script");
  expect(code).toBe(1);
});

test("neither does it break a suite of tests", async () => {
  const stack = "suite";
  let begin = (_: string): void => undefined;
  const ended = new Promise<string>((resolve) => (begin = resolve));
  class Part extends pulumi.ComponentResource {
    constructor() {
      super("own:sample:Part", "part");
      this.registerOutputs({ ended });
    }
  }
  const program = () => {
    new local.Command("failing", { create: "false" });
    new Part();
    return Promise.resolve({});
  };
  const environment = await Environment.open(stack, { directory, variables, program });
  await expect(environment.up()).rejects.toThrow("up of suite failed");
  begin("");
  await sleep(1500);
});
