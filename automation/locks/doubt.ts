/** What a run that was cut short had begun and not ended, one by one. Pure. */
import { nameOf, type PendingOperation } from "../state";

/** Types whose creation does no harm when it is done once more: values that are drawn here, and steps that converge. */
const harmless = /^(?:random|command|pulumi):/;

/** An operation of which nobody knows whether it was done. */
export interface Doubt {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** `creating`, `updating`, `deleting`, `reading`, `importing`. */
  readonly operation: string;
  /** What may be, one clause. */
  readonly what: string;
  /** What comes of it. */
  readonly next: string;
  /** True where the next `up` makes it right by itself, whether it was done or not. */
  readonly repaired: boolean;
}

/** Says of each pending operation what is in doubt, and what comes of it. */
export function doubtsOf(pending: readonly PendingOperation[]): Doubt[] {
  return pending.map(({ type: operation, resource: { urn, type } }) => {
    const name = nameOf(urn);
    const known = { urn, type, name, operation };
    switch (operation) {
      case "creating":
        return harmless.test(type)
          ? {
              ...known,
              what: "it was begun, and nothing is lost where it was done",
              next: "the next up does it again",
              repaired: true,
            }
          : {
              ...known,
              what: "it may have been made, and the state knows no id of it",
              next: "looked for by the next groundwork up; where that cannot list such things, look yourself, and remove it or take it in with groundwork unlock --adopt URN=ID",
              repaired: false,
            };
      case "updating":
        return {
          ...known,
          what: "it has its old or its new values",
          next: "the next up writes the new ones",
          repaired: true,
        };
      case "deleting":
        return {
          ...known,
          what: "it may be gone already",
          next: "the next run deletes it again; one that is gone counts as deleted",
          repaired: true,
        };
      default:
        return {
          ...known,
          what: "it was only being read",
          next: "the next run reads it again",
          repaired: true,
        };
    }
  });
}

/** One line for a doubt. */
export function doubtLine({ name, type, operation, what, next }: Doubt): string {
  const short = type.slice(type.lastIndexOf(":") + 1);
  return `${operation} ${short} ${name}: ${what}; ${next}`;
}
