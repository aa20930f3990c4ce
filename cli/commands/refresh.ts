import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, openOwn, stackOf } from "../open";
import { runAndTell } from "../run";

export const refresh: CommandDeclaration<EnvironmentChoice> = {
  name: "refresh",
  summary: "reads what is really there into the state",
  example: "npx groundwork refresh -s staging",
  options: [stackOption],
  async run(options, context) {
    await runAndTell(await openOwn(stackOf(options, "refresh"), context), "refresh", context);
  },
};
