import { UserError } from "../../common/user-error";
import type { DockerChoice } from "../../sandbox/record";
import { type CommandDeclaration, type OptionDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, chosen, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";
import { startInSandbox } from "../sandbox-up";

/** Options of the commands that start a sandbox. */
export interface SandboxChoice extends EnvironmentChoice, JsonChoice {
  readonly withDocker?: boolean;
  readonly withoutDocker?: boolean;
}

/** How containers run; said once, it stays so until the sandbox is destroyed. */
export const dockerOptions: readonly OptionDeclaration[] = [
  { flags: "--with-docker", description: "installs Docker where it is missing (root on Debian)" },
  { flags: "--without-docker", description: "runs plain processes, also where Docker is there" },
];

/** @throws UserError when both are asked for. */
export function dockerChoice({ withDocker, withoutDocker }: SandboxChoice): DockerChoice | undefined {
  if (withDocker === true && withoutDocker === true) {
    throw new UserError({
      what: "--with-docker and --without-docker exclude each other",
      next: "give one of them, or none",
    });
  }
  if (withDocker === true) return "install";
  return withoutDocker === true ? "never" : undefined;
}

export const sandbox: CommandDeclaration<SandboxChoice> = {
  name: "sandbox",
  summary: "brings an environment up on this machine, its stack file unchanged, without any account",
  example: "npx groundwork sandbox -s staging",
  options: [stackOption, ...dockerOptions, jsonOption],
  async run(options, context) {
    const stack = stackOf(options, "sandbox");
    await startInSandbox({ stack, docker: dockerChoice(options) }, context, {
      remove: `npx groundwork sandbox destroy ${chosen(stack)}`,
      json: options.json,
    });
  },
};
