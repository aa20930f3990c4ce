import { UserError } from "../common/user-error";
import { withoutColours } from "./changes";

/** What the engine says of a known failure -> what the user reads instead. The first that matches is taken. */
const known: readonly {
  readonly when: RegExp;
  readonly explain: (stack: string, text: string) => { what: string; allowed?: string; next: string };
}[] = [
  {
    when: /incorrect passphrase|passphrase must be set/,
    explain: (stack) => ({
      what: `the passphrase of stack ${stack} is missing or wrong`,
      allowed: "the passphrase that the stack's secrets were encrypted with",
      next: "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE and run the same command again",
    }),
  },
  {
    when: /the stack is currently locked by/,
    explain: (stack, text) => ({
      what: `another run holds the lock of stack ${stack}${holder(text)}`,
      next: `wait for it; if that process is gone: pulumi cancel -s ${stack}`,
    }),
  },
  {
    when: /could not load deployment|unexpected end of JSON input|failed to load checkpoint|invalid character/,
    explain: (stack) => ({
      what: `the state of stack ${stack} cannot be read: a write of it was cut short`,
      next: `the last whole state stands beside it as ${stack}.json.bak; put that in its place and refresh`,
    }),
  },
  {
    when: /PULUMI_ACCESS_TOKEN must be set|no credentials|not logged in/,
    explain: () => ({
      what: "no state backend is chosen",
      next: "pulumi login (Pulumi Cloud, s3://…, or file://…), or try it in the sandbox: npx groundwork sandbox -s dev",
    }),
  },
  {
    when: /no space left on device/,
    explain: () => ({ what: "the disk is full", next: "free some space and run the same command again" }),
  },
];

/**
 * One error for a failed run: the engine's own error messages, what is known of them, and the next command.
 *
 * @param errors Messages of severity `error` that the run gave, in order.
 */
export function explainFailure(
  verb: string,
  stack: string,
  errors: readonly string[],
  cause: unknown,
): UserError {
  if (cause instanceof UserError) return cause;
  const raw = cause instanceof Error ? cause.message : String(cause);
  const text = [...errors, raw].join("\n");
  const match = known.find(({ when }) => when.test(text));
  if (match !== undefined) return new UserError({ ...match.explain(stack, text), cause });
  const told = unique(errors.length > 0 ? errors : [essence(raw)]);
  return new UserError({
    what: `${verb} of ${stack} failed`,
    value: `\n${told.map((message) => indent(message)).join("\n")}`,
    next: `mend what is named above and run the same command again: what is done already stays done`,
    cause,
  });
}

function holder(text: string): string {
  const found = /created by (\S+) \(pid (\d+)\)(?: at (\S+))?/.exec(text);
  if (found === null) return "";
  const [, who, pid, since] = found;
  return `: ${who ?? "somebody"}, process ${pid ?? "unknown"}${since === undefined ? "" : `, since ${since}`}`;
}

/** The part of a CLI failure that says why: its `error:` lines, else all of it. */
function essence(raw: string): string {
  const lines = withoutColours(raw).split("\n");
  const errors = lines.filter((line) => /^\s*error: /.test(line)).map((line) => line.trim());
  return errors.length > 0 ? errors.join("\n") : raw.trim();
}

function unique(messages: readonly string[]): string[] {
  return [...new Set(messages.map((message) => message.trim()))];
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
