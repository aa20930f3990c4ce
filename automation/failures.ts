import { UserError } from "../common/user-error";
import { withoutColours } from "./changes";
import { ConcurrentUpdateError } from "./errors";
import { locksInRefusal } from "./locks/holder";
import { FullBucketsError, fullBuckets } from "./full-buckets";

const apiUnreachable =
  /got no answer after \d+ tries|(?:Get|Post|Put|Patch|Delete) "https?:[^"]*": .*(?:dial tcp|no such host|timeout)/;
const tokenRefused =
  /status 40[13]\b|\b40[13] (?:Forbidden|Unauthorized)|Authentication error|Invalid API Token|"code":\s*(?:9109|10000)\b/;
const stateUnreachable =
  /unable to open bucket|read "\.pulumi\/meta\.yaml"|could not (?:list|read) bucket|performing HTTP request: \w+ "[^"]*\/api\//;
const newerState =
  /unsupported checkpoint version|deployment version is too new|newer than what this version|unsupported features/i;
/** Only where the engine reads a state: a bad answer of any API is told by the same words of Go. */
const brokenState =
  /failed to load checkpoint: (?:place \d+: |json: |unexpected end of JSON|invalid character)|error: place \d+: /;
const sshUnreachable = /dial tcp (\S+:\d+): (?:connect: )?([^\n]*)/;

