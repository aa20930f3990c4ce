import { spawn } from "node:child_process";

export interface CommandRun {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Over the environment of this process. */
  readonly environment: Readonly<Record<string, string>>;
  /** What it reads. @default nothing */
  readonly input?: string;
  /** After it, the command and all that it started are ended. */
  readonly timeoutMs: number;
  /** Texts that stand in no message. */
  readonly secrets: readonly string[];
}

/** How a command ended, and the end of what it printed, without the secrets. */
export interface CommandResult {
  /** Undefined for a success. */
  readonly problem?: string;
  readonly lastLines: readonly string[];
}

const keptLines = 40;
const keptCharacters = 64 * 1024;
/** What has ended has said all by then; a program that it left behind may hold its output open for ever. */
const openAfterMs = 1_000;

/** Runs a command of the user's here. What it prints is kept for a message, and shown nowhere else. */
export function runCommand(run: CommandRun): Promise<CommandResult> {
  const { command, environment, input = "", timeoutMs, secrets } = run;
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    // A group of its own: what a shell started ends with it.
    const child = spawn(program, args, {
      env: { ...process.env, ...environment },
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let printed = "";
    const collect = (chunk: string): void => {
      printed = (printed + chunk).slice(-keptCharacters);
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    const kill = (signal: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // It has ended.
      }
    };
    const passOn = (signal: NodeJS.Signals): void => kill(signal);
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, passOn);
    let late = false;
    const clock = setTimeout(() => {
      late = true;
      kill("SIGTERM");
      setTimeout(() => kill("SIGKILL"), 10_000).unref();
    }, timeoutMs);
    const done = (problem: string | undefined): void => {
      clearTimeout(clock);
      for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.off(signal, passOn);
      const lines = redact(printed, secrets)
        .split("\n")
        .filter((line) => line.trim() !== "");
      resolve({ ...(problem === undefined ? {} : { problem }), lastLines: lines.slice(-keptLines) });
    };
    child.once("error", (error: NodeJS.ErrnoException) =>
      done(error.code === "ENOENT" ? `there is no program ${program} here` : error.message),
    );
    child.once("exit", () => {
      const patience = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, openAfterMs);
      child.once("close", () => clearTimeout(patience));
    });
    child.once("close", (code, signal) => {
      if (late) done(`it did not end within ${timeoutMs / 1000} s`);
      else if (code === 0) done(undefined);
      else done(signal === null ? `it ended with exit code ${code ?? 1}` : `it was ended by ${signal}`);
    });
  });
}

/** A text without secrets, in the forms in which programs print them: as they are, in JSON, in a URL, in base64. */
export function redact(text: string, secrets: readonly string[]): string {
  const forms = secrets.flatMap((secret) =>
    [secret, ...secret.split("\n")]
      .filter((part) => part.length >= 6)
      .flatMap((part) => [
        part,
        JSON.stringify(part).slice(1, -1),
        encodeURIComponent(part),
        Buffer.from(part).toString("base64").replace(/=+$/, ""),
      ]),
  );
  return [...new Set(forms)]
    .sort((one, other) => other.length - one.length)
    .reduce((result, form) => result.replaceAll(form, "[secret]"), text);
}
