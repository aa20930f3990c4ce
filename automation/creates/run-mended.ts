import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { countsOfBoth } from "../../report";
import { type ChangeCounts, nothingToDo } from "../changes";
import type { RunOptions, RunResult } from "../run";
import { mendFailed, type MendedStack, removeTwins } from "./mend";
import { CreateWatch } from "./watch";

/** So many runs at most: an API that answers no creation is told as that. */
const rounds = 5;

/** Runs, and mends what Cloudflare has made without an answer; where a run failed by that, another one goes on. */
export async function runMended(
  stack: MendedStack,
  options: RunOptions,
  run: (options: RunOptions) => Promise<RunResult>,
): Promise<RunResult> {
  let changes: ChangeCounts = {};
  for (let round = 1; ; round += 1) {
    const creates = new CreateWatch();
    const onEvent = (event: EngineEvent): void => {
      creates.add(event);
      if (event.summaryEvent !== undefined)
        changes = countsOfBoth(changes, event.summaryEvent.resourceChanges);
      options.onEvent?.(event);
    };
    try {
      const result = await run({ ...options, onEvent });
      await mends(removeTwins(creates, stack), stack);
      await stack.before.close();
      return round === 1 ? result : { ...result, changes, unchanged: nothingToDo(changes) };
    } catch (error) {
      // The next run sees that this one has failed, and looks.
      if (options.signal?.aborted === true) throw error;
      const mended = await mends(mendFailed(creates, stack), stack);
      await mends(removeTwins(creates, stack), stack);
      if (mended !== undefined) await stack.before.keep(mended.open);
      if (mended?.isMended !== true || round === rounds) throw error;
      stack.log(`bringing ${stack.name} up goes on`);
    }
  }
}

/** The run's own end is told, whatever becomes of mending. */
async function mends<Result>(work: Promise<Result>, { log }: MendedStack): Promise<Result | undefined> {
  return work.catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    log(`what Cloudflare has made without an answer could not be mended: ${reason}`);
    return undefined;
  });
}