/** What the engine says of a known failure -> what the user reads instead. The first that matches is taken. */
const known: readonly {
  readonly when: RegExp;
  readonly explain: (
    stack: string,
    text: string,
  ) => { what: string; value?: string; allowed?: string; next: string };
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
    when: /unable to read PULUMI_CONFIG_PASSPHRASE_FILE/,
    explain: (_stack, text) => ({
      what: "the passphrase's file cannot be read",
      value: lineWith(/unable to read PULUMI_CONFIG_PASSPHRASE_FILE/, text),
      next: "correct PULUMI_CONFIG_PASSPHRASE_FILE, or set PULUMI_CONFIG_PASSPHRASE, and run the same command again",
    }),
  },
  {
    when: stateUnreachable,
    explain: (_stack, text) => ({
      what: "the backend with the states cannot be reached",
      value: lineWith(stateUnreachable, text),
      next: "mount its folder, or look at the network and its credentials; pulumi login or PULUMI_BACKEND_URL leads elsewhere",
    }),
  },
  {
    when: /no stack named/,
    explain: (stack) => ({
      what: `environment ${stack} was not brought up yet: the backend knows no such stack`,
      next: `npx groundwork up -s ${stack} makes it; where it is kept elsewhere, pulumi login leads there`,
    }),
  },
  {
    // The engine's reason may repeat text of the file.
    when: /invalid YAML file: /,
    explain: (stack, text) => ({
      what: "the stack file is no YAML",
      value: `Pulumi.${stack}.yaml${/yaml: (line \d+)/.exec(text)?.[1]?.replace(/^/, ", ") ?? ""}`,
      next: `correct Pulumi.${stack}.yaml: quotes, brackets and indentation at that line and before it`,
    }),
  },
  {
    when: newerState,
    explain: (stack, text) => ({
      what: `the state of stack ${stack} was written by a newer engine than this one; nothing was changed`,
      value: lineWith(newerState, text),
      allowed: "an engine that is as new as the newest that works on the stack",
      next: "install that one (pulumi version says which this is), and raise @pulumi/pulumi to it in package.json",
    }),
  },
  {
    when: /Unauthorized: No credentials provided or are invalid|invalid access token/,
    explain: () => ({
      what: "the server with the states refuses the access token: it has expired, was revoked, or is of another server",
      allowed: "a token that is valid, in PULUMI_ACCESS_TOKEN or by pulumi login",
      next: "make a new one there, set PULUMI_ACCESS_TOKEN, and run the same command again",
    }),
  },
  {
    when: brokenState,
    explain: (stack, text) => ({
      what: `the state of stack ${stack} cannot be read: a write of it was cut short`,
      value: lineWith(brokenState, text),
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
    when: /no space left on device|ENOSPC/i,
    explain: (_stack, text) => ({
      what: "the disk is full, here or on the host",
      value: lineWith(/no space left on device|ENOSPC/i, text),
      next: "free some space there (df -h tells where) and run the same command again: what is done already stays done",
    }),
  },
  {
    when: apiUnreachable,
    explain: (stack, text) => ({
      what: "Cloudflare's API cannot be reached",
      value: lineWith(apiUnreachable, text),
      next: `look at the network, a proxy, and groundwork:cloudflare.apiUrl in Pulumi.${stack}.yaml; then run the same command again`,
    }),
  },
  {
    when: tokenRefused,
    explain: (stack, text) => ({
      what: "Cloudflare refuses the API token",
      value: lineWith(tokenRefused, text),
      allowed: "a token that is valid and may do this; docs/settings.md lists the permissions",
      next: `put it into groundwork:secrets.CLOUDFLARE_API_TOKEN of Pulumi.${stack}.yaml, or into the environment's CLOUDFLARE_API_TOKEN`,
    }),
  },
  {
    when: /host key mismatch|key mismatch|host key .*(?:denied|differs|changed)/i,
    explain: (stack) => ({
      what: "a host shows another SSH key than the one that is pinned: nothing was sent to it",
      allowed: `groundwork:hosts.<name>.hostKey in Pulumi.${stack}.yaml`,
      next: "if the machine was set up anew, read its key on the machine itself (cat /etc/ssh/ssh_host_ed25519_key.pub) and pin that; if it was not, somebody stands in between",
    }),
  },
  {
    when: /unable to authenticate|all configured authentication methods failed/i,
    explain: (stack) => ({
      what: "a host refuses the SSH key",
      allowed:
        "the private half of a key in the host's ~/.ssh/authorized_keys, for the user groundwork:hosts.<name>.user",
      next: `put it into groundwork:secrets.SSH_PRIVATE_KEY of Pulumi.${stack}.yaml, or the public half onto the host`,
    }),
  },
  {
    when: sshUnreachable,
    explain: (stack, text) => {
      const [, address = "", reason = ""] = sshUnreachable.exec(text) ?? [];
      return {
        what: `no SSH server answers at ${address}`,
        value: reason,
        next: `start sshd there or open its port; where it is said: groundwork:hosts.<name>.address and .port in Pulumi.${stack}.yaml; then run the same command again`,
      };
    },
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
  // What a release's own application has printed last may hold any of those words.
  const ofRelease = releaseFailed.test(text);
  if (!ofRelease && isLocked(text)) return new ConcurrentUpdateError(stack, locksInRefusal(text), cause);
  const buckets = ofRelease ? [] : fullBuckets(text);
  if (buckets.length > 0) return new FullBucketsError(buckets, undefined, cause);
  const match = ofRelease ? undefined : known.find(({ when }) => when.test(text));
  if (match !== undefined) return new UserError({ ...match.explain(stack, text), cause });
  const told = unique(errors.length > 0 ? errors : [essence(raw)]);
  return new UserError({
    what: `${verb} of ${stack} failed`,
    value: `\n${told.map((message) => indent(withoutOwnCommands(message))).join("\n")}`,
    next: `mend what is named above and run the same command again: what is done already stays done`,
    cause,
  });
}

/** As explainRollout words it. */
const releaseFailed =
  /the (?:new )?release of \S+ (?:did not get healthy|failed)|another release of \S+ is under way/;

/** Takes out which text the engine ran where it is ours, and always the same; how it ended and what it printed stay. */
function withoutOwnCommands(message: string): string {
  return message.replace(/: running "((?:[^"\\]|\\.)*)":/g, (whole, command: string) =>
    /GROUNDWORK_ROOT|groundwork-[a-z]/.test(command) ? ":" : whole,
  );
}

/** The line of the engine's text that says it, without what stands before it. */
function lineWith(pattern: RegExp, text: string): string {
  return withoutColours(text.split("\n").find((line) => pattern.test(line)) ?? "").trim();
}

/** By a lock of the engine's own, or as Pulumi Cloud words it. */
function isLocked(text: string): boolean {
  return /the stack is currently locked by|Another update is currently in progress/.test(text);
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
