import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { ServerChannel } from "ssh2";

/** One command of a session. */
export interface CommandContext {
  /** Undefined: a shell that reads its commands from the client. */
  readonly command: string | undefined;
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Runs a command as sshd does: `/bin/sh -c <text>` in a session of its own, three pipes, exit code or signal at the
 * end. A client that goes away does not end the command; it only loses the pipes, so a script that prints dies of
 * SIGPIPE and a silent one runs to its end. Returns a function that sends a signal (`TERM`) to the whole group.
 */
export function runCommand(channel: ServerChannel, context: CommandContext): (signal: string) => void {
  const args = context.command === undefined ? ["-s"] : ["-c", context.command];
  const child = spawn("/bin/sh", args, {
    cwd: context.home,
    env: context.environment,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = { stdout: false, stderr: false, process: false };
  let gone = false;

  child.on("error", (error) => {
    channel.stderr.write(`sandbox host: ${error.message}\n`);
    channel.exit(255);
    channel.end();
  });
  // A command that does not read its input closes the pipe: no error to anyone.
  child.stdin.on("error", () => undefined);
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });

  const finish = (): void => {
    if (!ended.stdout || !ended.stderr || !ended.process || gone) return;
    // Both streams share the client's window: what is still buffered for stderr goes before the channel's end.
    channel.stderr.end(() => channel.end());
  };
  child.stdout.on("close", () => {
    ended.stdout = true;
    finish();
  });
  child.stderr.on("close", () => {
    ended.stderr = true;
    finish();
  });
  child.on("exit", (code, signal) => {
    ended.process = true;
    if (!gone) {
      if (signal !== null) channel.exit(signal.replace(/^SIG/, ""), false, "");
      else channel.exit(code ?? 255);
    }
    finish();
  });
  channel.on("error", () => undefined);
  channel.on("close", () => {
    gone = true;
    child.stdin.destroy();
    child.stdout.destroy();
    child.stderr.destroy();
  });

  return (name) => {
    const signal = `SIG${name}`;
    if (child.pid === undefined || ended.process || !(signal in constants.signals)) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It ended between the check and the signal.
    }
  };
}
