import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { transformSync } from "esbuild";
import { projectRoot } from "../../common/project-root";
import { commandLines, page, readmeExample } from "./markdown";

const execute = promisify(execFile);
const root = projectRoot();
const home = mkdtempSync(join(tmpdir(), "groundwork-readme-"));
const script = join(root, ".groundwork", `readme-${process.pid}.mjs`);
const destroy = "npx groundwork sandbox destroy -s staging";

jest.setTimeout(300_000);

/** A line of the README, typed into a shell in the checkout; its own sandboxes stand apart from the user's. */
async function type(line: string): Promise<string> {
  const environment = { ...process.env, GROUNDWORK_HOME: home, NO_COLOR: "1", npm_config_loglevel: "error" };
  const { stdout } = await execute("sh", ["-c", line], { cwd: root, env: environment, maxBuffer: 2 ** 26 });
  return stdout;
}

afterAll(async () => {
  rmSync(script, { force: true });
  await type(destroy);
  rmSync(home, { recursive: true, force: true });
});

test("what the README says of any stack here, unchanged, and of the Automation API, is so", async () => {
  const lines = commandLines(page("README.md"));
  const lead = 'eval "$(npx groundwork sandbox env -s staging)"';
  const preview = "pulumi preview -s staging";
  expect(lines).toEqual(expect.arrayContaining([lead, preview]));
  const stackFile = join(root, "Pulumi.staging.yaml");
  const before = readFileSync(stackFile, "utf8");
  mkdirSync(join(root, ".groundwork"), { recursive: true });
  writeFileSync(script, transformSync(readmeExample("automation"), { loader: "ts", format: "esm" }).code);

  // A plain pulumi sees that nothing is there yet.
  expect(await type(`${lead} && ${preview}`)).toMatch(/\+ \d+ to create/);

  // The script makes it, and tells each resource and the outputs.
  const told = await type(`${lead} && node ${script}`);
  expect(told).toContain("api-rollout");
  expect(told.trimEnd()).toMatch(/\[[^\]]*'addresses'[^\]]*\]$/);

  // Either goes on where the other stopped.
  expect(await type(`${lead} && ${preview}`)).toMatch(/Resources:\s+\d+ unchanged/);
  expect(await type(`${lead} && node ${script}`)).toContain("nothing to change");
  expect(readFileSync(stackFile, "utf8")).toBe(before);
});
