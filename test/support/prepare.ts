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
  if (testPathPatterns.patterns.length > 0) return;
  const log = (line: string): void => console.log(line);
  await findEngine({ log });
  await buildCaddy(log);
  await findRestic(log);
  findMoto();
  if (canStartDaemon) await findComposePlugin(log);
}
