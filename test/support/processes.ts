import { readdirSync, readFileSync } from "node:fs";

/**
 * What a process has started, by whichever of its threads: a child is told by the one that has started it.
 *
 * @throws Error where there is no such process
 */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    startedBy(`/proc/${pid}/task/${thread}`).split(" ").filter(Boolean).map(Number),
  );
}

/** Nothing of a thread that has ended since it was listed. */
function startedBy(thread: string): string {
  try {
    return readFileSync(`${thread}/children`, "utf8").trim();
  } catch {
    return "";
  }
}

export function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
