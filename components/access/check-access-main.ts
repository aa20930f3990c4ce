/**
 * dist/check-access.js: walks the protected and the public paths of hosts behind Access, from the deploying machine. Exit
 * code 20 where one is open that must be closed, or the other way round; every such path is named.
 */
import { checkAccess } from "./check-access";
import type { AccessCheckInput } from "./check-input";

async function main(): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const { closed, open, problems } = await checkAccess(
    JSON.parse(Buffer.concat(chunks).toString("utf8")) as AccessCheckInput,
  );
  if (problems.length === 0) {
    console.log(JSON.stringify({ step: "check-access", closed, open }));
    return;
  }
  console.error("check-access: the hosts behind Access are not as they are described");
  for (const problem of problems) console.error(`  ${problem}`);
  console.error(
    "  next: look for an application of Access, made by hand, whose address is more specific, and for changed policies: " +
      "a refresh shows them, the next up puts back what the stack owns; then this step is repeated",
  );
  process.exitCode = 20;
}

void main();
