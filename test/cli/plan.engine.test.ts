import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { findEngine } from "../../sandbox/engine/engine";
import { runEngine } from "../../sandbox/engine/run";
import { type CommandResult, runProgram } from "../support/command";
import { type FakeSteps, fakeRollout, fakeSteps } from "../support/fake-steps";
import { type RealSsh, startSandboxSsh } from "../support/open-ssh";
import { SmallProject } from "../support/small-project";

// A plan of what goes to a host, under the real engine, by the real command: what differs is refused, the same is done.
jest.setTimeout(300_000);

let project: SmallProject;
let steps: FakeSteps;
let ssh: RealSsh;
let registry: Server;
/** What the registry says of every tag. */
let digest = `sha256:${"a".repeat(64)}`;
const plan = (): string => join(project.directory, "plan.json");
const compose = (): string => join(project.directory, "compose.yaml");
const image = (): string => `127.0.0.1:${(registry.address() as AddressInfo).port}/acme/api:1`;

beforeAll(async () => {
  registry = createServer((_request, response) => {
    response.writeHead(200, { "docker-content-digest": digest }).end();
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  steps = fakeSteps();
  for (const step of ["prepare-host", "write-files", "database-healthy", "postgres-roles", "migrate"])
    steps.answer(step, "echo '{}'");
  steps.answer("rollout", fakeRollout({ before: 0.1, after: 0.2 }));
  ssh = await startSandboxSsh({ directory: steps.directory, bin: steps.bin });
  project = await SmallProject.start();
  const { directory, variables } = project;
  writeFileSync(compose(), `services:\n  api: { image: "${image()}" }\n  db: { image: postgres:17 }\n`);
  mkdirSync(join(directory, "conf"));
  writeFileSync(join(directory, "conf", "a.conf"), "a");
  const { address, hostKey, port, user } = ssh.server;
  project.describe("shop", 0, "media", {
    "groundwork:hosts": { one: { address: "203.0.113.10", user, hostKey } },
    "groundwork:resolve": [`203.0.113.10:22:${address}:${port}`],
    // Its passwords are made by the first run: until then nobody knows what the release will be called.
    "groundwork:databases": {
      main: { kind: "container", host: "one", project: "shop", service: "db", database: "shop" },
    },
    "groundwork:origins": {
      api: {
        ...{ kind: "compose", host: "one", project: "shop", hostnames: ["api.example.com"], pull: "always" },
        ...{ composeFile: "compose.yaml", files: ["conf"], services: { api: { port: 4000 } } },
        environment: { DATABASE_URL: { from: "databases.main.appUrl" } },
      },
    },
  });
  const set = [
    "config",
    "set",
    "--secret",
    "--path",
    "groundwork:secrets.SSH_PRIVATE_KEY",
    "--stack",
    "shop",
  ];
  const engine = await findEngine();
  await runEngine(engine, ["stack", "init", "shop", "--no-select"], { directory, variables });
  await runEngine(engine, set, { directory, variables, input: ssh.server.privateKey });
});
afterAll(async () => {
  await project.end();
  await ssh.close();
  steps.remove();
  await new Promise((resolve) => registry.close(resolve));
});

async function approve(): Promise<{ digest: string; images: string[] }> {
  const { all, code } = await project.run(["preview", "-s", "shop", "--save-plan", plan()]);
  if (code !== 0) throw new Error(all);
  const file = JSON.parse(readFileSync(plan(), "utf8")) as { digest: string; plan: { images: string[] } };
  return { digest: file.digest, images: file.plan.images };
}
const up = (): Promise<CommandResult> => project.run(["up", "-s", "shop", "--plan", plan()]);

async function expectRefused(...differences: readonly RegExp[]): Promise<void> {
  const { code, stderr } = await up();
  expect(stderr).toMatch(/another one than the approved: nothing was run/);
  for (const difference of differences) expect(stderr).toMatch(difference);
  expect(code).toBe(1);
}

/** Does something with a file changed. */
async function changed(file: string, text: string, work: () => Promise<void>): Promise<void> {
  const before = readFileSync(file, "utf8");
  writeFileSync(file, text);
  await work();
  writeFileSync(file, before);
}

test.each(["before the first run", "before the next one"])(
  "what goes to a host is bound %s: another compose file, file or digest is refused by name, the same is done",
  async () => {
    const { images } = await approve();
    expect(images).toEqual([`${image()}@${digest}`]);

    const evil = `ghcr.io/evil/api@sha256:${"b".repeat(64)}`;
    const text = `services:\n  api: { image: "${evil}", privileged: true, volumes: ["/:/host"] }\n  db: { image: postgres:17 }\n`;
    await changed(compose(), text, () =>
      expectRefused(/the file compose\.yaml of origin api/, new RegExp(`image ${evil} is new`)),
    );
    await changed(join(project.directory, "conf", "a.conf"), "b", () =>
      expectRefused(/the file conf\/a\.conf of origin api/),
    );
    const before = digest;
    digest = `sha256:${"c".repeat(64)}`;
    await expectRefused(
      /AppOrigin api: .*images\.api/,
      new RegExp(`image ${image()}@${before} is gone`),
      new RegExp(`image ${image()}@${digest} is new`),
    );
    digest = before;
    expect(steps.read("released")).toBeUndefined();

    const done = await up();
    expect(done.stderr).toContain("this is the plan that was approved");
    if (done.code !== 0) throw new Error(done.all);
  },
);

test("a checkout elsewhere, with files of other times, makes the same plan", async () => {
  const { digest: here } = await approve();
  const elsewhere = join(steps.directory, "elsewhere");
  mkdirSync(elsewhere);
  for (const name of ["Pulumi.yaml", "Pulumi.shop.yaml", "compose.yaml", "conf"])
    cpSync(join(project.directory, name), join(elsewhere, name), { recursive: true });
  const command = join(projectRoot(), "bin", "groundwork.js");
  const other = join(elsewhere, "plan.json");
  const { all, code } = await runProgram(
    process.execPath,
    [command, "preview", "-s", "shop", "--save-plan", other, "--directory", elsewhere],
    project.variables,
  );
  if (code !== 0) throw new Error(all);
  expect((JSON.parse(readFileSync(other, "utf8")) as { digest: string }).digest).toBe(here);
  rmSync(elsewhere, { recursive: true });
});
