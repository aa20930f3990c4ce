import { type CommandDeclaration, stackOption } from "../command";
import { openOwn } from "../at-hand";
import { type EnvironmentChoice, stackOf } from "../open";
import { runAndTell } from "../run";
import { type JsonChoice, jsonOption, type LockChoice, lockWaitOf, lockWaitOption } from "../run-options";

export const refresh: CommandDeclaration<EnvironmentChoice & LockChoice & JsonChoice> = {
  name: "refresh",
  summary: "reads what is really there into the state",
  example: "npx groundwork refresh -s staging",
  options: [stackOption, lockWaitOption, jsonOption],
  async run({ json = false, ...options }, context) {
    const run = lockWaitOf(options);
    await runAndTell(await openOwn(stackOf(options, "refresh"), context), "refresh", context, { run, json });
  },
};
