import type { AccessCheckResult } from "../automation/access";
import type { Environment } from "../automation/environment";
import { UserError } from "../common/user-error";
import type { Settings } from "../platform/settings";
import type { CommandContext } from "./command";
import { chosen } from "./open";
import type { ToldRun } from "./run";

/** The step by which a stack's own `up` walks the hosts behind Access after a change. */
const step = "access-check";

/**
 * Walks the hosts behind Access after an `up` that changed nothing there, so that a path which somebody opened by hand is
 * found all the same. Where the stack's own step has just done so, or `access.check` is false, nothing is asked.
 *
 * @param done names of the resources with which the `up` did something
 * @throws UserError that names each path that is open and should not be, or the other way round
 */
export async function checkAccessAfterUp(
  environment: Environment,
  settings: Settings,
  { done }: Pick<ToldRun, "done">,
  { say }: Pick<CommandContext, "say">,
): Promise<void> {
  if (settings.access?.check !== true || done.has(step)) return;
  // A stack that was taken over may have no service token for its checks, and so no such step either.
  if (Object.keys(await environment.accessHeaders({ settings })).length === 0) return;
  const result = await environment.checkAccess({ settings });
  assertAccessHolds(result, environment.name);
  say(accessLine(result, environment.name));
}

export function accessLine({ closed, open }: AccessCheckResult, stack: string): string {
  return `Access of ${stack} holds: ${closed} requests were refused as they must be, ${open} were let in`;
}

/** @throws UserError with each problem and what to do */
export function assertAccessHolds({ problems }: AccessCheckResult, stack: string): void {
  if (problems.length === 0) return;
  throw new UserError({
    what: "the hosts behind Access are not as they are described",
    value: `\n${problems.map((problem) => `  ${problem}`).join("\n")}`,
    next: `npx groundwork refresh ${chosen(stack)} shows what was changed by hand, and npx groundwork up ${chosen(stack)} puts it back; an application that the stack does not own is removed at Cloudflare`,
  });
}
