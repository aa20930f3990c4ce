/** dist/external-certificates.js: asks a platform for its certificate of each host name. See external-input.ts. */
import { readInput } from "../shared/read-input";
import { waitForCertificates } from "./external-health";
import type { ExternalCertificatesInput } from "./external-input";

async function main(): Promise<void> {
  const input = await readInput<ExternalCertificatesInput>();
  const shown = await waitForCertificates(input.target, input.hostnames, 1000 * input.timeoutSeconds);
  const wrong = shown.filter(({ problem }) => problem !== undefined);
  if (wrong.length === 0) {
    console.log(JSON.stringify({ step: "external-certificates", certificates: shown }));
    return;
  }
  for (const { hostname, problem } of wrong) {
    console.error(`${input.targetName} has no valid certificate for ${hostname}: ${problem ?? ""}`);
  }
  console.error(`  next: ${input.hint}; or write checkCertificate: false, if the zone's ssl is not strict`);
  process.exitCode = 20;
}

void main();
