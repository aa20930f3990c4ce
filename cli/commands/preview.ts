import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, openOwn, stackOf } from "../open";
import { runAndTell } from "../run";

export const preview: CommandDeclaration<EnvironmentChoice> = {
  name: "preview",
  summary: "shows what up would do; changes nothing",
  example: "npx groundwork preview -s staging",
  options: [stackOption],
  async run(options, context) {
    await runAndTell(await openOwn(stackOf(options, "preview"), context), "preview", context);
  },
};
