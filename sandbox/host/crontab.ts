/**
 * The host's cron: `crontab` on its PATH keeps a table, and what is due in it runs as a login would, while the sandbox
 * runs. Times are UTC, as on most servers.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { lastDue, parseCron } from "../../common/cron";
import { writeFileAtomically } from "./files";
import type { HostLayout } from "./layout";

const tableFile = (layout: HostLayout): string => join(layout.directory, "crontab");

/** Puts `crontab` on the machine's PATH, and a `systemctl` that says that there is no systemd: not this machine's own. */
export function writeCrontab(layout: HostLayout): void {
  const table = tableFile(layout).replace(/'/g, "'\\''");
  const text = `#!/bin/sh
table='${table}'
case \${1--} in
  -l) [ -f "$table" ] || { echo 'no crontab' >&2; exit 1; }; exec cat "$table" ;;
  -r) exec rm -f "$table" ;;
  -) exec <&0 ;;
  -*) echo "crontab: $1 is not known here" >&2; exit 2 ;;
  *) exec <"$1" ;;
esac
cat >"$table.new" && chmod 0600 "$table.new" && mv -f "$table.new" "$table"
`;
  writeFileAtomically(join(layout.bin, "crontab"), text, 0o755);
  for (const name of ["systemctl", "loginctl"]) {
    writeFileAtomically(join(layout.bin, name), "#!/bin/sh\necho 'no systemd here' >&2\nexit 1\n", 0o755);
  }
}

/** The commands of a table that are due in the minute of `now`. */
export function dueCommands(table: string, now: Date): string[] {
  const minute = Math.floor(now.getTime() / 60_000) * 60_000;
  return table.split("\n").flatMap((line) => {
    const match = /^\s*((?:\S+\s+){4}\S+)\s+(\S.*)$/.exec(line);
    if (match === null || line.trimStart().startsWith("#")) return [];
    const schedule = parseCron(match[1] ?? "");
    if (schedule === undefined || lastDue(schedule, new Date(minute))?.getTime() !== minute) return [];
    return [match[2] ?? ""];
  });
}

/** Runs what is due, each minute once. @returns what ends it; what it has started goes on */
export function startCron(
  layout: HostLayout,
  environment: () => NodeJS.ProcessEnv,
  log: (line: string) => void,
  now: () => Date = () => new Date(),
): () => void {
  let done = Math.floor(now().getTime() / 60_000);
  const look = (): void => {
    const minute = Math.floor(now().getTime() / 60_000);
    if (minute === done) return;
    done = minute;
    let table: string;
    try {
      table = readFileSync(tableFile(layout), "utf8");
    } catch {
      return;
    }
    for (const command of dueCommands(table, new Date(minute * 60_000))) {
      log(`cron: ${command}`);
      const child = spawn("/bin/sh", ["-c", command], {
        cwd: layout.home,
        env: environment(),
        detached: true,
        stdio: "ignore",
      });
      child.once("error", (error) => log(`cron: ${error.message}`));
      child.once("exit", (code) => log(`cron: ended with ${code ?? "a signal"}: ${command}`));
      child.unref();
    }
  };
  const timer = setInterval(look, 5_000);
  timer.unref();
  return () => clearInterval(timer);
}
