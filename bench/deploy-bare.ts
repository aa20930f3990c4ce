import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../common/project-root";
import { findEngine } from "../sandbox/engine/engine";
import { runEngine } from "../sandbox/engine/run";
import { installProviders } from "../sandbox/providers/install";
import type { Deployer } from "./deploy";

/**
 * What the engine alone costs on the way to a release: plain `pulumi up` of a compiled program with one resource, a local
 * command that does nothing, changed each time. Nothing is replaced.
 *
 * @param served what gets the load meanwhile
 */
export async function bareUp(served: Deployer): Promise<Deployer> {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-bench-"));
  const engine = await findEngine();
  const pulumiHome = join(folder, "home");
  const state = join(folder, "state");
  mkdirSync(state);
  await installProviders({ pulumiHome, policy: "missing", packages: ["command"] });
  symlinkSync(join(projectRoot(), "node_modules"), join(folder, "node_modules"));
  writeFileSync(
    join(folder, "Pulumi.yaml"),
    "name: bare\nmain: index.js\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n",
  );
  writeFileSync(
    join(folder, "index.js"),
    'const { local } = require("@pulumi/command");\n' +
      'new local.Command("release", { create: "true", environment: { RELEASE: process.env.RELEASE } });\n',
  );
  const variables = {
    PULUMI_HOME: pulumiHome,
    PULUMI_BACKEND_URL: `file://${state}`,
    PULUMI_CONFIG_PASSPHRASE: randomBytes(16).toString("hex"),
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  };
  await runEngine(engine, ["stack", "init", "bench"], { directory: folder, variables });
  let isServed = false;
  return {
    name: "control, plain `pulumi up` of one command",
    url: served.url,
    replaces: false,
    prepare: (release) => {
      if (!isServed) served.prepare(release);
    },
    deploy: async (release) => {
      if (!isServed) await served.deploy(release);
      isServed = true;
      await runEngine(engine, ["up", "--yes", "--skip-preview", "--stack", "bench"], {
        directory: folder,
        variables: { ...variables, RELEASE: release },
      });
    },
    close: async () => {
      await served.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
