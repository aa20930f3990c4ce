import type { Environment } from "../automation/environment";
import type { LockHolder } from "../automation/locks/holder";
import { readHolders, removeLock } from "../automation/locks/lock-files";
import { folderStore } from "../automation/locks/state-store";
import { openProject } from "../automation/project";
import { nameOf } from "../automation/state";
import { type Log, silent } from "../common/log";
import { sleep } from "../common/processes";
import { UserError } from "../common/user-error";
import type { ReadySandbox } from "./bring-up";
import { readState } from "./state-file";

/** How long an engine whose command was killed may take to see that, in milliseconds: what is under way is finished first. */
const orphanPatience = 90_000;

/**
 * Mends what a killed run has left, so that the next one converges: takes the engine's lock off, and removes what was
 * being created when its end came. Such a thing is there, or it is not, and the state knows no id of it: made anew it
 * would be refused as a duplicate, or be there twice. Call it while holding the sandbox's own lock.
 *
 * @throws UserError where an engine is still at work on this state: a plain `pulumi`, for one
 */
export async function recoverFromKilledRun(
  ready: ReadySandbox,
  environment: Environment,
  log: Log = silent,
): Promise<void> {
  await removeEngineLocks(ready, log);
  const { resources = [], pending_operations: pending = [] } = await readState(ready.folder, ready.stack);
  const creates = pending.filter(({ type }) => type === "creating").map(({ resource }) => resource);
  if (creates.length === 0) return;
  log(`an earlier run was killed while it made: ${creates.map(({ urn }) => nameOf(urn)).join(", ")}`);
  // Loaded here only: most runs have nothing to mend.
  const { removeLeftover } = await import("./providers/cloudflare/leftovers");
  for (const resource of creates) {
    const removed = await removeLeftover(resource, resources, { environment: ready.variables });
    if (removed !== undefined)
      log(`  ${nameOf(resource.urn)} was there already (${removed}): removed, to be made anew`);
  }
  await environment.forgetPendingCreates();
}

/**
 * Locks of engines that are gone, or of a machine that this one is not any more. One that still runs is waited for: it ends
 * soon when its command was killed.
 */
async function removeEngineLocks({ folder, stack }: ReadySandbox, log: Log): Promise<void> {
  const place = { store: folderStore(folder.state), project: openProject().name, stack };
  const patience = Date.now() + orphanPatience;
  for (let said = false; ; said = true) {
    const holders = await readHolders(place);
    const living = holders.find(({ state }) => state === "lives");
    for (const { id, state } of holders) if (state !== "lives") await removeLock(place, id);
    if (living === undefined) return;
    if (Date.now() > patience) throw atWork(living, stack);
    if (!said) log(`an engine (process ${living.pid}) is still at work on ${stack}; waiting for its end`);
    await sleep(200);
  }
}

function atWork({ pid, user, since }: LockHolder, stack: string): UserError {
  return new UserError({
    what: `another engine is at work on ${stack}`,
    value: `process ${pid} of ${user}, since ${since}`,
    next: `wait for its end, or end it (kill -INT ${pid}), then run the same command again`,
  });
}
