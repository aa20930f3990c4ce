import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";

/** What a command printed, and how it ended. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams, in the order in which they came. */
  readonly all: string;
}

/** A home of sandboxes that is nobody else's. */
export class SandboxHome {
  readonly folder = mkdtempSync(join(tmpdir(), "gw-home-"));

  /** Runs `groundwork ARGS`, as a user does, with its sandboxes in this home. */
  run(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
    return runProgram(process.execPath, [join(projectRoot(), "bin", "groundwork.js"), ...args], {
      GROUNDWORK_HOME: this.folder,
      NO_COLOR: "1",
      ...variables,
    });
  }

  /**
   * Runs `groundwork ARGS` until it says a line, then kills it with all that it has started, as a machine that fails does.
   *
   * @returns what it said until then
   * @throws where it ends before
   */
  killedAt(args: readonly string[], line: RegExp): Promise<string> {
    const program = [join(projectRoot(), "bin", "groundwork.js"), ...args];
    const child = spawn(process.execPath, program, {
      cwd: projectRoot(),
      env: { ...process.env, GROUNDWORK_HOME: this.folder, NO_COLOR: "1" },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    let said = "";
    let killed = false;
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (killed || !line.test(said) || child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
        killed = true;
      } catch {
        // Ended at this very moment.
      }
    });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", () => {
        if (killed) resolve(said);
        else reject(new Error(`ended before ${String(line)} was said:\n${said}`));
      });
    });
  }

  /** Removes what tests left: every sandbox, then the folder. */
  async remove(stacks: readonly string[]): Promise<void> {
    for (const stack of stacks) await this.run(["sandbox", "destroy", "-s", stack]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs a program to its end in the project's folder. */
export function runProgram(
  program: string,
  args: readonly string[],
  variables: Readonly<Record<string, string | undefined>> = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: projectRoot(),
      env: { ...process.env, ...variables },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    let all = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      all += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      all += chunk.toString();
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr, all }));
  });
}

/** The exports that `groundwork sandbox env` prints, as variables. */
export function exportedVariables(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
}

/** Is there a Docker daemon, or may one be started here? */
export function dockerServes(): boolean {
  return process.env.CI === "true" || spawnSync("docker", ["info"], { stdio: "ignore" }).status === 0;
}
