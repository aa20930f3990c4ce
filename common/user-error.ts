/** What a {@link UserError} is made of. */
export interface UserErrorParts {
  /** What is wrong, one sentence. */
  readonly what: string;
  /** The value received. Never a secret. */
  readonly value?: string | undefined;
  /** What is allowed instead. */
  readonly allowed?: string | undefined;
  /** The next command to run, or the edit to make. */
  readonly next?: string | undefined;
  /** The error below this one, kept for `--verbose`. */
  readonly cause?: unknown;
}

/**
 * A mistake of the user's, or a state of the machine that the user can mend: printed without a stack.
 *
 * @example
 * throw new UserError({ what: "the port is taken", value: "8443", next: "npm start -- --port 8444" });
 */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly parts: UserErrorParts;

  constructor(parts: UserErrorParts) {
    super(formatParts(parts), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.parts = parts;
  }
}

/** A file with the system's code for what is wrong with it, as an error shows it: `plan.json (EACCES)`. */
export function withCode(file: string, cause: unknown): string {
  return `${file} (${(cause as NodeJS.ErrnoException).code ?? "error"})`;
}

function formatParts({ what, value, allowed, next }: UserErrorParts): string {
  const lines = [value === undefined ? what : `${what}: ${value}`];
  if (allowed !== undefined) lines.push(`  allowed: ${allowed}`);
  if (next !== undefined) lines.push(`  next: ${next}`);
  return lines.join("\n");
}
