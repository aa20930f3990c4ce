import { type Doubt, doubtLine } from "../../automation/locks/doubt";
import { holderWords } from "../../automation/locks/holder";
import type { LockState, UnlockOptions } from "../../automation/locks/stack-locks";
import { UserError } from "../../common/user-error";
import { type CommandDeclaration, stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { openOwn } from "../at-hand";
import { type EnvironmentChoice, chosen, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";

interface UnlockChoice extends EnvironmentChoice, JsonChoice {
  readonly look?: boolean;
  readonly force?: boolean;
  readonly adopt?: string;
  readonly forget?: string;
}

export const unlock: CommandDeclaration<UnlockChoice> = {
  name: "unlock",
  summary:
    "tells who holds an environment's lock; takes off what a killed run has left, and tells what that had not ended",
  example: "npx groundwork unlock -s staging",
  options: [
    stackOption,
    { flags: "--look", description: "only tells; changes nothing" },
    {
      flags: "--force",
      description: "takes off the locks of those who live, or of whom nothing is known, as well",
    },
    {
      flags: "--adopt <name=id,...>",
      description: "takes things that a creation cut short has made into the state, by URN or name",
    },
    {
      flags: "--forget <name,...>",
      description: "begins creations anew that were cut short and have made nothing, by URN or name",
    },
    jsonOption,
  ],
  async run({ look = false, force = false, adopt, forget, json = false, ...options }, context) {
    const stack = stackOf(options, "unlock");
    const environment = await openOwn(stack, context);
    if (look) {
      const state = await environment.lockState();
      if (json) context.print(jsonAnswer("unlock --look", state));
      else for (const line of stateLines(stack, state)) context.print(line);
      return;
    }
    const choice: UnlockOptions = {
      force,
      ...(adopt === undefined ? {} : { adopt: pairsOf(adopt) }),
      ...(forget === undefined ? {} : { forget: forget.split(",") }),
      log: context.say,
    };
    const done = await environment.unlock(choice);
    if (json) context.print(jsonAnswer("unlock", done));
    else if (done.removed.length === 0 && done.doubts.length === 0)
      context.print(`${stack}: nobody holds the lock, and nothing was cut short`);
    else context.print(`${stack}: free; what next: npx groundwork up ${chosen(stack)}`);
  },
};

export function stateLines(stack: string, { backend, held, holders, doubts }: LockState): string[] {
  const first =
    held === undefined
      ? `${stack}: ${backend.url} tells who holds the lock only to a run that it refuses`
      : held
        ? `${stack}: locked`
        : `${stack}: nobody holds the lock`;
  return [
    first,
    ...holders.map((holder) => `  by ${holderWords(holder)}: ${holder.state} (${holder.why})`),
    ...doubts.map((doubt: Doubt) => `  not ended: ${doubtLine(doubt)}`),
  ];
}

/** `a=1,b=2`; a URN holds `=` nowhere, an id may. */
function pairsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1 || at === pair.length - 1) {
        throw new UserError({
          what: "--adopt names no id",
          value: pair,
          allowed: "NAME=ID, several with commas between them",
          next: "npx groundwork unlock -s staging --look lists the names",
        });
      }
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
