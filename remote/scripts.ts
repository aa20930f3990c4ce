import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../common/project-root";

/** The steps that run on a host: each is the script of that name in remote/. */
export const remoteSteps = [
  "prepare-host",
  "registry-login",
  "write-files",
  "proxy",
  "origin-csr",
  "origin-certificate",
  "database-healthy",
  "postgres-roles",
  "database-address",
  "database-query",
  "database-empty",
  "database-shell",
  "database-backup-schedule",
  "database-backup",
  "database-backups",
  "database-restore",
  "database-rehearse",
  "database-records",
  "database-drill-record",
  "database-drop-kept",
  "migrate",
  "rollout",
  "rollout-abort",
  "rollout-ledger",
  "releases",
  "project-remove",
  "verify",
  "swarm-init",
  "swarm-join",
  "swarm-nodes",
  "swarm-proxy-config",
  "swarm-proxy",
  "swarm-rollout",
  "swarm-verify",
  "swarm-remove",
] as const;

export type RemoteStep = (typeof remoteSteps)[number];

const cached = new Map<RemoteStep, string>();

/** Scripts that are no steps: they stand in the place of a line `. ./<name>.sh`, or, backup-job, lie on the host by themselves. */
export const includedScripts = [
  "lib",
  "vault-lib",
  "backup-lib",
  "disposable-lib",
  "backup-job",
  "rollout-worker",
  "schedule-lib",
  "rollout-journal",
  "rollout-state",
  "rollout-content",
  "rollout-switch",
] as const;

/** A step's whole script, with what it includes in the place of the lines that include it. */
export function stepScript(step: RemoteStep): string {
  const known = cached.get(step);
  if (known !== undefined) return known;
  const read = (name: string): string =>
    readFileSync(join(projectRoot(), "remote", `${name}.sh`), "utf8").replace(
      /^\. \.\/([a-z-]+)\.sh$/gm,
      (_, included: string) => read(included),
    );
  const script = withoutComments(read(step));
  cached.set(step, script);
  return script;
}

/** What a host's schedule runs. */
export function backupJobScript(): string {
  return withoutComments(readFileSync(join(projectRoot(), "remote", "backup-job.sh"), "utf8"));
}

/** Drops whole-line comments: only what runs travels, and a better comment is not a change of every stack. */
function withoutComments(script: string): string {
  return script
    .split("\n")
    .filter((line) => line !== "" && !/^\s*#/.test(line))
    .join("\n")
    .concat("\n");
}

/** The last line of what is sent: without it something is missing. */
const lastLine = "# whole";

/**
 * What the login shell of the host is asked to run: reads the script from standard input, whose first line tells how many bytes the
 * second has, then becomes it; the rest of the input is the script's own. The same for every release, without quotes inside, so any
 * login shell takes it, an error shows a line instead of a script, and nothing that varies is seen in a process list.
 *
 * By dd, as the shell's own `read` asks for each byte alone, which takes 40 ms for a release, and `head -c` of busybox takes more than
 * it is asked for.
 */
export function stepCommand(step: RemoteStep): string {
  return (
    `exec sh -c 'read -r _ n && s=$(dd bs="$n" count=1 iflag=fullblock 2>/dev/null | base64 -d 2>/dev/null); ` +
    `case $s in *"${lastLine}") exec sh -c "$s" ;; esac; ` +
    `echo "groundwork: the step did not arrive whole" >&2; exit 10' groundwork-${step}`
  );
}

/** A step's standard input: the script, then its frames. */
export function stepInput(step: RemoteStep, frames: string): string {
  return scriptInput(stepScript(step), frames);
}

/** The same with another script. */
export function scriptInput(script: string, frames: string): string {
  const sent = `${Buffer.from(script + lastLine, "utf8").toString("base64")}\n`;
  // Not the number alone: it would be hidden wherever it stands, as each line of what is secret is.
  return `script ${sent.length}\n${sent}${frames}`;
}
