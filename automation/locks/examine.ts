/** What becomes of a creation of which nobody knows whether it was done: the one place where that is decided. */
import type { StateResource } from "../state";

/** Something that is there, is in no state, and equals what was to be made. */
export interface FoundThing {
  readonly id: string;
  /** When it was made, by this machine's clock, ISO 8601; undefined where that is not told. */
  readonly madeAt?: string;
  /** False where it has a secret that was told once, in an answer that nobody received. */
  readonly isWhole: boolean;
  remove(): Promise<void>;
}

/**
 * Looks for what a creation may have made.
 *
 * @param recorded what is in the state: none of that is found
 * @returns everything that may be of its making; undefined where such things cannot be listed or read
 */
export type Examine = (
  resource: StateResource,
  recorded: readonly StateResource[],
) => Promise<readonly FoundThing[] | undefined>;

/**
 * What came of a creation: its id, to be taken in; `removed`, to be made anew; `absent` where it is surely not there;
 * undefined where that cannot be told, or what is there is another's.
 */
export type Outcome = { readonly id: string } | { readonly removed: string } | "absent" | undefined;

/**
 * Decides what is taken in: the newest of what is its own. Others of its own, made by further tries, are removed; so is
 * what lacks its secret.
 *
 * @param isOwn whether something that was made then is of this creation's making; undefined where that is not told
 */
export async function outcomeOf(
  found: readonly FoundThing[] | undefined,
  isOwn: (madeAt: string | undefined) => boolean,
): Promise<Outcome> {
  if (found === undefined) return undefined;
  if (found.length === 0) return "absent";
  const own = found
    .filter(({ madeAt }) => isOwn(madeAt))
    .sort((one, other) => (other.madeAt ?? "").localeCompare(one.madeAt ?? ""));
  const [newest, ...others] = own;
  if (newest === undefined) return undefined;
  // What may be older than is known is never removed.
  const isDated = ({ madeAt }: FoundThing): boolean => madeAt !== undefined;
  if (newest.isWhole) {
    for (const each of others.filter(isDated)) await each.remove();
    return { id: newest.id };
  }
  if (!own.every(isDated)) return undefined;
  for (const each of own) await each.remove();
  return { removed: newest.id };
}

/** The outcome in words, after the name of what was created. */
export function outcomeWords(outcome: Exclude<Outcome, undefined>): string {
  if (outcome === "absent") return "nothing came of it that would be in the way; it is begun anew";
  return "id" in outcome
    ? `it was made (${outcome.id}), and is taken in`
    : `it was made (${outcome.removed}), but its secret was told to nobody: removed, and made anew`;
}
