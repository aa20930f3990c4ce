import { bringUpSandbox } from "../../sandbox/bring-up";
import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, stackOf } from "../open";
import { bringUpInSandbox } from "../sandbox-up";

/** Options of the commands that start a sandbox. */
export interface SandboxChoice extends EnvironmentChoice {
  readonly withDocker?: boolean;
}

export const withDockerOption = {
  flags: "--with-docker",
  description: "installs Docker where it is missing (root on Debian); without Docker plain processes run",
};

export const sandbox: CommandDeclaration<SandboxChoice> = {
  name: "sandbox",
  summary: "brings an environment up on this machine, its stack file unchanged, without any account",
  example: "npx groundwork sandbox -s staging",
  options: [stackOption, withDockerOption],
  async run(options, context) {
    const stack = stackOf(options, "sandbox");
    const ready = await bringUpSandbox({ stack, withDocker: options.withDocker === true, log: context.say });
    await bringUpInSandbox(ready, context);
  },
};
