import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../../common/project-root";
import { parseReport } from "../../../report/schema";
import { runProgram } from "../../support/command";
import { SmallProject } from "../../support/small-project";

// A rule of the stack file and a pack of Pulumi's own policy library, under the real engine and by the real command.
jest.setTimeout(600_000);

let project: SmallProject;

beforeAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the build is plain JavaScript
  (require("../../../bin/build.js") as { ensureBuilt(...groups: string[]): void }).ensureBuilt("main");
  project = await SmallProject.start();
  writePack(join(project.directory, "policy"));
});
afterAll(() => project.end());

/** As `pulumi policy new` makes one: a folder with its own dependencies. */
function writePack(folder: string): void {
  mkdirSync(folder);
  writeFileSync(join(folder, "PulumiPolicy.yaml"), "runtime: nodejs\ndescription: rules of the house\n");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ version: "1.0.0", main: "index.js" }));
  symlinkSync(join(projectRoot(), "node_modules"), join(folder, "node_modules"));
  writeFileSync(
    join(folder, "index.js"),
    `const { PolicyPack } = require("@pulumi/policy");
     new PolicyPack("house", {
       policies: [{
         name: "bucket-names", description: "Buckets have no secret names.", enforcementLevel: "mandatory",
         validateResource: ({ type, props }, report) => {
           if (type === "cloudflare:index/r2Bucket:R2Bucket" && /hidden/.test(props.name)) report("name it openly: " + props.name);
         },
       }],
     });`,
  );
}

async function bucketNames(): Promise<string[]> {
  const { buckets } = (await project.api("GET", `${project.accountPath}/r2/buckets`)) as {
    buckets: { name: string }[];
  };
  return buckets.map(({ name }) => name);
}

test("a change that would lose data is refused by preview and by up, which then changes nothing", async () => {
  project.describe("shop", 1);
  const made = await project.run(["up", "-s", "shop"]);
  if (made.code !== 0) throw new Error(made.all);

  project.describe("shop", 0, "media", { "groundwork:policies": { risks: { dataLoss: "mandatory" } } });
  const preview = await project.run(["preview", "-s", "shop", "--json"]);
  expect(preview.code).toBe(4);
  const report = parseReport(preview.stdout);
  expect(report.result).toBe("failed");
  expect(report.policies?.results).toMatchObject([
    { policy: "risks.dataLoss", level: "mandatory", text: expect.stringContaining("is lost") as string },
  ]);

  const up = await project.run(["up", "-s", "shop"]);
  expect(up.stderr).toMatch(
    /a policy refuses the up of shop[\s\S]*risks\.dataLoss .*everything in the bucket shop-media-0/,
  );
  expect(up.code).toBe(4);
  expect(await bucketNames()).toEqual(["shop-media-0"]);
});

test("an advisory rule is told, and keeps nobody", async () => {
  project.describe("shop", 0, "media", { "groundwork:policies": { risks: { dataLoss: "advisory" } } });
  const { code, stdout } = await project.run(["preview", "-s", "shop", "--json"]);
  expect(code).toBe(0);
  expect(parseReport(stdout).policies?.results).toMatchObject([
    { policy: "risks.dataLoss", level: "advisory" },
  ]);
});

test("a policy pack judges each resource: what it refuses is an error of its own kind, and is not made", async () => {
  const policies = { packs: ["policy"] };
  project.describe("shop", 1, "hidden", { "groundwork:policies": policies });
  const preview = await project.run(["preview", "-s", "shop", "--json"]);
  expect(preview.code).toBe(4);
  const { messages, policies: found } = parseReport(preview.stdout);
  expect(found?.results).toMatchObject([
    {
      policy: "bucket-names",
      pack: "house",
      level: "mandatory",
      text: expect.stringContaining("name it openly") as string,
    },
  ]);
  expect(JSON.stringify(messages)).not.toContain("pulumi-analyzer-policy");

  // In a process of its own: the engine ends the program that runs in it.
  const embedded = join(project.directory, "embedded.js");
  writeFileSync(
    embedded,
    `const { Environment, PolicyRefusedError } = require(${JSON.stringify(join(projectRoot(), "dist", "automation.js"))});
     Environment.open("shop", { directory: ${JSON.stringify(project.directory)} }).then((shop) => shop.up()).then(
       () => process.exit(9),
       (error) => console.log(JSON.stringify({ refused: error instanceof PolicyRefusedError, violations: error.violations })),
     );`,
  );
  const { code, stdout } = await runProgram(process.execPath, [embedded], project.variables);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    refused: true,
    violations: [{ policy: "bucket-names", pack: "house" }],
  });
  expect(await bucketNames()).toEqual(["shop-media-0"]);

  project.describe("shop", 1, "media", { "groundwork:policies": policies });
  const kept = await project.run(["preview", "-s", "shop"]);
  expect(kept.code).toBe(0);
});
