import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";
import { destroyInSandbox } from "../sandbox-destroy";

export const sandboxDestroy: CommandDeclaration<EnvironmentChoice & JsonChoice> = {
  name: "sandbox destroy",
  summary: "destroys an environment in its sandbox and removes the sandbox: nothing is left",
  example: "npx groundwork sandbox destroy -s staging",
  options: [stackOption, jsonOption],
  async run({ json, ...options }, context) {
    await destroyInSandbox(stackOf(options, "sandbox destroy"), context, json);
  },
};
