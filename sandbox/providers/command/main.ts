import { serve } from "../serve";
import { endLocalRuns } from "./local-run";
import { provider } from "./provider";

// The engine ends a provider by a signal; what it runs on this machine must not outlive it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1));
process.once("exit", endLocalRuns);

serve(provider, process.argv.slice(2));
