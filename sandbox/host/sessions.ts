import { readdirSync, readFileSync } from "node:fs";
import { identify, type ProcessIdentity, signalProcess, sleep } from "../../common/processes";
import type { HostLayout } from "./layout";

/**
 * Ends what logins have started and left running, such as the worker of a release: the machine goes down. Services are
 * not among it. Does nothing where the system does not tell (only Linux does).
 */
export async function endSessions(layout: HostLayout): Promise<void> {
  // One that does not even die of SIGKILL hangs in the kernel: it is not waited for.
  for (const deadline = Date.now() + 5000; Date.now() < deadline;) {
    const left = processesOf(layout);
    if (left.length === 0) return;
    for (const process of left) signalProcess(process, "SIGKILL");
    await sleep(20);
  }
}

/** Known by the folder for temporary files that every login of this host has, and nobody else. */
function processesOf({ temporary }: HostLayout): ProcessIdentity[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const variables = readFileSync(`/proc/${entry}/environ`, "latin1").split("\0");
      if (!variables.includes(`TMPDIR=${Buffer.from(temporary).toString("latin1")}`)) return [];
    } catch {
      // Another user's, or gone.
      return [];
    }
    return identify(Number(entry)) ?? [];
  });
}
