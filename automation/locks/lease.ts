/**
 * A command's word that it is still there: a file beside the state of a file backend, renewed while the command runs. The
 * engine's own lock names a process and a machine and is never renewed; by the lease another machine that shares the store
 * can tell whether the holder lives, and this one whether an engine's command is gone.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { identify, isRunning } from "../../common/processes";
import { ciRunOf } from "./ci-run";
import type { EngineLock, Lease } from "./holder";
import type { StackPlace } from "./lock-files";

/** Milliseconds between two renewals, and how long each is good for. */
const renewal = { every: 15_000, lasts: 60_000 } as const;

/** So long after its end a lease of another machine is of no use any more, whatever the clocks are. Milliseconds. */
const forgotten = 3_600_000;

/** A lease that is being kept. */
export interface KeptLease {
  end(): Promise<void>;
}

/**
 * Keeps a lease for an engine that this process has started. A store that cannot be written to takes none: then the
 * engine says so itself.
 */
export async function keepLease(place: StackPlace, enginePid: number): Promise<KeptLease> {
  const directory = leaseFolder(place);
  const file = join(directory, `${process.pid}-${enginePid}.json`);
  const own = identify(process.pid);
  const ci = ciRunOf(process.env);
  let last: Promise<void> = Promise.resolve();
  const write = async (): Promise<void> => {
    const lease: Lease = {
      host: hostname(),
      enginePid,
      pid: process.pid,
      started: own?.started ?? "",
      until: new Date(Date.now() + renewal.lasts).toISOString(),
      ...(ci === undefined ? {} : { ci }),
    };
    await mkdir(directory, { recursive: true });
    await writeFile(`${file}.partial`, JSON.stringify(lease));
    await rename(`${file}.partial`, file);
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
      await rm(file, { force: true }).catch(() => undefined);
    },
  };
}

/** The lease of the command whose engine holds that lock. */
export async function leaseOf(place: StackPlace, { host, pid }: EngineLock): Promise<Lease | undefined> {
  const all = await readLeases(place);
  return all.find(({ lease }) => lease.host === host && lease.enginePid === pid)?.lease;
}

/** Removes the lease of a lock that was taken off. */
export async function removeLease(place: StackPlace, { host, pid }: EngineLock): Promise<void> {
  for (const { file, lease } of await readLeases(place)) {
    if (lease.host === host && lease.enginePid === pid) await rm(file, { force: true });
  }
}

/** Removes the leases of commands that were killed and whose engines have given their locks back. */
export async function sweepLeases(place: StackPlace): Promise<void> {
  for (const { file, lease } of await readLeases(place)) {
    const { host, pid, started, until } = lease;
    const gone =
      host === hostname() ? !isRunning({ pid, started }) : Date.parse(until) + forgotten < Date.now();
    if (gone) await rm(file, { force: true });
  }
}

async function readLeases(place: StackPlace): Promise<{ file: string; lease: Lease }[]> {
  const directory = leaseFolder(place);
  const names = await readdir(directory).catch((): string[] => []);
  const found = await Promise.all(
    names
      .filter((name) => name.endsWith(".json"))
      .map(async (name) => {
        const file = join(directory, name);
        try {
          return [{ file, lease: JSON.parse(await readFile(file, "utf8")) as Lease }];
        } catch {
          return [];
        }
      }),
  );
  return found.flat();
}

function leaseFolder({ folder, project, stack }: StackPlace): string {
  return join(folder, ".pulumi", "groundwork-leases", project, stack);
}
