import { type ChildProcess, spawn } from "node:child_process";
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

/**
 * A process that sleeps, and that nobody asks for once it has ended: whoever says its number did not start it.
 *
 * @returns its number, and the parent, which the test ends
 */
export async function unreapedSleep(
  seconds: number,
): Promise<{ readonly pid: number; readonly parent: ChildProcess }> {
  const script = `sleep ${seconds} & exec sh -c 'echo "$1"; exec sleep 600' sh $!`;
  const parent = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
  const [first] = (await parent.stdout.setEncoding("utf8").take(1).toArray()) as string[];
  return { pid: Number(first), parent };
}
