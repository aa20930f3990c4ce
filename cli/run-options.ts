import type { OptionDeclaration } from "./command";
import { durationOf } from "./duration";

/** Options of commands that change an environment. */
export interface LockChoice {
  readonly lockWait?: string;
}

export const lockWaitOption: OptionDeclaration = {
  flags: "--lock-wait <duration>",
  description: "waits so long for another run that holds the lock: 90s, 10m, 1h (default: refuses at once)",
};

/** @throws UserError where it is no duration */
export function lockWaitOf({ lockWait }: LockChoice): { readonly lockWait?: number } {
  return lockWait === undefined ? {} : { lockWait: durationOf(lockWait, "--lock-wait") };
}

/** The option of every command that has an answer; schemas/json has its schema. */
export const jsonOption: OptionDeclaration = {
  flags: "--json",
  description: "prints the answer as JSON",
};

export interface JsonChoice {
  readonly json?: boolean;
}
