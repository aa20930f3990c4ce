import { lifetimeMilliseconds, lifetimes } from "../../common/lifetime";
import { UserError } from "../../common/user-error";

/** Names that a short-lived environment may have: nothing that stays is called like that. */
export function isShortLived(name: string): boolean {
  return /^pr-[1-9]\d{0,8}$/.test(name);
}

/** @throws UserError where no short-lived environment may have that name */
export function assertShortLived(name: string): void {
  if (isShortLived(name)) return;
  throw new UserError({
    what: "a short-lived environment cannot have that name",
    value: name,
    allowed: "pr- and the number of a pull request: pr-123",
    next: "npx groundwork env up pr-123",
  });
}

/**
 * A moment so long from now.
 *
 * @param text `12h`, `3d`, `2w`; at most 90 days
 */
export function expiryAfter(text: string, now: Date): string {
  const milliseconds = lifetimeMilliseconds(text);
  if (milliseconds !== undefined) {
    return new Date(now.getTime() + milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
  }
  throw new UserError({
    what: "this is not a lifetime",
    value: text,
    allowed: `a number of ${lifetimes}`,
    next: "npx groundwork env extend pr-123 --lifetime 3d",
  });
}

/** What is known of a short-lived environment. */
export interface ShortLived {
  readonly name: string;
  readonly template: string | undefined;
  /** ISO 8601; undefined where neither state nor a stack file says it. */
  readonly expires: string | undefined;
  /** When its state was changed last, ISO 8601; undefined where nothing was made of it. */
  readonly updated: string | undefined;
  /** Whether its pull request is open; undefined where nobody could be asked. */
  readonly open: boolean | undefined;
}

/** One whose lifetime nobody knows counts as forgotten after so long: until then its first run may go on. */
const unknownFor = 24 * 3_600_000;

/** Why an environment is to be removed; undefined where it is to stay. */
export function whyRemoved({ expires, updated, open }: ShortLived, now: Date): string | undefined {
  if (open === false) return "its pull request is closed";
  if (expires !== undefined) {
    return Date.parse(expires) <= now.getTime() ? `it expired at ${expires}` : undefined;
  }
  const age = updated === undefined ? Number.POSITIVE_INFINITY : now.getTime() - Date.parse(updated);
  return age > unknownFor ? "its first run did not end, and nobody went on with it" : undefined;
}
