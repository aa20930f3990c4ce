import type { PendingOperation, StackState } from "../state";

/**
 * Looks whether a creation that was begun and never recorded has made its thing.
 *
 * @returns its id, to be taken in; `absent` where it is surely not there; undefined where that cannot be told
 */
export type Examine = (
  pending: PendingOperation,
  state: StackState,
) => Promise<{ readonly id: string } | "absent" | undefined>;
