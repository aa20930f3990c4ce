import type { Environment, RunOptions } from "../../automation/environment";
import { type ApprovedPlan, assertApproved, beginPlan, readApproved } from "../../automation/plan/bound";
import { openProject } from "../../automation/project";
import type { StackConfig } from "../../automation/stack-config";
import { checkAccessAfterUp } from "../access-after-up";
import { type CommandContext, type CommandDeclaration, stackOption } from "../command";
import { attackAfterUp } from "../db/attack";
import { openOwn } from "../at-hand";
import { type EnvironmentChoice, stackOf } from "../open";
import { inTurn, runAndTell } from "../run";
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
    const lockWait = lockWaitOf(choice);
    // Without a plan nobody reads the settings first: that would be a start of the engine, and the run finds them by itself.
    const planned =
      approved && (await stillPlanned(environment, approved, { ...lockWait, refresh }, context));
    const run = { ...(planned === undefined ? lockWait : { stateMark: planned.stateMark }), refresh };
    const config = planned?.config;
    const policies = approved === undefined ? "look" : "known";
    let told = config;
    const done = await runAndTell(environment, "up", context, {
      run: {
        ...{ ...run, policies, onConfig: (read) => (told = read) },
        ...(config === undefined ? {} : { config }),
      },
      json,
    });
    const { settings } = told ?? (await environment.config());
    await checkAccessAfterUp(environment, settings, done, context);
    await attackAfterUp(environment, settings, json ? { ...context, print: context.say } : context);
  },
};

/** What a run begins with that was held against its plan. */
interface Planned {
  /** Settings that the plan was made of. */
  readonly config: StackConfig | undefined;
  /** State that it was made of. */
  readonly stateMark: string | undefined;
}

/** Waits for who is at work, previews then, and refuses another plan than the approved one. */
async function stillPlanned(
  environment: Environment,
  approved: ApprovedPlan,
  { refresh, ...lockWait }: Pick<RunOptions, "lockWait" | "refresh">,
  context: CommandContext,
): Promise<Planned> {
  await environment.waitForOthers({ ...lockWait, log: context.say, signal: context.signal });
  const stateMark = await environment.stateMark();
  let config: StackConfig | undefined;
  const now = beginPlan(environment, { directory: openProject().directory });
  await runAndTell(environment, "preview", context, {
    onEvent: now.add,
    run: {
      onConfig: inTurn(now.onConfig, (told) => (config = told)),
      ...(refresh === undefined ? {} : { refresh }),
    },
  });
  assertApproved(approved, now);
  context.say("this is the plan that was approved");
  return { config, stateMark };
}
