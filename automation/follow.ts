import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import type { RunOptions, RunResult } from "./run";

/** A run under way: its events one after the other, and what it did. Breaking the loop off ends the run. */
export interface FollowedRun extends AsyncIterable<EngineEvent> {
  /** What the run did; rejects as the run does. */
  readonly result: Promise<RunResult>;
}

/**
 * Starts a run whose events are taken by a loop.
 *
 * @param start starts it with these options
 */
export function followRun(
  start: (options: RunOptions) => Promise<RunResult>,
  options: RunOptions,
): FollowedRun {
  const events: EngineEvent[] = [];
  let ended = false;
  let wake = (): void => undefined;
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  const onEvent = (event: EngineEvent): void => {
    options.onEvent?.(event);
    events.push(event);
    wake();
  };
  const result = start({ ...options, signal, onEvent }).finally(() => {
    ended = true;
    wake();
  });
  // Who only takes the events is told of a failure by the loop.
  result.catch(() => undefined);
  async function* taken(): AsyncGenerator<EngineEvent, void, undefined> {
    let whole = false;
    try {
      for (;;) {
        const event = events.shift();
        if (event !== undefined) yield event;
        else if (ended) break;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      whole = true;
      await result;
    } finally {
      if (!whole) {
        stop.abort();
        await result.catch(() => undefined);
      }
    }
  }
  return { result, [Symbol.asyncIterator]: taken };
}
