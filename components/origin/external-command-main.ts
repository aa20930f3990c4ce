/** dist/external-command.js: runs one command of the user's here, with variables that stand in no argument. */
import { readInput } from "../shared/read-input";
import type { ExternalCommandInput } from "./external-input";
import { runCommand } from "./run-command";

async function main(): Promise<void> {
  const { what, command, environment, timeoutSeconds, redact } = await readInput<ExternalCommandInput>();
  const { problem, lastLines } = await runCommand({
    command,
    environment,
    timeoutMs: 1000 * timeoutSeconds,
    secrets: redact,
  });
  if (problem === undefined) {
    console.log(JSON.stringify({ step: "external-command", what }));
    return;
  }
  for (const line of lastLines) console.error(`  ${line}`);
  console.error(`${what} failed: ${problem}`);
  console.error("  next: mend it and run the same command again; nothing after it was done");
  process.exitCode = 1;
}

void main();
