import type { Log } from "../common/log";
import { exitCodes } from "./exit-codes";

/** Ctrl-C, as the commands hear of it. */
export interface Interrupts {
  /** Aborted by the first one; the third leaves at once. */
  readonly signal: AbortSignal;
  /** While the work goes on a program that it has started has the terminal: Ctrl-C is that program's, and counts for nothing here. */
  readonly handOver: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Takes Ctrl-C over for as long as this process lives. */
export function listenForInterrupts(say: Log): Interrupts {
  const interrupt = new AbortController();
  let interrupts = 0;
  let handedOver = 0;
  process.on("SIGINT", () => {
    if (handedOver > 0) return;
    interrupts += 1;
    if (interrupts === 1) {
      say(
        "\nstopping: what is under way is finished, nothing new begins; press Ctrl-C twice more to leave at once",
      );
      interrupt.abort();
    } else if (interrupts >= 3) process.exit(exitCodes.interrupted);
  });
  return {
    signal: interrupt.signal,
    async handOver(work) {
      handedOver += 1;
      try {
        return await work();
      } finally {
        handedOver -= 1;
      }
    },
  };
}
