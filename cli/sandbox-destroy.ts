import { existsSync } from "node:fs";
import { join } from "node:path";
import { openProject } from "../automation/project";
import { aloneInSandbox } from "../sandbox/alone";
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
  const doing = `destroy ${stack}`;
  const stackFile = join(openProject().directory, `Pulumi.${stack}.yaml`);
  if (existsSync(stackFile))
    await inSandbox({ stack }, doing, context, async (ready, environment) => {
      // What is protected in the cloud, and what lies in its buckets, is the sandbox's own here.
      await environment.unprotect(await readState(folder, stack));
      await emptyBuckets(ready, say);
      await runAndTell(environment, "destroy", context);
      await removeSandbox(stack, say);
    });
  else {
    say(`${stackFile} is gone: the sandbox is removed with all that is in it, without the engine`);
    await aloneInSandbox(stack, doing, () => removeSandbox(stack, say), say);
  }
  say(`nothing of ${stack} is left on this machine`);
  return true;
}
