import { assertApproved, beginPlan, readApproved } from "../../automation/plan/bound";
import { openProject } from "../../automation/project";
import { type CommandDeclaration, stackOption } from "../command";
import { attackAfterUp } from "../db/attack";
import { type EnvironmentChoice, openOwn, stackOf } from "../open";
import { runAndTell } from "../run";

export const up: CommandDeclaration<EnvironmentChoice & { readonly plan?: string }> = {
  name: "up",
  summary: "makes the environment what its stack file says",
  example: "npx groundwork up -s staging",
  options: [
    stackOption,
    {
      flags: "--plan <file or digest>",
      description: "previews first, and refuses to do anything but this plan",
    },
  ],
  async run({ plan, ...choice }, context) {
    const approved = plan === undefined ? undefined : readApproved(plan);
    const environment = await openOwn(stackOf(choice, "up"), context);
    if (approved !== undefined) {
      const now = await beginPlan(environment, { directory: openProject().directory });
      await runAndTell(environment, "preview", context, 0, now.add);
      assertApproved(approved, now);
      context.say("this is the plan that was approved");
    }
    await runAndTell(environment, "up", context);
    await attackAfterUp(environment, context);
  },
};
