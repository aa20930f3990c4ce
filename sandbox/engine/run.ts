import { spawn } from "node:child_process";
import { projectRoot } from "../../common/project-root";
import type { Engine } from "./engine";
import { engineVariables } from "./variables";

/** Options of {@link runEngine}. */
export interface RunEngineOptions {
  /** Over those of this process. @default none */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  /** Folder with Pulumi.yaml. @default the project's */
  readonly directory?: string;
  /** Standard input; the way for secrets. @default empty */
  readonly input?: string;
}

/**
 * Runs one short command of the Pulumi CLI that is no update: never asks back.
 *
 * @returns Its standard output.
 * @throws Error with the first two words of the command and its standard error; never with its input.
 */
export function runEngine(
  engine: Engine,
  args: readonly string[],
  { variables = {}, directory = projectRoot(), input = "" }: RunEngineOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(engine.pulumi, [...args, "--non-interactive"], {
      cwd: directory,
      env: engineVariables(engine, variables),
      stdio: ["pipe", "pipe", "pipe"],
    });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`pulumi ${args.slice(0, 2).join(" ")}: ${errors.trim()}`));
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}
