import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { sleep } from "../../common/processes";
import type { StackPlace } from "./lock-files";

type StackName = Pick<StackPlace, "project" | "stack">;

/**
 * Beside each file of a backend in a folder the engine keeps another one, `NAME.attrs`, which it writes in place and before the
 * file itself. Killed between making and writing it, it leaves an empty one, and no command reads that file any more: `error: EOF`
 * is all they say, of the whole project. What it would say, a type of content and a checksum, nobody asks for, and
 * without it the file is read as ever (fileblob of gocloud.dev, attrs.go). So empty ones are removed before the engine starts; where
 * an engine is just about to write one, it is the poorer by what nobody asks for.
 *
 * @param folder the backend's
 */
async function removeCutAttributes(folder: string, { project, stack }: StackName): Promise<void> {
  const at = (...names: string[]): string => join(folder, ".pulumi", ...names);
  await Promise.all([
    removeEmpty(at("stacks", project)),
    removeEmpty(at("locks", "organization", project, stack)),
    removeEmpty(at("history", project, stack), newest),
  ]);
}

/** Of a long history only the newest can have been cut short and not been seen since. */
const newest = 6;

async function removeEmpty(folder: string, last = Infinity): Promise<void> {
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => name.endsWith(".attrs"));
  await Promise.all(
    names
      .sort()
      .slice(-last)
      .map(async (name) => {
        const file = join(folder, name);
        const { size } = await stat(file).catch(() => ({ size: -1 }));
        if (size === 0) await rm(file, { force: true });
      }),
  );
}

/** What the engine says of an empty one, before it has done anything. */
const cutRead = /(?:^error|failed to load checkpoint|reading history file .+): EOF$/m;

const mostReads = 10;

/** Milliseconds. */
const betweenReads = 100;

/**
 * Starts the engine once what a killed one has left is removed, and again where it has read such a file in the moment in which
 * another engine wrote it: who reads a state takes no lock.
 *
 * @param folder the backend's
 */
export async function readingWhole<Result>(
  folder: string,
  stack: StackName,
  start: () => Promise<Result>,
): Promise<Result> {
  for (let reads = 1; ; reads += 1) {
    await removeCutAttributes(folder, stack);
    try {
      return await start();
    } catch (error) {
      if (reads === mostReads || !(error instanceof Error) || !cutRead.test(error.message)) throw error;
      await sleep(betweenReads);
    }
  }
}
