import { spawn } from "node:child_process";
import type { Readable } from "node:stream";

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly environment?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly input?: string | Readable;
  /** Milliseconds, then SIGKILL and code 124. Default: none. */
  readonly timeout?: number;
}

/** Runs a program and collects what it says. Never throws: a program that is missing has code 127. */
export function runProgram(
  program: string,
  args: readonly string[],
  { environment = process.env, cwd, input, timeout }: ProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: environment,
      ...(cwd !== undefined && { cwd }),
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    let timedOut = false;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const timer =
      timeout === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            child.kill("SIGKILL");
          }, timeout);
    const end = (code: number): void => {
      clearTimeout(timer);
      resolve({ code: timedOut ? 124 : code, stdout, stderr });
    };
    child.once("error", (error: NodeJS.ErrnoException) => {
      stderr += error.message;
      end(error.code === "ENOENT" ? 127 : 126);
    });
    child.once("close", (code, signal) => end(code ?? (signal === null ? 1 : 137)));
    if (child.stdin !== null) {
      child.stdin.on("error", () => undefined);
      if (typeof input === "string") child.stdin.end(input);
      else input?.pipe(child.stdin);
    }
  });
}
