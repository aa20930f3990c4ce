import type { KnownBefore } from "./examine";
import type { StackPlace } from "./lock-files";

/** What was there before creations of which it is not known yet what came of them: kept for the runs that follow. */
export interface BeforeRecord {
  read(): Promise<KnownBefore>;
  write(known: KnownBefore): Promise<void>;
}

/** The record of a stack: a file beside its state, as long as there is something to know. */
export function beforeRecordOf({ store, project, stack }: StackPlace): BeforeRecord {
  const file = `.pulumi/groundwork-before/${project}/${stack}.json`;
  return {
    async read() {
      const text = await store.read(file);
      try {
        return text === undefined ? {} : (JSON.parse(text) as KnownBefore);
      } catch {
        // What was cut short says nothing.
        return {};
      }
    },
    async write(known) {
      if (Object.keys(known).length === 0) await store.remove(file);
      else await store.write(file, JSON.stringify(known));
    },
  };
}

/** Where no file can be kept beside the state, nobody knows after a kill. */
export const noBeforeRecord: BeforeRecord = {
  read: () => Promise.resolve({}),
  write: () => Promise.resolve(),
};
