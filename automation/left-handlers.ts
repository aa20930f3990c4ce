import type { AsyncLocalStorage } from "node:async_hooks";

/** Events by which a process is told of errors that nobody has taken. */
const events = ["uncaughtException", "unhandledRejection"] as const;

let running = 0;
let before: readonly unknown[] = [];

/**
 * A run of the engine with a program in this process. While it runs the SDK takes every error of the process for one of the
 * program's, and where the engine ends before the program does, it goes on to do so: what fails afterwards, the script's own end
 * among it, would be swallowed, and the process would end with 0. So its handlers go with the last run. What is left of such a
 * program still fails when it asks the engine that is no more: that is passed over, and everything else is the script's.
 */
export async function withoutLeftHandlers<Result>(run: () => Promise<Result>): Promise<Result> {
  if (running === 0) before = handlers();
  running += 1;
  try {
    return await run();
  } finally {
    running -= 1;
    if (running === 0) {
      for (const event of events) {
        for (const handler of process.listeners(event as "uncaughtException")) {
          if (!before.includes(handler) && isOfSdk(handler)) process.off(event, handler);
        }
      }
      if (!process.listeners("unhandledRejection").includes(passOverEndedPrograms)) {
        process.on("unhandledRejection", passOverEndedPrograms);
      }
    }
  }
}

function handlers(): readonly unknown[] {
  return events.flatMap((event) => process.listeners(event as "uncaughtException"));
}

/** They have no name; a test holds the pinned version to this. */
function isOfSdk(handler: NodeJS.UncaughtExceptionListener): boolean {
  return handler.toString().includes("errorSet.has(err)");
}

/** Of anything else than a program the process ends, as it does where nobody listens. */
function passOverEndedPrograms(error: unknown): void {
  if (isOfProgram() || process.listenerCount("unhandledRejection") > 1) return;
  throw error;
}

/** Is this called on behalf of a program? The SDK keeps what belongs to each in this store, for all of its copies. */
function isOfProgram(): boolean {
  const { asyncLocalStorage: programs } = globalThis as { asyncLocalStorage?: AsyncLocalStorage<unknown> };
  return programs?.getStore() !== undefined;
}
