/** The locks of a backend in a folder or a bucket: files of the engine's, one for each run that holds the stack. */
import { readFileSync } from "node:fs";
import { identify, isRunning } from "../../common/processes";
import { ciRunOf } from "./ci-run";
import { judge, type LockHolder, parseLock, type Surroundings } from "./holder";
import { leaseOf, ownSpace } from "./lease";
import { starterOf } from "./starter";
import type { StateStore } from "./state-store";

/** Which stack of which backend. */
export interface StackPlace {
  readonly store: StateStore;
  readonly project: string;
  readonly stack: string;
}

/** Where the engine keeps a stack's state, below the store's root. */
export function stateFileOf({ project, stack }: Pick<StackPlace, "project" | "stack">): string {
  return `.pulumi/stacks/${project}/${stack}.json`;
}

/** An engine writes its lock at once: what is no whole lock for so long was cut short. Milliseconds. */
const writing = 60_000;

/** A lock, or what is to become one and was not renamed: the engine counts that as one too. */
const lockFile = /\.json(?:\.[0-9a-f]+\.tmp)?$/;

/** Who holds the stack's locks. */
export async function readHolders(
  place: StackPlace,
  surroundings: Surroundings = here(),
): Promise<LockHolder[]> {
  const files = await place.store.list(lockFolder(place));
  const holders = await Promise.all(
    files
      .filter(({ name }) => lockFile.test(name))
      .map(async ({ name, written }): Promise<LockHolder | undefined> => {
        const id = name.replace(lockFile, "");
        const text = await place.store.read(`${lockFolder(place)}/${name}`);
        if (text === undefined) return undefined;
        const lock = parseLock(id, text);
        if (lock !== undefined) return judge(lock, await leaseOf(place, lock), surroundings);
        if (surroundings.now - written < writing) return undefined;
        const since = new Date(written).toISOString();
        const why = "it is no whole lock: who wrote it was cut short";
        return { id, pid: 0, user: "somebody", host: "unknown", since, state: "gone", why, ending: false };
      }),
  );
  return holders.filter((holder) => holder !== undefined);
}

/** Takes one lock off. Each run has a name of its own: no lock that was taken since then can be hit. */
export async function removeLock(place: StackPlace, id: string): Promise<void> {
  const folder = lockFolder(place);
  for (const { name } of await place.store.list(folder)) {
    if (name.startsWith(`${id}.json`)) await place.store.remove(`${folder}/${name}`);
  }
}

function lockFolder({ project, stack }: StackPlace): string {
  return `.pulumi/locks/organization/${project}/${stack}`;
}

/** What this machine knows of its processes. */
function here(): Surroundings {
  return {
    ...ownSpace(),
    now: Date.now(),
    process(pid) {
      const identity = identify(pid);
      if (identity === undefined) return undefined;
      const startedAt = startOf(identity.started);
      const program = textOf(`/proc/${pid}/comm`)?.trim();
      const variables = variablesOf(pid);
      const startedBy = starterOf(variables);
      const ci = ciRunOf(variables);
      return {
        ...(startedAt === undefined ? {} : { startedAt }),
        ...(program === undefined ? {} : { program }),
        ...(startedBy === undefined ? {} : { startedBy }),
        ...(ci === undefined ? {} : { ci }),
      };
    },
    isRunning: ({ pid, started }) => isRunning({ pid, started }),
  };
}

/** When a process began: its ticks since the boot (100 a second on Linux), and when that was. */
function startOf(started: string): number | undefined {
  const ticks = Number(/:(\d+)$/.exec(started)?.[1]);
  const boot = Number(/^btime (\d+)$/m.exec(textOf("/proc/stat") ?? "")?.[1]);
  return Number.isNaN(ticks) || Number.isNaN(boot) ? undefined : boot * 1000 + ticks * 10;
}

/** The environment that a process was started with; empty where the system does not tell it. */
function variablesOf(pid: number): Record<string, string> {
  const lines = textOf(`/proc/${pid}/environ`)?.split("\0") ?? [];
  return Object.fromEntries(
    lines.map((line): [string, string] => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
