/** What becomes of a creation of which nobody knows whether it was done: the one place where that is decided. */
import type { StateResource } from "../state";

/** Something that is there, is in no state, and may be what was to be made. */
export interface FoundThing {
  readonly id: string;
  /** When it was made, at the earliest, by this machine's clock, ISO 8601; undefined where that is not told. */
  readonly madeAt?: string;
  /** It has a key that this stack alone has: whenever it was made, it is of this stack's making. @default false */
  readonly hasOwnKey?: boolean;
  /** Why it cannot be taken in, a clause: `its secret was told to nobody`. @default it can */
  readonly unfit?: string;
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
 * Looks for what is there before something is made.
 *
 * @returns ids of all that could be taken for it; undefined where that cannot be told
 */
export type LookBefore = (resource: StateResource) => Promise<readonly string[] | undefined>;

/** What was there before creations, ids by the URN of what was to be made. */
export type KnownBefore = Readonly<Record<string, readonly string[]>>;

const undatedKinds = /^cloudflare:.*:(?:R2CustomDomain|ZeroTrustAccessIdentityProvider)$/;

/** Whether nobody tells when such a thing was made, so that what is there has to be known before it is made. */
export function isUndated(type: string): boolean {
  return undatedKinds.test(type);
}

/** What is known of a creation. */
export interface Making {
  /** Whether it went on at a time, ISO 8601. */
  readonly isWithin: (madeAt: string) => boolean;
  /** Ids of what was there before it was begun, of what {@link isUndated}; undefined where nobody has looked. */
  readonly before: readonly string[] | undefined;
}

/** Whether something is surely of a creation's making. */
export function isOwn({ id, madeAt, hasOwnKey = false }: FoundThing, { before, isWithin }: Making): boolean {
  return hasOwnKey || (madeAt !== undefined && isWithin(madeAt)) || before?.includes(id) === false;
}

/**
 * What came of a creation: its id, to be taken in; `removed`, to be made anew; `absent` where it is surely not there;
 * undefined where that cannot be told, or what is there is another's.
 */
export type Outcome =
  { readonly id: string } | { readonly removed: string; readonly unfit: string } | "absent" | undefined;

/**
 * Decides what is taken in: the newest of what is its own. Others of its own, made by further tries, are removed; so is
 * what is not fit for it.
 */
export async function outcomeOf(found: readonly FoundThing[] | undefined, making: Making): Promise<Outcome> {
  if (found === undefined) return undefined;
  if (found.length === 0) return "absent";
  const own = found
    .filter((each) => isOwn(each, making))
    .sort((one, other) => (other.madeAt ?? "").localeCompare(one.madeAt ?? ""));
  const taken = own.find(({ unfit }) => unfit === undefined);
  for (const each of own) if (each !== taken) await each.remove();
  if (taken !== undefined) return { id: taken.id };
  return own[0]?.unfit === undefined ? undefined : { removed: own[0].id, unfit: own[0].unfit };
}

/** The outcome in words, after the name of what was created. */
export function outcomeWords(outcome: Exclude<Outcome, undefined>): string {
  if (outcome === "absent") return "nothing came of it that would be in the way; it is begun anew";
  return "id" in outcome
    ? `it was made (${outcome.id}), and is taken in`
    : `it was made (${outcome.removed}), but ${outcome.unfit}: removed, and made anew`;
}

/** Of what is like it, and cannot be taken for its own; undefined where there is nothing. */
export function othersWords(
  found: readonly FoundThing[] | undefined,
  { before }: Making,
): string | undefined {
  if (found === undefined || found.length === 0) return undefined;
  const untold = before === undefined ? found.filter(({ madeAt }) => madeAt === undefined) : [];
  const ids = (things: readonly FoundThing[]): string => things.map(({ id }) => id).join(", ");
  return untold.length === 0
    ? `what is like it was there before, and is left alone (${ids(found)})`
    : `what is like it does not tell when it was made, and is left alone (${ids(untold)}): where nobody else made it, remove it`;
}
