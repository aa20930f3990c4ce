import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Environment } from "../../automation/environment";
import { projectRoot } from "../../common/project-root";
import { sleep } from "../../common/processes";
import { runProgram } from "../support/command";
import { buildPrograms } from "../support/local-program";
import { type OwnProject, ownProject } from "../support/own-project";

// A resource fails, so the engine ends, while the program has still something to ask it.
jest.setTimeout(180_000);

const root = projectRoot();
let project: OwnProject;
let directory: string;
let variables: OwnProject["variables"];

beforeAll(async () => {
  project = await ownProject("command");
  ({ directory, variables } = project);
  writeFileSync(join(directory, "script.js"), script);
  buildPrograms();
});
afterAll(() => project.end());

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
  const variables = JSON.parse(process.env.VARIABLES);
  const environment = await Environment.open(stack, { directory: __dirname, variables, program });
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
  const environment = await Environment.open("suite", { directory, variables, program });
  await expect(environment.up()).rejects.toThrow("up of suite failed");
  begin("");
  await sleep(1500);
});
