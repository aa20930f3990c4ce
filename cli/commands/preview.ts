import { beginPlan, type PlanInTheMaking } from "../../automation/plan/bound";
import { openProject } from "../../automation/project";
import { type CommandDeclaration, stackOption } from "../command";
import type { RunOptions } from "../../automation/environment";
import { CostWatch, costSentence, type Sections } from "../../report";
import { watchRehearsal } from "../rehearsal-watch";
import { openOwn } from "../at-hand";
import { type EnvironmentChoice, chosen, stackOf } from "../open";
import { assertWritable, writePlan } from "../plan-file";
import { previewAndComment } from "../preview-comment";
import { runAndTell } from "../run";
import { type JsonChoice, jsonOption } from "../run-options";

interface PreviewChoice extends EnvironmentChoice, JsonChoice {
  readonly comment?: boolean;
  readonly savePlan?: string;
  readonly refresh?: boolean;
}

export const preview: CommandDeclaration<PreviewChoice> = {
  name: "preview",
  summary: "shows what up would do; changes nothing",
  example: "npx groundwork preview -s staging",
  options: [
    stackOption,
    { flags: "--comment", description: "puts the report on the pull request that this job is about" },
    { flags: "--save-plan <file>", description: "writes the plan, which up --plan then does and no other" },
    { flags: "--refresh", description: "reads first what is really there" },
    jsonOption,
  ],
  async run({ comment = false, savePlan, refresh = false, json = false, ...choice }, context) {
    const stack = stackOf(choice, "preview");
    if (savePlan !== undefined) await assertWritable(savePlan);
    const environment = await openOwn(stack, context);
    const { directory } = openProject();
    const plan = savePlan === undefined ? undefined : beginPlan(environment, { directory });
    const refusal = plan && refusalOf(plan);
    // On a pull request a report without a plan tells more than none; the command fails by it at its end.
    if (refusal !== undefined && comment) context.say(`no plan can be saved: ${refusal.message}`);
    else if (refusal !== undefined) throw refusal;
    const command = `npx groundwork up ${chosen(environment.name)}${refresh ? " --refresh" : ""} --plan`;
    const rehearsal = watchRehearsal(environment);
    const cost = new CostWatch();
    const add: RunOptions["onEvent"] = (event) => {
      plan?.add(event);
      cost.add(event);
      rehearsal.add(event);
    };
    const onConfig = plan && { onConfig: plan.onConfig };
    if (comment) {
      await previewAndComment(environment, context, {
        ...{ json, refresh, add, ...onConfig },
        sections: async () => ({
          ...(await rehearsal.section()),
          ...(plan === undefined ? {} : planSection(plan, command)),
        }),
      });
    } else {
      await runAndTell(environment, "preview", context, {
        json,
        run: { refresh, ...onConfig },
        onEvent: add,
        sections: rehearsal.section,
      });
      if (!json) {
        const costs = cost.section();
        if (costs !== undefined) context.say(`cost: ${costSentence(costs)}`);
        const { rehearsal: rehearsed } = await rehearsal.section();
        if (rehearsed !== undefined) {
          context.say(`rehearsal ${rehearsed.state}`);
          for (const note of rehearsed.notes) context.say(`  ${note}`);
        }
      }
    }
    if (plan === undefined || savePlan === undefined) return;
    const file = plan.file();
    await writePlan(savePlan, file);
    context.say(`plan ${file.digest}; what does it and nothing else: ${command} ${savePlan}`);
  },
};

/** Why no plan can be made of a preview, known before it runs. */
function refusalOf(plan: PlanInTheMaking): Error | undefined {
  try {
    void plan.key;
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** Nothing where the plan cannot be made, so that the report is published all the same: who saves the plan tells why. */
function planSection(plan: PlanInTheMaking, command: string): Pick<Sections, "plan"> {
  try {
    const { digest } = plan.file();
    return { plan: { digest, command: `${command} ${digest}` } };
  } catch {
    return {};
  }
}
