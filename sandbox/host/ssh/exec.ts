import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
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
  let hasEnded = false;
  let gone = false;

  child.on("error", (error) => {
    channel.stderr.write(`sandbox host: ${error.message}\n`);
    channel.exit(255);
    channel.end();
  });
  // A command that does not read its input closes the pipe: no error to anyone.
  child.stdin.on("error", () => undefined);
  channel.pipe(child.stdin);
  const outputs = sendInTurn(channel, [
    [child.stdout, channel],
    [child.stderr, channel.stderr],
  ]);
  child.on("exit", (code, signal) => {
    hasEnded = true;
    if (gone) return;
    if (signal !== null) channel.exit(signal.replace(/^SIG/, ""), false, "");
    else channel.exit(code ?? 255);
    void outputs.then(() => {
      if (!gone) channel.end();
    });
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
    if (child.pid === undefined || hasEnded || !(signal in constants.signals)) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It ended between the check and the signal.
    }
  };
}

/**
 * Sends outputs of a command to their ends, one piece at a time over all of them: they share the client's window, and where both
 * wait for it ssh2 (1.17) forgets one. It also keeps what has waited, and sends it again in the place of the other's, so it is
 * made to forget that.
 */
async function sendInTurn(
  channel: ServerChannel,
  outputs: readonly (readonly [from: Readable, to: Writable])[],
): Promise<void> {
  let turn: Promise<unknown> = Promise.resolve();
  const send = (to: Writable, piece: Buffer): Promise<unknown> =>
    (turn = turn
      .then(() => channel.writable && new Promise((sent) => to.write(piece, sent)))
      .then(() => Object.assign(channel, nothingWaits)));
  await Promise.all(
    outputs.map(async ([from, to]) => {
      try {
        for await (const piece of from) await send(to, piece as Buffer);
      } catch {
        // The client has gone: nobody reads it any more.
      }
    }),
  );
}

/** The fields of ssh2's channel for what waits for the client's window. */
const nothingWaits = {
  _chunk: undefined,
  _chunkcb: undefined,
  _chunkErr: undefined,
  _chunkcbErr: undefined,
};
