import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Environment } from "../../automation/environment";
import { expectRelease } from "../../remote/shared-connections";
import { type RealSsh, startNetwork, startSandboxSsh, type TestNetwork } from "../support/open-ssh";
import { type OwnProject, ownProject } from "../support/own-project";

jest.setTimeout(180_000);

let project: OwnProject;
let directory: string;
let variables: OwnProject["variables"];
let ssh: RealSsh;
let network: TestNetwork;

beforeAll(async () => {
  project = await ownProject("command");
  ({ directory, variables } = project);
  ssh = await startSandboxSsh({ directory });
  network = await startNetwork(ssh.server.port);
});
afterAll(async () => {
  await network.close();
  await ssh.close();
  project.end();
});

/** A release as the platform's program has it; its step waits until somebody has logged in, and keeps where connections are. */
async function up(release: string): Promise<boolean> {
  const [dialled, told] = [join(directory, "dialled"), join(directory, "told")];
  const program = () => {
    expectRelease(pulumi.getStack(), release, { server: { ...ssh.server, port: network.port } });
    new local.Command("release", {
      create: `n=0; until [ -f ${dialled} ] || [ "$n" -ge 600 ]; do sleep 0.05; n=$((n + 1)); done; printf %s "$GROUNDWORK_CONNECTIONS" >${told}`,
      triggers: [release],
    });
    return Promise.resolve({ release });
  };
  const environment = await Environment.open("dev", { directory, variables, program });
  const before = network.connections();
  const looking = setInterval(() => {
    if (network.connections() > before) writeFileSync(dialled, "");
  }, 20);
  const { unchanged } = await environment.up().finally(() => clearInterval(looking));
  rmSync(dialled, { force: true });
  if (!unchanged) {
    const path = readFileSync(told, "utf8");
    expect(path).toContain("groundwork-ssh-");
    expect(existsSync(dirname(path))).toBe(false);
  }
  return unchanged;
}

test("a release that the state does not know has its host dialled before its step, once; one that it knows has not", async () => {
  const [first, second] = [randomBytes(8).toString("hex"), randomBytes(8).toString("hex")];
  expect(await up(first)).toBe(false);
  expect(network.connections()).toBe(1);
  expect(await up(first)).toBe(true);
  expect(network.connections()).toBe(1);
  expect(await up(second)).toBe(false);
  expect(network.connections()).toBe(2);
});
