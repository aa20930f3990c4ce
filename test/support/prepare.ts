import { buildCaddy } from "../../sandbox/engine/caddy";
import { findEngine } from "../../sandbox/engine/engine";
import { findRestic } from "../../sandbox/engine/restic";
import { findComposePlugin } from "../../sandbox/host/docker/compose-plugin";
import { canStartDaemon } from "./docker-daemon";
import { findMoto } from "./moto";

/** Before the tests: the bundles; and before a whole run what is built once on a machine, so that no test's own time goes into it. */
export default async function prepare({
  testPathPatterns,
}: {
  testPathPatterns: { patterns: readonly string[] };
}): Promise<void> {
  // Whatever is tested by its path starts programs of dist/.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  (require("../../bin/build.js") as { ensureBuilt(): void }).ensureBuilt();
  if (testPathPatterns.patterns.length === 0) await buildAll((line) => console.log(line));
  // From here on nothing asks outside. With a machine's own authorities each Node.js takes 130 ms to start instead of 45, and
  // a whole run starts thousands.
  delete process.env["NODE_EXTRA_CA_CERTS"];
}

async function buildAll(log: (line: string) => void): Promise<void> {
  await findEngine({ log });
  await buildCaddy(log);
  await findRestic(log);
  findMoto();
  if (canStartDaemon) await findComposePlugin(log);
}
