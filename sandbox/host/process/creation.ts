import { mkdirSync } from "node:fs";
import type { PreparedImage } from "../config";
import { allocatePorts, freePort, type PortEntry } from "../ports";
import { buildSpec } from "./build-spec";
import { ComposeError } from "./compose-file";
import type { ComposeProject, ComposeService } from "./compose-model";
import type { RunContext } from "./context";
import { allocateAddress, registerNames } from "./names";
import { isActive } from "./store";
import type { PublishedSpec, ServiceSpec } from "./spec";

/** Makes a service, not started yet: its address, its ports, its files, its names in its networks. */
export async function createService(
  context: RunContext,
  project: ComposeProject,
  service: ComposeService,
  image: PreparedImage,
): Promise<ServiceSpec> {
  const { layout, config, store } = context;
  const address = await allocateAddress(layout, `${project.name}/${service.name}`);
  const folder = store.folder(project.name, service.name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const published = await publish(context, project.name, service);
  const spec = buildSpec({ layout, config, project, service, image, address, published, folder });
  store.saveSpec(spec);
  const names = new Map(
    Object.entries(service.networks).map(([network, aliases]) => [
      project.networks[network]?.name ?? network,
      [service.name, spec.container, spec.id.slice(0, 12), ...aliases],
    ]),
  );
  await registerNames(layout, address, names);
  return spec;
}

async function publish(
  { layout, store }: RunContext,
  project: string,
  service: ComposeService,
): Promise<PublishedSpec[]> {
  const fixed = service.ports.filter(({ hostPort }) => hostPort !== 0);
  const isAlive = ({ project: other, service: name }: PortEntry): boolean => {
    const holder = store.service(other, name);
    return holder !== undefined && isActive(holder);
  };
  try {
    const owner = { project, service: service.name };
    const locals = await allocatePorts(layout.portsFile, owner, fixed, isAlive);
    return await Promise.all(
      service.ports.map(async (port) => {
        const local = locals.get(port) ?? (await freePort());
        return { ...port, hostPort: port.hostPort === 0 ? local : port.hostPort, local };
      }),
    );
  } catch (error) {
    throw new ComposeError(`Error response from daemon: ${(error as Error).message}`);
  }
}
