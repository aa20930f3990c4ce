import { readFileSync, readdirSync, readlinkSync } from "node:fs";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Boot and time of start; empty where the system does not tell. */
  readonly started: string;
}

/** The identity of a process that runs, or undefined. A zombie does not run. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return undefined;
  }
  if (process.platform !== "linux") return { pid, started: "" };
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything; the fields after it are: state, ppid, … starttime is the 20th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return { pid, started: `${bootId()}:${fields[19] ?? ""}` };
  } catch {
    return undefined;
  }
}

/**
 * Tells the processes among which a number names one: the system's boot and the namespace of this process's numbers. Containers
 * have one each, whatever their host names are. Undefined where the system does not tell.
 */
export function processSpace(): string | undefined {
  try {
    // `pid:[4026531836]`. Alone it is the same on every machine that runs no container.
    const [namespace] = /\d+/.exec(readlinkSync("/proc/self/ns/pid")) ?? [];
    return namespace === undefined ? undefined : `${bootId()}-${namespace}`;
  } catch {
    return undefined;
  }
}

export function isRunning(identity: ProcessIdentity | undefined): boolean {
  if (identity === undefined) return false;
  return identify(identity.pid)?.started === identity.started;
}

/** Sends a signal to the process, if it still is the same one. `group`: to its whole process group. */
export function signalProcess(
  identity: ProcessIdentity | undefined,
  signal: NodeJS.Signals,
  { group = false } = {},
): boolean {
  if (identity === undefined || !isRunning(identity)) return false;
  try {
    process.kill(group ? -identity.pid : identity.pid, signal);
    return true;
  } catch {
    return false;
  }
}

export interface EndOptions {
  readonly signal?: NodeJS.Signals;
  readonly graceMs?: number;
  /** Its whole process group. */
  readonly group?: boolean;
}

/** Ends a process: the signal, then after `graceMs` SIGKILL. Returns when it is gone. */
export async function endProcess(
  identity: ProcessIdentity | undefined,
  { signal = "SIGTERM", graceMs = 10_000, group = false }: EndOptions = {},
): Promise<void> {
  signalProcess(identity, signal, { group });
  const deadline = Date.now() + graceMs;
  while (isRunning(identity)) {
    if (Date.now() > deadline) signalProcess(identity, "SIGKILL", { group });
    await sleep(20);
  }
  if (group && identity !== undefined) await endLeftMembers(identity);
}

/** Ends what a killed leader has left of its group. */
async function endLeftMembers(leader: ProcessIdentity): Promise<void> {
  for (let left = leftMembers(leader); left.length > 0; left = leftMembers(leader)) {
    for (const member of left) signalProcess(member, "SIGKILL");
    await sleep(20);
  }
}

/**
 * Living members of a group whose leader has ended, where the system tells (Linux). While one of them lives, the leader's
 * number is given to no other process; a number that is in use again therefore is another group's.
 */
function leftMembers({ pid, started }: ProcessIdentity): ProcessIdentity[] {
  if (process.platform !== "linux" || !started.startsWith(bootId()) || identify(pid) !== undefined) return [];
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && groupOf(Number(entry)) === pid)
    .flatMap((entry) => identify(Number(entry)) ?? []);
}

function groupOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
  } catch {
    return undefined;
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

let boot: string | undefined;

function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return boot;
}
