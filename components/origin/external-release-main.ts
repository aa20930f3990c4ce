/** dist/external-release.js: releases at a platform by the user's own command. See external-input.ts. */
import { readInput } from "../shared/read-input";
import type { ExternalReleaseInput } from "./external-input";
import { ReleaseFailure, type ReleaseProbe, releaseExternal, releasesBefore } from "./external-release";
import { ledgerOf } from "./ledger";
import { Prober } from "./prober";
import type { ProbeInput } from "./rollout-input";

function watch(probe: ProbeInput | undefined, onFailing: () => void): ReleaseProbe | undefined {
  if (probe === undefined) return undefined;
  const prober = new Prober(probe, { onFailing });
  return {
    start: () => prober.start(),
    switched: (at) => prober.switched(at),
    stop: async (release, aborted) => ledgerOf({ ...(await prober.stop(release)), aborted }),
  };
}

async function main(): Promise<void> {
  const input = await readInput<ExternalReleaseInput>();
  try {
    const before = releasesBefore(process.env["PULUMI_COMMAND_STDOUT"]);
    const output = await releaseExternal(input, before, (onFailing) => watch(input.probe, onFailing));
    console.log(JSON.stringify(output));
  } catch (error) {
    if (!(error instanceof ReleaseFailure)) throw error;
    for (const line of error.lines) console.error(`  ${line}`);
    console.error(error.message);
    console.error("  next: mend it and run the same command again");
    process.exitCode = error.exitCode;
  }
}

void main();
