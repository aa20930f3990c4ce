/** What somebody who looks after an environment is told. */
export interface Finding {
  /** What was looked at, such as `host web` or `backups of main`. */
  readonly subject: string;
  /** `look`: nothing is broken yet; `bad`: it is, or will be; `unknown`: it could not be asked. */
  readonly state: "well" | "look" | "bad" | "unknown";
  /** What was found, one sentence. */
  readonly says: string;
  /** The next command, or what to do. */
  readonly next?: string;
}

/** Days before the end of what the stack has made (certificates, tokens) from which it is to be looked at. */
export const soonDays = 30;

/** Whether all is well enough for exit code 0: what could not be asked is not. */
export function isWell(findings: readonly Finding[]): boolean {
  return findings.every(({ state }) => state === "well" || state === "look");
}

/**
 * What an end of validity means now: over is bad, near is to be looked at.
 *
 * @param at ISO 8601; undefined where it never ends
 * @param soonDays how near is near
 */
export function endingFinding(
  subject: string,
  at: string | undefined,
  { next, now, soonDays }: { readonly next: string; readonly now: Date; readonly soonDays: number },
): Finding {
  if (at === undefined) return { subject, state: "well", says: "does not expire" };
  const end = Date.parse(at);
  if (Number.isNaN(end))
    return { subject, state: "unknown", says: `ends at a time that is none: ${at}`, next };
  const day = new Date(end).toISOString().slice(0, 10);
  const days = Math.floor((end - now.getTime()) / 86_400_000);
  if (end <= now.getTime()) return { subject, state: "bad", says: `has expired on ${day}`, next };
  if (days < soonDays) {
    return {
      subject,
      state: "look",
      says: `expires on ${day}, in ${days === 1 ? "1 day" : `${days} days`}`,
      next,
    };
  }
  return { subject, state: "well", says: `is valid until ${day}` };
}
