import { readHostConfig } from "../config";
import { splitComposeLine, UsageError } from "../docker/arguments";
import { ComposeCommand } from "./compose-command";
import { ComposeError } from "./compose-file";
import { runDocker } from "./docker";
import { ProcessRunner } from "./runner";

const print = (text: string): void => {
  process.stdout.write(text);
};
const say = (line: string): void => {
  process.stderr.write(` ${line}\n`);
};

/** `docker …` where no Docker is: `docker compose` upon plain processes, and the few other commands that scripts use. */
export async function runProcessMode(directory: string, args: readonly string[]): Promise<number> {
  const { layout, config } = readHostConfig(directory);
  const runner = new ProcessRunner(layout, config, say);
  try {
    if (args[0] !== "compose") return await runDocker({ layout, config, runner, args, print });
    return await new ComposeCommand(runner, splitComposeLine(args.slice(1))).run();
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n`);
      return 16;
    }
    if (error instanceof ComposeError) {
      process.stderr.write(`${error.message}\n`);
      return error.exitCode;
    }
    throw error;
  }
}
