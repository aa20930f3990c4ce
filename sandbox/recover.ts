import { readFile, readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Environment } from "../automation/environment";
import { openProject } from "../automation/project";
import { nameOf } from "../automation/state";
import { type Log, silent } from "../common/log";
import { identify, sleep } from "../common/processes";
import { UserError } from "../common/user-error";
import type { ReadySandbox } from "./bring-up";
import { readState } from "./state-file";

/** How long an engine whose command was killed may take to see that, in milliseconds: what is under way is finished first. */
const orphanPatience = 90_000;

/** What the engine writes into a lock of its file backend. */
interface EngineLock {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  readonly timestamp: string;
}

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
    const removed = await removeLeftover(resource, resources, ready.variables);
    if (removed !== undefined)
      log(`  ${nameOf(resource.urn)} was there already (${removed}): removed, to be made anew`);
  }
  await environment.forgetPendingCreates();
}

/** Locks of engines that are gone. One that still runs is waited for: it ends soon when its command was killed. */
async function removeEngineLocks({ folder, stack }: ReadySandbox, log: Log): Promise<void> {
  const directory = join(folder.state, ".pulumi", "locks", "organization", openProject().name, stack);
  const patience = Date.now() + orphanPatience;
  for (let said = false; ; said = true) {
    let living: EngineLock | undefined;
    for (const name of await readdir(directory).catch((): string[] => [])) {
      const file = join(directory, name);
      const lock = await readLock(file);
      if (lock !== undefined && (await isAtWork(lock))) living = lock;
      else await rm(file, { force: true });
    }
    if (living === undefined) return;
    if (Date.now() > patience) throw atWork(living, stack);
    if (!said) log(`an engine (process ${living.pid}) is still at work on ${stack}; waiting for its end`);
    await sleep(200);
  }
}

async function readLock(file: string): Promise<EngineLock | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as EngineLock;
  } catch {
    return undefined;
  }
}

/** A later process of the same number is no engine; where that cannot be told, it counts as one. */
async function isAtWork({ pid, hostname: host }: EngineLock): Promise<boolean> {
  if (host !== hostname() || identify(pid) === undefined) return false;
  const command = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "pulumi");
  return command.includes("pulumi");
}

function atWork({ pid, username, timestamp }: EngineLock, stack: string): UserError {
  return new UserError({
    what: `another engine is at work on ${stack}`,
    value: `process ${pid} of ${username}, since ${timestamp}`,
    next: `wait for its end, or end it (kill -INT ${pid}), then run the same command again`,
  });
}
