/** Errors that a program may want to tell apart. Each is a UserError: what, value, what is allowed, the next command. */
import { UserError } from "../common/user-error";
import { type Doubt, doubtLine } from "./locks/doubt";
import { type EngineLock, type LockHolder, holderWords } from "./locks/holder";

/** Another run is at work on the same environment. */
export class ConcurrentUpdateError extends UserError {
  /** Those who hold the lock, as far as the backend names them. */
  readonly holders: readonly (EngineLock | LockHolder)[];

  constructor(stack: string, holders: readonly (EngineLock | LockHolder)[], cause?: unknown) {
    super({
      what: `another run holds the lock of stack ${stack}`,
      value: holders.map(holderWords).join("; ") || "who it is, the backend does not tell",
      allowed: "one run at a time",
      next:
        `wait for it with --lock-wait 10m; npx groundwork unlock -s ${stack} tells whether it still lives, ` +
        "and takes off what a killed run has left",
      cause,
    });
    this.holders = holders;
  }
}

/** A lock is left over from a run that is gone, and this run was told not to take it off. */
export class LeftoverLockError extends UserError {
  readonly holders: readonly LockHolder[];
  /** What that run had begun and not ended. */
  readonly doubts: readonly Doubt[];

  constructor(stack: string, holders: readonly LockHolder[], doubts: readonly Doubt[]) {
    super({
      what: `a killed run has left its lock on stack ${stack}`,
      value: [
        ...holders.map((holder) => `${holderWords(holder)}; ${holder.why}`),
        ...doubts.map(doubtLine),
      ].join("\n    "),
      next: `npx groundwork unlock -s ${stack}`,
    });
    this.holders = holders;
    this.doubts = doubts;
  }
}

/** A rule that must be kept. */
export interface PolicyViolation {
  readonly policy: string;
  readonly pack: string;
  readonly urn?: string;
  readonly text: string;
}

/** A mandatory policy refuses the change. */
export class PolicyRefusedError extends UserError {
  readonly violations: readonly PolicyViolation[];

  constructor(verb: string, stack: string, violations: readonly PolicyViolation[], cause?: unknown) {
    super({
      what: `a policy refuses the ${verb} of ${stack}`,
      value: violations
        .map(({ policy, urn, text }) => `\n    ${policy}${urn === undefined ? "" : ` (${urn})`}: ${text}`)
        .join(""),
      allowed: "what every mandatory policy accepts",
      next: `change what is named, and look at it: npx groundwork preview -s ${stack}`,
      cause,
    });
    this.violations = violations;
  }
}
