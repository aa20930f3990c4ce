import type { Environment } from "../automation/environment";
import { aloneInSandbox } from "../sandbox/alone";
import { type BringUpOptions, type ReadySandbox, bringUpSandbox } from "../sandbox/bring-up";
import { recoverFromKilledRun } from "../sandbox/recover";
import type { CommandContext } from "./command";
import { openInSandbox } from "./open";

/** Which sandbox, and how its containers run. */
export type SandboxRequest = Pick<BringUpOptions, "stack" | "docker">;

/**
 * Starts a sandbox and does `work` in it while no other command changes it. What a killed command has left is mended
 * first.
 *
 * @param doing words that follow "is about to"
 */
export async function inSandbox<T>(
  request: SandboxRequest,
  doing: string,
  { say, signal }: CommandContext,
  work: (ready: ReadySandbox, environment: Environment) => Promise<T>,
): Promise<T> {
  return aloneInSandbox(
    request.stack,
    doing,
    async () => {
      const ready = await bringUpSandbox({ ...request, log: say, signal });
      const environment = await openInSandbox(ready);
      await recoverFromKilledRun(ready, environment, say);
      return work(ready, environment);
    },
    say,
  );
}
