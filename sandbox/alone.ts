import { rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import colours from "picocolors";
import { type Log, silent } from "../common/log";
import { takeProcessLock } from "../common/process-lock";
import { sandboxFolder } from "./folder";

/**
 * Does `work` on a sandbox while no other command changes it.
 *
 * @param doing words that follow "is about to"
 * @throws UserError at once where another command is at work on it: who, since when, what to do
 */
export async function aloneInSandbox<T>(
  stack: string,
  doing: string,
  work: () => Promise<T>,
  log: Log = silent,
): Promise<T> {
  const { lockFile } = sandboxFolder(stack);
  const lock = await takeProcessLock(lockFile, doing);
  if (lock.leftBy !== undefined) {
    const { process, since } = lock.leftBy;
    log(
      colours.dim(
        `the command before this one (process ${process.pid}, since ${since}) was cut short; going on`,
      ),
    );
  }
  try {
    return await work();
  } finally {
    await lock.release();
    // The folder of all sandboxes goes with the last one.
    await rmdir(dirname(lockFile)).catch(() => undefined);
  }
}
