import { assertApproved, beginPlan, readApproved } from "../../automation/plan/bound";
import { openProject } from "../../automation/project";
import { checkAccessAfterUp } from "../access-after-up";
import { type CommandDeclaration, stackOption } from "../command";
import { attackAfterUp } from "../db/attack";
import { openOwn } from "../at-hand";
import { type EnvironmentChoice, stackOf } from "../open";
import { runAndTell } from "../run";
import { type JsonChoice, jsonOption, type LockChoice, lockWaitOf, lockWaitOption } from "../run-options";

interface UpChoice extends EnvironmentChoice, LockChoice, JsonChoice {
  readonly plan?: string;
  readonly refresh?: boolean;
}

export const up: CommandDeclaration<UpChoice> = {
  name: "up",
  summary: "makes the environment what its stack file says; mends first what a killed run has left",
  example: "npx groundwork up -s staging",
  options: [
    stackOption,
    {
      flags: "--plan <file or digest>",
      description: "previews first, and refuses to do anything but this plan",
    },
    {
      flags: "--refresh",
      description: "reads first what is really there: what was changed outside is made as described",
    },
    lockWaitOption,
    jsonOption,
  ],
  async run({ plan, refresh = false, json = false, ...choice }, context) {
    const approved = plan === undefined ? undefined : readApproved(plan);
    const environment = await openOwn(stackOf(choice, "up"), context);
    const config = await environment.config({ makeStack: true });
    const run = { ...lockWaitOf(choice), refresh, config };
    if (approved !== undefined) {
      const now = await beginPlan(environment, { directory: openProject().directory, config });
      await runAndTell(environment, "preview", context, { onEvent: now.add, run: { refresh } });
      assertApproved(approved, now);
      context.say("this is the plan that was approved");
    }
    const policies = approved === undefined ? "look" : "known";
    const done = await runAndTell(environment, "up", context, { run: { ...run, policies }, json });
    await checkAccessAfterUp(environment, config.settings, done, context);
    await attackAfterUp(environment, config.settings, json ? { ...context, print: context.say } : context);
  },
};
