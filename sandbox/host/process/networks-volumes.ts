import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { ComposeError } from "./compose-file";
import type { ComposeProject } from "./compose-model";
import type { RunContext } from "./context";
import { addNetwork, readNames, removeNetwork } from "./names";

/** Makes the networks of these services and the volumes of the project, but for external ones, which must be there. */
export async function makeNetworksAndVolumes(
  { layout, config, store, say }: RunContext,
  project: ComposeProject,
  services: readonly string[],
): Promise<void> {
  const stored = store.project(project.name);
  const used = services.flatMap((name) => Object.keys(project.services[name]?.networks ?? {}));
  const own = new Set(stored?.networks);
  for (const key of new Set(used)) {
    const network = project.networks[key];
    if (network === undefined) continue;
    const exists = readNames(layout).networks[network.name] !== undefined;
    if (network.external && !exists) {
      throw new ComposeError(`network ${network.name} declared as external, but could not be found`);
    }
    if (!network.external) own.add(network.name);
    if (!exists) {
      await addNetwork(layout, network.name);
      say(`Network ${network.name}  Created`);
    }
  }
  const volumes = new Set(stored?.volumes);
  for (const volume of Object.values(project.volumes)) {
    const folder = join(config.volumes, volume.name);
    if (volume.external && !existsSync(folder)) {
      throw new ComposeError(`external volume "${volume.name}" not found`);
    }
    if (!volume.external) volumes.add(volume.name);
    mkdirSync(folder, { recursive: true });
  }
  store.saveProject({
    name: project.name,
    workingDirectory: project.workingDirectory,
    files: project.files,
    networks: [...own],
    volumes: [...volumes],
  });
}

/** Removes networks that a project has made; one that others are still in stays. */
export async function removeNetworks(
  { layout, say }: RunContext,
  networks: readonly string[],
): Promise<void> {
  for (const network of networks) {
    if (Object.keys(readNames(layout).networks[network] ?? {}).length > 0) {
      say(`Network ${network}  Resource is still in use`);
      continue;
    }
    await removeNetwork(layout, network);
    say(`Network ${network}  Removed`);
  }
}
