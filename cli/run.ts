import type { Environment, RunOptions, RunResult } from "../automation/environment";
import type { CommandContext } from "./command";
import { ProgressLines, countsLine } from "./progress";

type Verb = "preview" | "up" | "refresh" | "destroy";

/** Runs a verb on an environment, each resource told as it is planned or done, and says how many of which at the end. */
export async function runAndTell(
  environment: Environment,
  verb: Verb,
  { say, signal }: CommandContext,
): Promise<RunResult> {
  const lines = new ProgressLines(say);
  const options: RunOptions = { onProgress: lines.tell, signal };
  const result = await environment[verb](options);
  say(`${environment.name}: ${countsLine(result.changes, verb !== "preview")}`);
  return result;
}
