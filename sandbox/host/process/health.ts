import { spawn } from "node:child_process";
import type { Healthcheck } from "./compose-model";
import { rewritePaths, type ServiceSpec } from "./spec";

/** The program and arguments of a command run inside of a service, container paths replaced. */
export function innerCommand(spec: Pick<ServiceSpec, "paths">, argv: readonly string[]): [string, string[]] {
  const [program = "", ...args] = argv.map((word) => rewritePaths(word, spec.paths));
  return [program, args];
}

/** Runs a health check once. Output is cut at 4096 characters, as Docker's is. */
export function checkHealth(
  spec: ServiceSpec,
  check: Healthcheck,
  signal: AbortSignal,
): Promise<{ healthy: boolean; output: string }> {
  const [program, args] = innerCommand(spec, check.shell ? ["/bin/sh", "-c", ...check.test] : check.test);
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: spec.cwd,
      env: { ...spec.environment, ...spec.execEnvironment },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const collect = (text: string): void => {
      output = (output + text).slice(0, 4096);
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    };
    const timer = setTimeout(() => {
      output += `Health check exceeded timeout (${check.timeout}ms)`;
      kill();
    }, check.timeout);
    signal.addEventListener("abort", kill, { once: true });
    const end = (healthy: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", kill);
      resolve({ healthy, output: output.trim() });
    };
    child.once("error", (error) => {
      output += error.message;
      end(false);
    });
    child.once("close", (code) => end(code === 0));
  });
}
