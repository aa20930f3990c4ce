import { type CommandDeclaration } from "../command";
import { openInBrowser } from "../open-browser";
import { jsonOption } from "../run-options";
import { destroyInSandbox } from "../sandbox-destroy";
import { startInSandbox } from "../sandbox-up";
import { type SandboxChoice, dockerChoice, dockerOptions } from "./sandbox";

interface StartOptions extends SandboxChoice {
  readonly stack: string;
  readonly open?: boolean;
  readonly destroy?: boolean;
}

const defaultStack = "dev";

export const start: CommandDeclaration<StartOptions> = {
  name: "start",
  summary: "brings up the sample environment on this machine (what `npm start` does)",
  example: "npm start -- --open",
  options: [
    { flags: "-s, --stack <name>", description: "the environment", default: defaultStack },
    { flags: "--open", description: "opens the drawing of the environment in a browser" },
    { flags: "--destroy", description: "removes everything that start made" },
    ...dockerOptions,
    jsonOption,
  ],
  async run({ stack, open, destroy, json, ...docker }, context) {
    if (destroy === true) {
      await destroyInSandbox(stack, context, json);
      return;
    }
    const chosen = stack === defaultStack ? "" : `-s ${stack} `;
    const { record } = await startInSandbox({ stack, docker: dockerChoice(docker) }, context, {
      open: `npm start -- ${chosen}--open`,
      remove: `npm start -- ${chosen}--destroy`,
      json,
    });
    if (open === true) await openInBrowser(record.page.url, context.say);
  },
};
