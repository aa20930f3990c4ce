import { availableParallelism } from "node:os";

/** Memory that a preview takes with its engine and providers, in bytes; measured by `npm run bench -- preview`. */
const memoryOfOne = 400 * 1024 * 1024;

/**
 * How many previews of one process run at once; the others wait for their turn. More of them than processors are no faster,
 * and each holds an engine and providers in memory.
 *
 * @param processors how many this process may use
 * @param memory what is free for it, in bytes
 * @example previewsAtOnce(2, 8 * 2 ** 30) // 4
 */
export function previewsAtOnce(processors: number, memory: number): number {
  return Math.max(1, Math.min(2 * processors, Math.floor(memory / memoryOfOne)));
}

/** Lets only so many through at once, in the order in which they came. */
export class Turns {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private most = 1;

  /** @param mostAtOnce asked whenever nothing is under way */
  constructor(private readonly mostAtOnce: () => number) {}

  /**
   * Does the work when it is its turn.
   *
   * @param signal one who is still waiting goes away at once. @default waits however long it takes
   * @throws what the work throws, or the signal's reason
   */
  async take<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.running === 0) this.most = this.mostAtOnce();
    if (this.running < this.most) this.running += 1;
    else await this.wait(signal);
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // The place is handed on, so that nobody who comes in between takes it.
      if (next === undefined) this.running -= 1;
      else next();
    }
  }

  private wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(enter), 1);
        reject(signal?.reason as Error);
      };
      const enter = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      this.waiting.push(enter);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }
}

const asMuchAsFits = (): number => previewsAtOnce(availableParallelism(), process.availableMemory());

/** Of previews and checks for drift, which hold no lock: a run that changes something never waits here. */
export const previewTurns = new Turns(asMuchAsFits);
/** Of the engine's short commands, none of which waits for another. */
export const commandTurns = new Turns(asMuchAsFits);
