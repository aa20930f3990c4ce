import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { exportedVariables, runProgram, SandboxHome } from "../support/command";

jest.setTimeout(300_000);

const home = new SandboxHome();
// Within the checkout, where the library is found.
mkdirSync(join(projectRoot(), "dist"), { recursive: true });
const folder = mkdtempSync(join(projectRoot(), "dist", "init-"));
const named = ["-s", "dev", "--directory", folder];

afterAll(async () => {
  await home.run(["sandbox", "destroy", ...named]);
  await home.remove([]);
  rmSync(folder, { recursive: true, force: true });
});

test("what init writes comes up as it is, and a preview by either way then has nothing to do", async () => {
  const made = await home.run(["init", folder, "--name", "shop"]);
  expect([made.code, made.stdout.match(/^wrote /gm)?.length]).toEqual([0, 5]);
  const up = await home.run(["sandbox", ...named, "--without-docker"]);
  expect([up.code, up.stderr.slice(-2000)]).toEqual([0, expect.stringContaining("shop") as string]);
  expect(up.stdout).toMatch(/https:\/\/shop\.localhost:\d+ +│ 200/);
  const variables = exportedVariables((await home.run(["sandbox", "env", ...named])).stdout);
  const preview = await home.run(["preview", ...named], variables);
  expect([preview.code, preview.stderr]).toEqual([
    0,
    expect.stringMatching(/dev: .*unchanged|nothing/) as string,
  ]);
  const plain = await runProgram("pulumi", ["preview", "-s", "dev", "--cwd", folder, "--expect-no-changes"], {
    ...variables,
    NO_COLOR: "1",
  });
  expect([plain.code, plain.all.slice(-2000)]).toEqual([0, expect.stringMatching(/unchanged/) as string]);
});
