import colours from "picocolors";
import type { Environment, RunOptions, RunResult } from "../automation/environment";
import type { CommandContext } from "./command";
import { ProgressLines, countsLine } from "./progress";

type Verb = "preview" | "up" | "refresh" | "destroy";

const headings: Readonly<Record<Verb, (name: string) => string>> = {
  preview: (name) => `previewing ${name}: what is to be done`,
  up: (name) => `bringing ${name} up`,
  refresh: (name) => `reading what is there of ${name}`,
  destroy: (name) => `destroying ${name}`,
};

/**
 * Runs a verb on an environment, each resource told as it is planned or done, and says how many of which at the end.
 *
 * @param expected How many resources are to be told, where a preview has shown it: each is numbered. @default unknown
 */
export async function runAndTell(
  environment: Environment,
  verb: Verb,
  { say, signal }: CommandContext,
  expected = 0,
): Promise<RunResult & { readonly told: number }> {
  signal.throwIfAborted();
  say(colours.bold(headings[verb](environment.name)));
  const lines = new ProgressLines(say, Date.now, expected);
  const options: RunOptions = { onProgress: lines.tell, signal };
  const result = await environment[verb](options);
  say(`${environment.name}: ${countsLine(result.changes, verb !== "preview")}`);
  return { ...result, told: lines.count };
}
