import { aloneInSandbox } from "../../sandbox/alone";
import { runningSandbox, stopSandbox } from "../../sandbox/sandbox";
import { type CommandDeclaration, stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { type EnvironmentChoice, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";

export const sandboxStop: CommandDeclaration<EnvironmentChoice & JsonChoice> = {
  name: "sandbox stop",
  summary: "ends a stack's sandbox; what it keeps stays for the next start",
  example: "npx groundwork sandbox stop -s dev",
  options: [stackOption, jsonOption],
  async run({ json = false, ...options }, { print, say }) {
    const stack = stackOf(options, "sandbox stop");
    const ran = await aloneInSandbox(stack, `stop the sandbox of ${stack}`, async () => {
      const record = await runningSandbox(stack);
      await stopSandbox(stack, say);
      return record !== undefined;
    });
    if (json) print(jsonAnswer("sandbox stop", { stack, ran }));
    say(`the sandbox of ${stack} is stopped; its state is kept`);
  },
};
