import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, openOwn, stackOf } from "../open";
import { runAndTell } from "../run";

export const destroy: CommandDeclaration<EnvironmentChoice> = {
  name: "destroy",
  summary: "removes everything of the environment",
  example: "npx groundwork destroy -s staging",
  options: [stackOption],
  async run(options, context) {
    await runAndTell(await openOwn(stackOf(options, "destroy"), context), "destroy", context);
  },
};
