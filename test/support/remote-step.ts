import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeFrames, type Frames } from "../../remote/framing";
import { stepCommand, stepInput, type RemoteStep } from "../../remote/scripts";

/** How a step ended. */
export interface StepResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A throwaway home folder in which steps run, with a `docker` that does what the test says. */
export interface StepHost {
  readonly home: string;
  /** The project's folder. */
  readonly root: string;
  run(step: RemoteStep, frames?: Frames, options?: { readonly shell?: string }): Promise<StepResult>;
  /** Each call of docker, its arguments joined by blanks, with the project's own flags left out. */
  calls(): string[];
  /** What a call of docker got by standard input, by order of calls that read it. */
  remove(): void;
}

/**
 * @param docker body of the stand-in, POSIX sh; `$call` holds the arguments without the project's flags.
 */
export function stepHost(docker = ":"): StepHost {
  const home = mkdtempSync(join(tmpdir(), "groundwork-step-"));
  const bin = join(home, "bin");
  const log = join(home, "calls");
  mkdirSync(bin);
  writeFileSync(log, "");
  const root = join(home, "groundwork", "sample");
  const flags = `compose --project-name sample --project-directory ${root} --env-file ${root}/.env --file ${root}/compose.yaml --file ${root}/compose.override.json `;
  writeFileSync(
    join(bin, "docker"),
    `#!/bin/sh
call="$*"
case $call in "${flags}"*) call="compose \${call#"${flags}"}" ;; esac
printf '%s\\n' "$call" >>"${log}"
${docker}
`,
  );
  chmodSync(join(bin, "docker"), 0o755);
  return {
    home,
    root,
    run: (step, frames = {}, { shell = "sh" } = {}) =>
      execute(shell, stepCommand(step), stepInput(step, encodeFrames({ project: "sample", ...frames })), {
        PATH: `${bin}:${process.env["PATH"] ?? ""}`,
        HOME: home,
      }),
    calls: () => readFileSync(log, "utf8").split("\n").slice(0, -1),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

/** Runs a command as an SSH server does: the whole text as one argument of the login shell. */
export function execute(
  shell: string,
  command: string,
  stdin: string,
  env: Readonly<Record<string, string>>,
): Promise<StepResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(shell, ["-c", command], { env, stdio: "pipe" });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].on("data", (chunk: Buffer) => (output[stream] += chunk.toString("utf8")));
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, ...output }));
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
  });
}
