/** dist/external-health.js: asks an application at a PaaS by its own address, under the public name. */
import { readInput } from "../shared/read-input";
import { type TargetPlace, waitForHealth } from "./external-health";

interface HealthInput extends TargetPlace {
  /** The name in the certificate and in the Host header. */
  readonly hostname: string;
  readonly path: string;
}

const timeoutMs = 15_000;

async function main(): Promise<void> {
  const input = await readInput<HealthInput>();
  const problem = await waitForHealth(input, { ...input, timeoutMs });
  if (problem === undefined) {
    console.log(JSON.stringify({ step: "external-health", hostname: input.hostname }));
    return;
  }
  console.error(`${input.address} as ${input.hostname}${input.path}: ${problem}`);
  console.error("  next: add the host name at the platform, so that it has a certificate for it");
  process.exitCode = 20;
}

void main();
