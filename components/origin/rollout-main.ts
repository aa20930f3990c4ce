/**
 * dist/rollout.js: a release as the deploying machine sees it. The last line of standard output is JSON without secrets;
 * events go to standard error as they come, and so does what failed. Exit codes: those of the step `rollout`, 13 where the
 * host cannot be reached.
 */
import { UserError } from "../../common/user-error";
import { explainRollout } from "./follow-rollout";
import type { RolloutInput } from "./rollout-input";
import { runRollout } from "./run-rollout";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const input = JSON.parse(Buffer.concat(chunks).toString("utf8")) as RolloutInput;
  try {
    console.log(JSON.stringify(await runRollout(input, say)));
  } catch (error) {
    const explained = explainRollout(error, input);
    if (explained === undefined) throw error;
    const { code, ...parts } = explained;
    say(new UserError(parts).message);
    process.exitCode = code;
  }
}

void main();
