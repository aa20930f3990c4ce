import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { buildCaddy } from "../../sandbox/engine/caddy";
import { bundle } from "../../sandbox/host/bundle";
import { findComposePlugin } from "../../sandbox/host/docker/compose-plugin";
import { findBusybox } from "../../sandbox/host/images/busybox";
import { nodeAppRootfs } from "../../sandbox/host/images/rootfs";
import { startMachines, staticRoot, type SwarmMachines } from "./swarm-daemons";

/** The sample application, which no registry has: healthy a second after its start, ends well. */
export const appImage = "127.0.0.1:9/app:1";
/** A real Caddy of the version that the proxy has. */
export const proxyImage = "127.0.0.1:9/caddy:2.11.2";

/** Three machines with real Docker daemons that have both images. */
export async function startSampleSwarm(): Promise<SwarmMachines> {
  const compose = await findComposePlugin(() => undefined);
  const busybox = await findBusybox();
  const caddy = await buildCaddy();
  const swarm = await startMachines(3, compose);
  const temporary: string[] = [];
  try {
    const proxyRoot = staticRoot(busybox!, { "usr/bin/caddy": caddy });
    const content = mkdtempSync(join(tmpdir(), "gw-app-"));
    const appRoot = mkdtempSync(join(tmpdir(), "gw-approot-"));
    temporary.push(proxyRoot, content, appRoot);
    bundle({ "server.js": join(projectRoot(), "test", "remote", "fixtures", "swarm-app.js") }, content);
    await nodeAppRootfs(appRoot, content, {});
    swarm.importImage(
      proxyRoot,
      proxyImage,
      "ENV PATH=/usr/bin:/bin",
      "ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config",
    );
    swarm.importImage(
      appRoot,
      appImage,
      "ENV PATH=/usr/local/bin:/bin",
      "WORKDIR /app",
      'CMD ["node","server.js"]',
    );
    return swarm;
  } catch (error) {
    await swarm.close();
    throw error;
  } finally {
    for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
  }
}
