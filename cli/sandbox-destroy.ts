import { existsSync } from "node:fs";
import { emptyBuckets } from "../sandbox/empty-buckets";
import { sandboxFolder } from "../sandbox/folder";
import { removeSandbox } from "../sandbox/sandbox";
import { readState } from "../sandbox/state-file";
import type { CommandContext } from "./command";
import { inSandbox } from "./in-sandbox";
import { jsonAnswer } from "./json/answer";
import { runAndTell } from "./run";

/**
 * Destroys an environment in its sandbox, then removes the sandbox itself. Says so where there is nothing.
 *
 * @param json prints the answer as JSON. @default false
 */
export async function destroyInSandbox(stack: string, context: CommandContext, json = false): Promise<void> {
  const removed = await destroy(stack, context);
  if (json) context.print(jsonAnswer("sandbox destroy", { stack, removed }));
}

/** @returns whether there was something to remove */
async function destroy(stack: string, context: CommandContext): Promise<boolean> {
  const { say } = context;
  const folder = sandboxFolder(stack);
  if (!existsSync(folder.root)) {
    say(`there is no sandbox of ${stack}: nothing to remove`);
    return false;
  }
  await inSandbox({ stack }, `destroy ${stack}`, context, async (ready, environment) => {
    // What is protected in the cloud, and what lies in its buckets, is the sandbox's own here.
    await environment.unprotect(await readState(folder, stack));
    await emptyBuckets(ready, say);
    await runAndTell(environment, "destroy", context);
    await removeSandbox(stack, say);
  });
  say(`nothing of ${stack} is left on this machine`);
  return true;
}
