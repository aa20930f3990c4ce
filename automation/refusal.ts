/**
 * Ends a run whose program does not begin, by its signal. A program that throws has ended, for the engine, and would leave the stack
 * without outputs.
 */
export class Refusal {
  private readonly refused = new AbortController();

  /** Aborted where the program does not begin; its reason is why. */
  get signal(): AbortSignal {
    return this.refused.signal;
  }

  /** A run's own signal, and this one. */
  with(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.signal : AbortSignal.any([signal, this.signal]);
  }

  /** For the program to wait for: it never ends. */
  refuse(reason: unknown): Promise<never> {
    this.refused.abort(reason);
    return new Promise(() => undefined);
  }
}
