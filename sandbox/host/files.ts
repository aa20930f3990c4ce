import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { lock } from "proper-lockfile";

let counter = 0;

/** Writes a file whole or not at all: a temporary one beside it, then a rename. */
export function writeFileAtomically(file: string, content: string | Buffer, mode = 0o600): void {
  const temporary = `${file}.${process.pid}.${counter++}.tmp`;
  try {
    writeFileSync(temporary, content, { mode, flush: true });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

export function writeJson(file: string, value: unknown, mode = 0o600): void {
  writeFileAtomically(file, JSON.stringify(value, null, 2) + "\n", mode);
}

/** The parsed file; undefined where it does not exist or is not JSON (a file from before a crash of the disk). */
export function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}

/** Runs `action` while no other process holds the lock of the same file. A lock of a dead process ends after 10 s. */
export async function withFileLock<T>(file: string, action: () => Promise<T> | T): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const release = await lock(file, {
    realpath: false,
    stale: 10_000,
    retries: { retries: 600, factor: 1.2, minTimeout: 20, maxTimeout: 200 },
  });
  try {
    return await action();
  } finally {
    await release();
  }
}
