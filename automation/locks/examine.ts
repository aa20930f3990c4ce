import type { PendingOperation, StackState } from "../state";

/**
 * Looks whether a creation that was begun and never recorded has made its thing.
 * @param since when the run began that was cut short, ISO 8601, or earlier: what is older is not of its making
 * @returns its id, to be taken in; `absent` where it is surely not there; undefined where that cannot be told
 */
export type Examine = (
  pending: PendingOperation,
  state: StackState,
  since: string,
) => Promise<{ readonly id: string } | "absent" | undefined>;
