import { type CommandDeclaration, stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { openOwn } from "../at-hand";
import { type EnvironmentChoice, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";

export const outputs: CommandDeclaration<EnvironmentChoice & JsonChoice> = {
  name: "outputs",
  summary: "prints what the environment gives to those who use it, as JSON; secrets as [secret]",
  example: "npx groundwork outputs -s staging",
  options: [stackOption, { ...jsonOption, description: "the same: the answer is JSON in any case" }],
  async run(options, context) {
    const environment = await openOwn(stackOf(options, "outputs"), context);
    const all = await environment.outputs();
    const shown = Object.fromEntries(
      Object.entries(all).map(([name, { value, secret }]) => [
        name,
        secret ? "[secret]" : (value as unknown),
      ]),
    );
    context.print(jsonAnswer("outputs", shown));
  },
};
