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
  /** ISO 8601; later than that, the command is gone. */
  readonly until: string;
  readonly ci?: CiRun;
}

/** What this machine knows. */
export interface Surroundings {
  readonly host: string;
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

/** Judges whether a lock's holder is still there. */
export function judge(lock: EngineLock, lease: Lease | undefined, surroundings: Surroundings): LockHolder {
  const { host, now } = surroundings;
  const valid = lease !== undefined && Date.parse(lease.until) + clockDifference > now;
  const said = (
    state: HolderState,
    why: string,
    more: Pick<Partial<LockHolder>, "ending" | "ci"> = {},
  ): LockHolder => {
    const ci = more.ci ?? lease?.ci;
    return { ...lock, state, why, ending: more.ending ?? false, ...(ci === undefined ? {} : { ci }) };
  };
  if (lock.host !== host) {
    if (lease === undefined)
      return said("unknown", `it runs on ${lock.host}, of which nothing is known here`);
    return valid
      ? said("lives", `its command on ${lock.host} said so, and does every few seconds`)
      : said("gone", `its command on ${lock.host} has not said that it lives since ${lease.until}`);
  }
  const found = surroundings.process(lock.pid);
  if (found === undefined) return said("gone", `no process ${lock.pid} runs on this machine`);
  if (found.program !== undefined && !found.program.includes("pulumi"))
    return said("gone", `process ${lock.pid} is now another program (${found.program})`);
  if (found.startedAt !== undefined && found.startedAt > Date.parse(lock.since) + clockDifference / 30)
    return said("gone", `process ${lock.pid} began after the lock was taken: it is another one`);
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
