import { spawn } from "node:child_process";
import { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import semver from "semver";
import type { Engine } from "../sandbox/engine/engine";
import { engineVariables } from "../sandbox/engine/variables";
import { startTogether } from "../sandbox/providers/together";
import { starterVariables } from "./locks/starter";

/** What the SDK asks of a command; internal to it, so a test holds the pinned version to it. */
type Run = (
  args: string[],
  cwd: string,
  environment: Record<string, string>,
  onOutput?: (text: string) => void,
  onError?: (text: string) => void,
  signal?: AbortSignal,
) => Promise<{ stdout: string; stderr: string; code: number }>;

/**
 * A command of the SDK around an engine whose version is known: asking it for the version would start it once more.
 *
 * The engine runs in a process group of its own. In that of the terminal, Ctrl-C would reach it twice, from the
 * terminal and from the signal here; at the second it leaves what is under way unfinished.
 *
 * @param onStart told the process of each command that is started, and its first word. @default nobody
 */
export function commandOf(engine: Engine, onStart?: (pid: number, verb: string) => void): PulumiCommand {
  const fields = {
    command: engine.pulumi,
    version: semver.parse(engine.version),
    run: runOf(engine, onStart),
  };
  return Object.assign(Object.create(PulumiCommand.prototype) as PulumiCommand, fields);
}

/** The commands that ask providers. */
const asking = new Set(["up", "preview", "refresh", "destroy", "import"]);

function runOf(engine: Engine, onStart?: (pid: number, verb: string) => void): Run {
  return async (args, directory, given, onOutput, onError, signal) => {
    const environment = {
      ...engineVariables(engine, given),
      PULUMI_AUTOMATION_API: "true",
      ...starterVariables(),
    };
    const providers = asking.has(args[0] ?? "")
      ? await startTogether({ environment, directory, ...(onError === undefined ? {} : { onError }) })
      : undefined;
    const running = new Promise<Awaited<ReturnType<Run>>>((resolve, reject) => {
      // A signal that was given already tells nobody, and all of it would run.
      signal?.throwIfAborted();
      const child = spawn(engine.pulumi, [...args, "--non-interactive"], {
        cwd: directory,
        env: { ...environment, ...providers?.variables },
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      });
      if (child.pid !== undefined) onStart?.(child.pid, args[0] ?? "");
      const interrupt = (): boolean => child.kill("SIGINT");
      signal?.addEventListener("abort", interrupt, { once: true });
      let stdout = "";
      let stderr = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
        onOutput?.(text);
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
        onError?.(text);
      });
      child.once("error", reject);
      child.once("close", (code) => {
        signal?.removeEventListener("abort", interrupt);
        if (code === 0) resolve({ stdout, stderr, code });
        else
          reject(new Error(`pulumi ${args[0] ?? ""} ended with ${code ?? "a signal"}\n${stdout}\n${stderr}`));
      });
    });
    return running.finally(() => providers?.end());
  };
}
