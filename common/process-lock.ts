import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { exclusively } from "./cache";
import { identify, isRunning, type ProcessIdentity } from "./processes";
import { UserError } from "./user-error";

/** Who holds a lock. */
export interface Holder {
  readonly process: ProcessIdentity;
  /** Time of the taking, as ISO 8601. */
  readonly since: string;
  /** What for, in words that follow "is about to". */
  readonly doing: string;
}

/** A lock that this process holds. */
export interface ProcessLock {
  /** The holder before this one, where it ended without giving the lock back: it was killed. */
  readonly leftBy?: Holder;
  release(): Promise<void>;
}

/**
 * Takes a lock that names its holder: a file, held for as long as the process lives. Never waits. One that a killed
 * process left behind is taken over; a later process of the same number is not mistaken for it.
 *
 * @param doing words that follow "is about to", such as "bring dev up"
 * @throws UserError that names the holder, where there is one
 * @example
 * const lock = await takeProcessLock(".groundwork/sandbox/dev.lock", "bring dev up");
 * try { … } finally { await lock.release(); }
 */
export async function takeProcessLock(file: string, doing: string): Promise<ProcessLock> {
  await mkdir(dirname(file), { recursive: true });
  // Looking and taking are one step: two that find the same dead holder must not both take over.
  return exclusively(dirname(file), async () => {
    const before = await readHolder(file);
    if (before !== undefined && isRunning(before.process)) throw heldBy(before, file);
    const own: Holder = { process: identify(process.pid)!, since: new Date().toISOString(), doing };
    await writeFile(`${file}.partial`, JSON.stringify(own), { mode: 0o600 });
    await rename(`${file}.partial`, file);
    return {
      ...(before === undefined ? {} : { leftBy: before }),
      release: () => rm(file, { force: true }),
    };
  });
}

/** The living holder of a lock; undefined where nobody holds it. */
export async function holderOf(file: string): Promise<Holder | undefined> {
  const holder = await readHolder(file);
  return holder !== undefined && isRunning(holder.process) ? holder : undefined;
}

/** What is no whole lock was being written by a process that was killed at it. */
async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Holder;
  } catch {
    return undefined;
  }
}

function heldBy({ process: { pid }, since, doing }: Holder, file: string): UserError {
  return new UserError({
    what: "another command is at work here",
    value: `process ${pid} is about to ${doing}, since ${since}`,
    allowed: "one command at a time (others may look: preview, outputs, sandbox status)",
    next: `wait for it, or end it (Ctrl-C where it runs, or kill -INT ${pid}), then run the same command again; its lock is ${file}`,
  });
}
