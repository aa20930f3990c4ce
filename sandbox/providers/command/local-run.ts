import { type ChildProcess, spawn } from "node:child_process";
import { CapturedOutput, type Stream } from "./output";
import type { RunResult } from "./remote-run";

export interface LocalRun {
  readonly command: string;
  /** @default `/bin/sh -c`; `cmd /C` on Windows */
  readonly interpreter?: readonly string[] | undefined;
  readonly dir?: string | undefined;
  readonly stdin?: string | undefined;
  /** Over the whole environment of this process. */
  readonly environment: Readonly<Record<string, string>>;
  readonly line: (stream: Stream, line: string) => void;
  readonly signal: AbortSignal;
}

const running = new Set<ChildProcess>();

/** The engine ends a provider by a signal; what it runs on this machine, with all that that started, must not outlive it. */
export function endLocalRunsWithProcess(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1));
  process.once("exit", () => {
    for (const child of running) endGroup(child);
  });
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    // A group of its own, so that what the shell started ends as well.
    process.kill(-child.pid, "SIGKILL");
  } catch {
    child.kill("SIGKILL");
  }
}

export function runLocal(run: LocalRun): Promise<RunResult> {
  const standard = process.platform === "win32" ? ["cmd", "/C"] : ["/bin/sh", "-c"];
  const [file = "", ...first] =
    run.interpreter === undefined || run.interpreter.length === 0 ? standard : run.interpreter;
  const output = new CapturedOutput(run.line);
  return new Promise((resolve) => {
    const child = spawn(file, [...first, run.command], {
      cwd: run.dir,
      env: { ...process.env, ...run.environment },
      detached: process.platform !== "win32",
      stdio: ["pipe", "pipe", "pipe"],
    });
    running.add(child);
    const stop = () => endGroup(child);
    run.signal.addEventListener("abort", stop, { once: true });
    if (run.signal.aborted) stop();
    const done = (failure: string | undefined) => {
      running.delete(child);
      run.signal.removeEventListener("abort", stop);
      output.end();
      resolve({ output, ...(failure === undefined ? {} : { failure }) });
    };
    child.stdout.on("data", (chunk: Buffer) => output.add("stdout", chunk));
    child.stderr.on("data", (chunk: Buffer) => output.add("stderr", chunk));
    // A command that ends without reading its input closes the pipe: no error of ours.
    child.stdin.on("error", () => undefined);
    child.stdin.end(run.stdin ?? "");
    child.once("error", (error: NodeJS.ErrnoException) =>
      done(error.code === "ENOENT" ? `exec: ${JSON.stringify(file)}: not found` : error.message),
    );
    child.once("close", (code, signal) => {
      if (run.signal.aborted) return done("cancelled");
      if (signal !== null) return done(`signal: ${signal}`);
      done(code === 0 ? undefined : `exit status ${code ?? "unknown"}`);
    });
  });
}
