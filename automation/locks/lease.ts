/**
 * A command's word that it is still there: a file beside the state, in a folder or a bucket, renewed while the command runs. The
 * engine's own lock names a process and a machine and is never renewed; by the lease another machine that shares the store
 * can tell whether the holder lives, and this one whether an engine's command is gone.
 */
import { hostname } from "node:os";
import { identify, isRunning, processSpace } from "../../common/processes";
import { ciRunOf } from "./ci-run";
import { type EngineLock, isSameSpace, type Lease, type ProcessSpace } from "./holder";
import type { StackPlace } from "./lock-files";

/** Milliseconds between two renewals, and how long each is good for. */
const renewal = { every: 15_000, lasts: 60_000 } as const;

/** So long after its end a lease of another machine is of no use any more, whatever the clocks are. Milliseconds. */
const forgotten = 3_600_000;

/** Where this process reads its numbers. */
export function ownSpace(): ProcessSpace {
  const space = processSpace();
  return { host: hostname(), ...(space === undefined ? {} : { space }) };
}

/** A lease that is being kept. */
export interface KeptLease {
  end(): Promise<void>;
}

/**
 * Keeps a lease for an engine that this process has started. A store that cannot be written to takes none: then the
 * engine says so itself.
 */
export async function keepLease(place: StackPlace, enginePid: number): Promise<KeptLease> {
  const space = ownSpace();
  // Another machine, or a container of the same name, may have a process of the same number.
  const name = [space.host, space.space ?? "", process.pid, enginePid].map(encodeURIComponent).join("-");
  const file = `${leaseFolder(place)}/${name}.json`;
  const own = identify(process.pid);
  const ci = ciRunOf(process.env);
  let last: Promise<void> = Promise.resolve();
  const write = async (): Promise<void> => {
    const lease: Lease = {
      ...space,
      enginePid,
      pid: process.pid,
      started: own?.started ?? "",
      until: new Date(Date.now() + renewal.lasts).toISOString(),
      ...(ci === undefined ? {} : { ci }),
    };
    await place.store.write(file, JSON.stringify(lease));
  };
  const renew = (): void => {
    last = last.then(write).catch(() => undefined);
  };
  renew();
  const timer = setInterval(renew, renewal.every);
  timer.unref();
  await last;
  return {
    async end() {
      clearInterval(timer);
      await last;
      await place.store.remove(file).catch(() => undefined);
    },
  };
}

/**
 * The lease of the command whose engine holds that lock. Of several containers with one name the lease that lasts longest counts:
 * who was killed has left the others.
 */
export async function leaseOf(place: StackPlace, { host, pid }: EngineLock): Promise<Lease | undefined> {
  const all = (await readLeases(place)).map(({ lease }) => lease);
  return all
    .filter((lease) => lease.host === host && lease.enginePid === pid)
    .sort((one, other) => Date.parse(other.until) - Date.parse(one.until))[0];
}

/** Removes the lease of a lock that was taken off. */
export async function removeLease(place: StackPlace, { host, pid }: EngineLock): Promise<void> {
  for (const { file, lease } of await readLeases(place)) {
    if (lease.host === host && lease.enginePid === pid) await place.store.remove(file);
  }
}

/** Removes the leases of commands that were killed and whose engines have given their locks back. */
export async function sweepLeases(place: StackPlace): Promise<void> {
  const here = ownSpace();
  for (const { file, lease } of await readLeases(place)) {
    const { pid, started, until } = lease;
    const gone = isSameSpace(lease, here)
      ? !isRunning({ pid, started })
      : Date.parse(until) + forgotten < Date.now();
    if (gone) await place.store.remove(file);
  }
}

async function readLeases(place: StackPlace): Promise<{ file: string; lease: Lease }[]> {
  const files = await place.store.list(leaseFolder(place));
  const found = await Promise.all(
    files
      .filter(({ name }) => name.endsWith(".json"))
      .map(async ({ name }) => {
        const file = `${leaseFolder(place)}/${name}`;
        try {
          return [{ file, lease: JSON.parse((await place.store.read(file)) ?? "") as Lease }];
        } catch (error) {
          if (error instanceof SyntaxError) return [];
          throw error;
        }
      }),
  );
  return found.flat();
}

function leaseFolder({ project, stack }: StackPlace): string {
  return `.pulumi/groundwork-leases/${project}/${stack}`;
}
