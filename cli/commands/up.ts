import { type CommandDeclaration, stackOption } from "../command";
import { attackAfterUp } from "../db/attack";
import { type EnvironmentChoice, openOwn, stackOf } from "../open";
import { runAndTell } from "../run";

export const up: CommandDeclaration<EnvironmentChoice> = {
  name: "up",
  summary: "makes the environment what its stack file says",
  example: "npx groundwork up -s staging",
  options: [stackOption],
  async run(options, context) {
    const environment = await openOwn(stackOf(options, "up"), context);
    await runAndTell(environment, "up", context);
    await attackAfterUp(environment, context);
  },
};
