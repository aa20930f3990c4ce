import { spawn } from "node:child_process";
import { identify, type ProcessIdentity } from "../../../common/processes";
import type { ServiceSpec } from "./spec";

/** The folder where a command runs inside of a service. */
export function innerFolder(spec: ServiceSpec, workingDirectory: string | undefined): string {
  if (workingDirectory === undefined) return spec.cwd;
  const exact = spec.paths.find(
    ([from]) => workingDirectory === from || workingDirectory.startsWith(`${from}/`),
  );
  return exact === undefined ? spec.cwd : exact[1] + workingDirectory.slice(exact[0].length);
}

/** Runs a program on this process's own streams; signals that end this process end it first. */
export async function inherit(
  program: string,
  args: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv },
  started: (identity: ProcessIdentity) => void = () => undefined,
): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { ...options, stdio: "inherit" });
    const forward = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, forward);
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity !== undefined) started(identity);
    child.once("error", (error: NodeJS.ErrnoException) => {
      process.stderr.write(
        `exec failed: exec: "${program}": ${error.code === "ENOENT" ? "executable file not found in $PATH" : error.message}\n`,
      );
      resolve(error.code === "ENOENT" ? 127 : 126);
    });
    child.once("exit", (code, signal) =>
      resolve(code ?? 128 + (signal === "SIGKILL" ? 9 : signal === "SIGINT" ? 2 : 15)),
    );
  });
}
