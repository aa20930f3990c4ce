import { spawn } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";

/** Builds what is missing of dist/. */
export function buildPrograms(): void {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  (require("../../bin/build.js") as { ensureBuilt: (...groups: string[]) => void }).ensureBuilt(
    "main",
    "steps",
  );
}

/** Runs a program of dist/ as a local step does: from Node.js, its input by standard input. */
export function runLocalProgram(
  program: string,
  input: unknown,
  variables: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const file = join(projectRoot(), "dist", program);
    const child = spawn("node", ["-e", `require(${JSON.stringify(file)})`], {
      env: { ...process.env, ...variables },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(JSON.stringify(input));
  });
}
