import type { Tier } from "./settings-type";

/** A stack's own name: what follows organisation and project in `org/project/stack`. */
export function stackNameOf(fullName: string): string {
  return fullName.split("/").at(-1) ?? fullName;
}

/** What an environment is for, by its stack's name. */
export function tierOf(stack: string): Tier {
  if (/^(prod|production|prd|live)([-_.]|$)/.test(stack)) return "production";
  if (/^(dev|development|local)([-_.]|$)/.test(stack)) return "development";
  return "staging";
}
