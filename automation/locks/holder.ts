/** Who holds a stack's lock, and whether they are still there. Pure: what is known is handed in. */
import type { ProcessIdentity } from "../../common/processes";
import type { CiRun } from "./ci-run";

/** What the engine writes into a lock. */
export interface EngineLock {
  /** Name of the lock: another one for each run. */
  readonly id: string;
  readonly pid: number;
  readonly user: string;
  readonly host: string;
  /** ISO 8601. */
  readonly since: string;
}

/** Whether a lock's holder is still there. `unknown`: it runs on another machine, of which nothing is known here. */
export type HolderState = "lives" | "gone" | "unknown";

/** Who holds a lock. */
export interface LockHolder extends EngineLock {
  readonly state: HolderState;
  /** How that is known, one clause. */
  readonly why: string;
  /** True where its engine still works although the command that started it is gone: it ends by itself soon. */
  readonly ending: boolean;
  /** The pipeline's run that it belongs to, where that is known. */
  readonly ci?: CiRun;
}

/** A command's word that it is still there, renewed while it runs: see lease.ts. */
export interface Lease {
  readonly host: string;
  /** The engine that the command has started. */
  readonly enginePid: number;
  /** The command itself. */
  readonly pid: number;
  /** Boot and start of the command's process, where the system tells. */
  readonly started: string;
  /** Among which processes its numbers name one; missing where the system does not tell, and in leases of older versions. */
  readonly space?: string;
  /** ISO 8601; later than that, the command is gone. */
  readonly until: string;
  readonly ci?: CiRun;
}

/** Where numbers of processes were read. */
export interface ProcessSpace {
  readonly host: string;
  /** See `processSpace`; missing where the system does not tell. */
  readonly space?: string;
}

/** What this machine knows. */
export interface Surroundings extends ProcessSpace {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly process: (pid: number) => SeenProcess | undefined;
  /** Whether the process of a lease, or one that has started an engine, runs here. */
  readonly isRunning: (process: ProcessIdentity) => boolean;
}

/** A process that runs here, as far as the system tells. */
export interface SeenProcess {
  /** Milliseconds since 1970. */
  readonly startedAt?: number;
  readonly program?: string;
  /** The command that has started it, where it is an engine. */
  readonly startedBy?: ProcessIdentity;
  readonly ci?: CiRun;
}

/** Clocks of machines that share a store may differ by that. Milliseconds. */
const clockDifference = 60_000;

/**
 * Reads a lock's file.
 *
 * @returns undefined where it is no whole lock: whoever wrote it was killed at it, or is writing still
 */
export function parseLock(id: string, text: string): EngineLock | undefined {
  try {
    const { pid, username, hostname, timestamp } = JSON.parse(text) as Record<string, unknown>;
    if (typeof pid !== "number" || typeof hostname !== "string" || typeof timestamp !== "string")
      return undefined;
    const user = typeof username === "string" ? username : "somebody";
    return { id, pid, user, host: hostname, since: new Date(timestamp).toISOString() };
  } catch {
    return undefined;
  }
}

/** Reads the locks that the engine names where it refuses to begin. */
export function locksInRefusal(text: string): EngineLock[] {
  const pattern = /(\S+): created by (\S+)@(\S+) \(pid (\d+)\)(?: at (\S+))?/g;
  return [...text.matchAll(pattern)].map(([, path = "", user = "", host = "", pid = "", since]) => ({
    id: path.slice(path.lastIndexOf("/") + 1).replace(/\.json$/, ""),
    pid: Number(pid),
    user,
    host,
    since: since === undefined || Number.isNaN(Date.parse(since)) ? "" : new Date(since).toISOString(),
  }));
}

/** Whether the number of a process means the same to both: containers, and machines named by hand, may share a host name. */
export function isSameSpace(one: ProcessSpace, other: ProcessSpace): boolean {
  return one.host === other.host && one.space === other.space;
}

/** Judges whether a lock's holder is still there. */
export function judge(lock: EngineLock, lease: Lease | undefined, surroundings: Surroundings): LockHolder {
  const { host, now, space } = surroundings;
  const valid = lease !== undefined && Date.parse(lease.until) + clockDifference > now;
  const said = (
    state: HolderState,
    why: string,
    more: Pick<Partial<LockHolder>, "ending" | "ci"> = {},
  ): LockHolder => {
    const ci = more.ci ?? lease?.ci;
    return { ...lock, state, why, ending: more.ending ?? false, ...(ci === undefined ? {} : { ci }) };
  };
  const byLease = ({ until }: Lease): LockHolder => {
    const where = lock.host === host ? `${host}, among processes that are not seen here,` : lock.host;
    return valid
      ? said("lives", `its command on ${where} said so, and does every few seconds`)
      : said("gone", `its command on ${where} has not said that it lives since ${until}`);
  };
  // An older version's lease does not say where its numbers were read: it may be this machine's.
  const isOlder = lease?.host === host && lease.space === undefined && space !== undefined;
  if (lease !== undefined && !isOlder && !isSameSpace(lease, surroundings)) return byLease(lease);
  // The engine's own lock tells no more than the host's name: without a lease that has to do.
  if (lock.host !== host) return said("unknown", `it runs on ${lock.host}, of which nothing is known here`);
  const found = surroundings.process(lock.pid);
  const gone = (why: string): LockHolder => (isOlder && valid ? byLease(lease) : said("gone", why));
  if (found === undefined) return gone(`no process ${lock.pid} runs on this machine`);
  if (found.program !== undefined && !found.program.includes("pulumi"))
    return gone(`process ${lock.pid} is now another program (${found.program})`);
  if (found.startedAt !== undefined && found.startedAt > Date.parse(lock.since) + clockDifference / 30)
    return gone(`process ${lock.pid} began after the lock was taken: it is another one`);
  // A lease is written when the engine runs already: a command that is killed just then leaves none.
  const command = lease ?? found.startedBy;
  const ending = command !== undefined && !surroundings.isRunning(command);
  return said(
    "lives",
    ending
      ? `engine ${lock.pid} still ends what it had begun; the command that started it is gone`
      : `process ${lock.pid} runs on this machine`,
    { ending, ...(found.ci === undefined ? {} : { ci: found.ci }) },
  );
}

/** `anna on ci-7 (process 4711), since 2026-11-28T10:00:00Z, GitHub Actions: https://…` */
export function holderWords({ user, host, pid, since, ci }: EngineLock & { readonly ci?: CiRun }): string {
  return [
    `${user} on ${host} (process ${pid})`,
    ...(since === "" ? [] : [`since ${since}`]),
    ...(ci === undefined ? [] : [ci.url === undefined ? ci.system : `${ci.system}: ${ci.url}`]),
  ].join(", ");
}
