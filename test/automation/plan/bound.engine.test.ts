import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as random from "@pulumi/random";
import type { PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { Environment } from "../../../automation/environment";
import { PlanChangedError, assertApproved, beginPlan, readApproved } from "../../../automation/plan/bound";
import type { StackConfig } from "../../../automation/stack-config";
import { installProviders } from "../../../sandbox/providers/install";

jest.setTimeout(240_000);

let directory: string;
let variables: Record<string, string>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "gw-plan-"));
  const home = join(directory, "home");
  mkdirSync(join(directory, "state"));
  await installProviders({ pulumiHome: home, policy: "always", packages: ["random"], path: "" });
  writeFileSync(join(directory, "Pulumi.yaml"), "name: sample\nruntime: nodejs\n");
  variables = {
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: randomBytes(12).toString("hex"),
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  };
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** No stack file of the platform's is read here. */
const config = { settings: {} as StackConfig["settings"], secrets: {} };

/** The second resource's input is known only once the first is made. */
const program =
  (length: number): PulumiFn =>
  async () => {
    const first = new random.RandomString("first", { length });
    new random.RandomString("second", { length: 8, keepers: { of: first.result } });
    return Promise.resolve();
  };

async function open(length: number) {
  const environment = await Environment.open("dev", { directory, variables, program: program(length) });
  const planned = async () => {
    const plan = beginPlan(environment, { directory, variables, config, program: "" });
    await environment.preview({ onEvent: plan.add });
    return plan;
  };
  return { environment, planned };
}

test("an approved plan is the same in another preview; one changed input, or a resource made meanwhile, is refused by name", async () => {
  const { environment, planned } = await open(12);
  const file = join(directory, "plan.json");
  writeFileSync(file, JSON.stringify((await planned()).file()));
  const approved = readApproved(file);

  assertApproved(approved, await planned());

  const changed = await (await open(13)).planned();
  let refusal: unknown;
  try {
    assertApproved(approved, changed);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(PlanChangedError);
  expect((refusal as PlanChangedError).differences).toEqual([
    "random:index/randomString:RandomString first: length",
  ]);

  await environment.up();
  const afterwards = await planned();
  expect(() => assertApproved(approved, afterwards)).toThrow(/first: create → same/);
  await environment.destroy({ remove: true });
});
