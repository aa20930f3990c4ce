/**
 * dist/verify-public.js: asks a release through its public names, from the deploying machine, and tries the ports that must
 * be closed from outside. Exit code 20 where something is not as it must be; every such thing is named.
 */
import type { VerifyPublicInput } from "./rollout-input";
import { verifyPublic } from "./verify-public";

async function main(): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const input = JSON.parse(Buffer.concat(chunks).toString("utf8")) as VerifyPublicInput;
  const { answers, closed, problems } = await verifyPublic(input);
  if (problems.length === 0) {
    console.log(JSON.stringify({ step: "verify-public", answers, closed }));
    return;
  }
  console.error("verify-public: the release serves, and from outside not all is as it must be");
  for (const problem of problems) console.error(`  ${problem}`);
  console.error("  next: mend what is named and run the same command again: only this step is repeated");
  process.exitCode = 20;
}

void main();
