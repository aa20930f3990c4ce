import { aloneInSandbox } from "../../sandbox/alone";
import { stopSandbox } from "../../sandbox/sandbox";
import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, stackOf } from "../open";

export const sandboxStop: CommandDeclaration<EnvironmentChoice> = {
  name: "sandbox stop",
  summary: "ends a stack's sandbox; what it keeps stays for the next start",
  example: "npx groundwork sandbox stop -s dev",
  options: [stackOption],
  async run(options, { say }) {
    const stack = stackOf(options, "sandbox stop");
    await aloneInSandbox(stack, `stop the sandbox of ${stack}`, () => stopSandbox(stack));
    say(`the sandbox of ${stack} is stopped; its state is kept`);
  },
};
