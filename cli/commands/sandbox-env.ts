import { shellQuote } from "../../common/shell-words";
import type { ReadySandbox } from "../../sandbox/bring-up";
import type { SandboxFolder } from "../../sandbox/folder";
import { type CommandDeclaration, stackOption } from "../command";
import { inSandbox } from "../in-sandbox";
import { type Answer, jsonAnswer } from "../json/answer";
import { stackOf } from "../open";
import { jsonOption } from "../run-options";
import { tellDifferences } from "../sandbox-up";
import { type SandboxChoice, dockerChoice, dockerOptions } from "./sandbox";

export const sandboxEnv: CommandDeclaration<SandboxChoice> = {
  name: "sandbox env",
  summary: "starts a stack's sandbox and prints what leads a plain `pulumi` to it, for eval",
  example: 'eval "$(npx groundwork sandbox env -s staging)" && pulumi up -s staging',
  options: [stackOption, ...dockerOptions, jsonOption],
  async run(options, context) {
    const stack = stackOf(options, "sandbox env");
    const request = { stack, docker: dockerChoice(options) };
    await inSandbox(request, `start the sandbox of ${stack}`, context, (ready) => {
      tellDifferences(ready, context.say);
      if (options.json === true) context.print(jsonAnswer("sandbox env", shownVariables(ready)));
      else {
        for (const [name, value] of Object.entries(ready.variables)) {
          context.print(`export ${name}=${shellQuote(value)}`);
        }
      }
      return Promise.resolve();
    });
  },
};

/** The variables, of secret ones the file that holds the value. */
export function shownVariables({
  folder,
  stack,
  variables,
}: Pick<ReadySandbox, "stack" | "variables"> & {
  readonly folder: Pick<SandboxFolder, "apiTokenFile">;
}): Answer<"sandbox env"> {
  const secretFiles = { CLOUDFLARE_API_TOKEN: folder.apiTokenFile };
  const shown = Object.entries(variables).map(([name, value]) => [
    name,
    name in secretFiles ? "[secret]" : value,
  ]);
  return { stack, variables: Object.fromEntries(shown) as Record<string, string>, secretFiles };
}
