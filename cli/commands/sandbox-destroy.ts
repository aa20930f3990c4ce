import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, stackOf } from "../open";
import { destroyInSandbox } from "../sandbox-destroy";

export const sandboxDestroy: CommandDeclaration<EnvironmentChoice> = {
  name: "sandbox destroy",
  summary: "destroys an environment in its sandbox and removes the sandbox: nothing is left",
  example: "npx groundwork sandbox destroy -s staging",
  options: [stackOption],
  async run(options, context) {
    await destroyInSandbox(stackOf(options, "sandbox destroy"), context);
  },
};
