import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as random from "@pulumi/random";
import type { PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { Environment } from "../../../automation/environment";
import { PlanChangedError, assertApproved, beginPlan, readApproved } from "../../../automation/plan/bound";
import type { StackConfig } from "../../../automation/stack-config";
import { type OwnProject, ownProject } from "../../support/own-project";

jest.setTimeout(240_000);

let project: OwnProject;
let directory: string;
let variables: OwnProject["variables"];

beforeAll(async () => {
  project = await ownProject("random");
  ({ directory, variables } = project);
});
afterAll(() => project.end());

/** No stack file of the platform's is read here. */
const config = { settings: { origins: {} } as StackConfig["settings"], secrets: {} };

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
