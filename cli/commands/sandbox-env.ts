import { bringUpSandbox } from "../../sandbox/bring-up";
import { type CommandDeclaration, stackOption } from "../command";
import { stackOf } from "../open";
import { tellDifferences } from "../sandbox-up";
import { type SandboxChoice, dockerChoice, dockerOptions } from "./sandbox";

export const sandboxEnv: CommandDeclaration<SandboxChoice> = {
  name: "sandbox env",
  summary: "starts a stack's sandbox and prints what leads a plain `pulumi` to it, for eval",
  example: 'eval "$(npx groundwork sandbox env -s staging)" && pulumi up -s staging',
  options: [stackOption, ...dockerOptions],
  async run(options, { print, say }) {
    const stack = stackOf(options, "sandbox env");
    const ready = await bringUpSandbox({ stack, docker: dockerChoice(options), log: say });
    tellDifferences(ready, say);
    for (const [name, value] of Object.entries(ready.variables))
      print(`export ${name}=${shellQuoted(value)}`);
  },
};

function shellQuoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
