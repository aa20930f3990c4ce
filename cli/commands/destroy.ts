import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, openOwn, stackOf } from "../open";
import { runAndTell } from "../run";
import { type JsonChoice, jsonOption, type LockChoice, lockWaitOf, lockWaitOption } from "../run-options";

export const destroy: CommandDeclaration<EnvironmentChoice & LockChoice & JsonChoice> = {
  name: "destroy",
  summary: "removes everything of the environment",
  example: "npx groundwork destroy -s staging",
  options: [stackOption, lockWaitOption, jsonOption],
  async run({ json = false, ...options }, context) {
    const run = lockWaitOf(options);
    await runAndTell(await openOwn(stackOf(options, "destroy"), context), "destroy", context, { run, json });
  },
};
