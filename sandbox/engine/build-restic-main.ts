/** Builds the sandbox's restic where it is not there yet: what its host runs at the first backup. Says on stderr what it does. */
import { buildRestic } from "./restic";

buildRestic((line) => console.error(line)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
