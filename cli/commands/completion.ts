import { UserError } from "../../common/user-error";
import { completionScript, shells } from "../completion/scripts";
import type { CommandDeclaration } from "../command";

/** @param commands every command, this one among them */
export function completionOf(commands: () => readonly CommandDeclaration[]): CommandDeclaration {
  return {
    name: "completion",
    summary: "prints what lets a shell complete commands, options and environments: bash, zsh, fish",
    example: 'eval "$(npx groundwork completion bash)"',
    arguments: [{ name: "[shell]", description: shells.join(", ") }],
    options: [],
    run(_options, { print }, [shell = ""]) {
      const wanted = shells.find((one) => one === shell);
      if (wanted === undefined) {
        throw new UserError({
          what: "which shell is not said",
          ...(shell === "" ? {} : { value: shell }),
          allowed: shells.join(", "),
          next: "npx groundwork completion bash",
        });
      }
      print(completionScript(wanted, commands()).trimEnd());
      return Promise.resolve();
    },
  };
}
