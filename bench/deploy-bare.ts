import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { projectRoot } from "../common/project-root";
import { findEngine } from "../sandbox/engine/engine";
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
    PATH: [engine.binDirectory, process.env.PATH ?? ""].join(delimiter),
    PULUMI_HOME: pulumiHome,
    PULUMI_BACKEND_URL: `file://${state}`,
    PULUMI_CONFIG_PASSPHRASE: randomBytes(16).toString("hex"),
    PULUMI_SKIP_UPDATE_CHECK: "1",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  };
  const pulumi = (args: readonly string[], release: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = spawn(engine.pulumi, [...args, "--non-interactive"], {
        cwd: folder,
        env: { ...process.env, ...variables, RELEASE: release },
        stdio: "ignore",
      });
      child.once("error", reject);
      child.once("close", (code) =>
        code === 0 ? resolve() : reject(new Error(`pulumi ${args[0] ?? ""}: exit ${code ?? "by a signal"}`)),
      );
    });
  await pulumi(["stack", "init", "bench"], "");
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
      await pulumi(["up", "--yes", "--skip-preview", "--stack", "bench"], release);
    },
    close: async () => {
      await served.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
