import { shellQuote } from "../../common/shell-words";
import { type CommandDeclaration, stackOption } from "../command";
import { inSandbox } from "../in-sandbox";
import { stackOf } from "../open";
import { tellDifferences } from "../sandbox-up";
import { type SandboxChoice, dockerChoice, dockerOptions } from "./sandbox";

export const sandboxEnv: CommandDeclaration<SandboxChoice> = {
  name: "sandbox env",
  summary: "starts a stack's sandbox and prints what leads a plain `pulumi` to it, for eval",
  example: 'eval "$(npx groundwork sandbox env -s staging)" && pulumi up -s staging',
  options: [stackOption, ...dockerOptions],
  async run(options, context) {
    const stack = stackOf(options, "sandbox env");
    const request = { stack, docker: dockerChoice(options) };
    await inSandbox(request, `start the sandbox of ${stack}`, context, (ready) => {
      tellDifferences(ready, context.say);
      for (const [name, value] of Object.entries(ready.variables)) {
        context.print(`export ${name}=${shellQuote(value)}`);
      }
      return Promise.resolve();
    });
  },
};
