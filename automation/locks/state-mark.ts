/** Tells one state from the next, by its file and without the engine. */

import { createHash } from "node:crypto";
import { stackType } from "../../common/engine-values";
import type { StackState } from "../state";
import { type StackPlace, stateFileOf } from "./lock-files";

/** The mark of a stack that is not there yet, and of every state that is no plain file (PULUMI_DIY_BACKEND_GZIP). */
export const noState = "none";

/**
 * Changes with any resource, and with what was begun and not ended. The stack's own resource does not count: a first run registers it
 * before its program begins.
 */
export async function markOf(place: StackPlace): Promise<string> {
  const text = await place.store.read(stateFileOf(place));
  if (text === undefined) return noState;
  return createHash("sha256").update(countedOf(text)).digest("hex");
}

function countedOf(text: string): string {
  try {
    const { checkpoint } = JSON.parse(text) as { checkpoint?: { latest?: StackState | null } };
    const { resources = [], pending_operations: pending = [] } = checkpoint?.latest ?? {};
    return JSON.stringify([
      resources.filter(({ type }) => type !== stackType),
      pending.filter(({ resource }) => resource.type !== stackType),
    ]);
  } catch {
    // What is wrong with it the engine says.
    return text;
  }
}
