import { access, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../common/project-root";

/** The provider packages that any stack's resources are of; each plugin has the version of its npm package. */
export const providerPackages = ["cloudflare", "command", "docker", "random"] as const;

/**
 * True where every provider plugin is there already in the version of its SDK. The engine may then be told not to look
 * for plugins on the network, which costs seconds at every preview (measured: 7.1 s against 4.5 s).
 */
export async function pluginsAreInstalled(
  pulumiHome = join(homedir(), ".pulumi"),
  stackFile?: string,
): Promise<boolean> {
  const text = stackFile === undefined ? "" : await readFile(stackFile, "utf8").catch(() => "");
  // Only a stack with a vault has resources of AWS, whose plugin is by far the largest.
  const names = /^\s*"?groundwork:secretsVault\b/m.test(text)
    ? [...providerPackages, "aws"]
    : providerPackages;
  const checks = names.map(async (name) => {
    const manifest = join(projectRoot(), "node_modules", "@pulumi", name, "package.json");
    const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
    await access(join(pulumiHome, "plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`));
  });
  return Promise.all(checks).then(
    () => true,
    () => false,
  );
}
