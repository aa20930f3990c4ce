import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { lock } from "proper-lockfile";
import { type Log, silent } from "./log";

/**
 * The folder for what is built or downloaded once and shared by all checkouts of a user:
 * `GROUNDWORK_CACHE`, else `$XDG_CACHE_HOME/groundwork`, else `~/.cache/groundwork`.
 */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.GROUNDWORK_CACHE) return environment.GROUNDWORK_CACHE;
  return join(environment.XDG_CACHE_HOME || join(homedir(), ".cache"), "groundwork");
}

/** A holder refreshes its lock every 5 s; one that was not refreshed for 30 s belongs to a dead process. */
const lockTiming = { update: 5_000, stale: 30_000 };

/**
 * Runs `work` while no other process works on the same folder. A second process waits, and says so once.
 *
 * @param folder Made if it does not exist. `work` may remove it.
 */
export async function exclusively<T>(
  folder: string,
  work: () => Promise<T>,
  { log = silent, doing = "work here" }: { log?: Log; doing?: string } = {},
): Promise<T> {
  let said = false;
  for (;;) {
    await mkdir(folder, { recursive: true });
    let release: () => Promise<void>;
    try {
      release = await lock(folder, lockTiming);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Whose turn it was may have removed the folder just now.
      if (code === "ENOENT") continue;
      if (code !== "ELOCKED") throw error;
      if (!said) log(`another process is about to ${doing}; waiting for it`);
      said = true;
      await new Promise((resolve) => setTimeout(resolve, 500));
      continue;
    }
    try {
      return await work();
    } finally {
      await release();
    }
  }
}
