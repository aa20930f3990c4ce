import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, openOwn, stackOf } from "../open";
import { runAndTell } from "../run";

export const up: CommandDeclaration<EnvironmentChoice> = {
  name: "up",
  summary: "makes the environment what its stack file says",
  example: "npx groundwork up -s staging",
  options: [stackOption],
  async run(options, context) {
    await runAndTell(await openOwn(stackOf(options, "up"), context), "up", context);
  },
};
