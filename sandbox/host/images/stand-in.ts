import { join } from "node:path";
import { projectRoot } from "../../../common/project-root";
import type { ComposeService } from "../process/compose-model";
import { standInProgram, standInTask } from "../stand-in/task";
import type { SandboxImage } from "./image";

/**
 * The image that runs where another one is neither made here nor to be had: see stand-in/main.ts.
 *
 * @param certificate files with a certificate and its key, for services that have their own in the real world.
 */
export function standInImage(certificate?: { readonly cert: string; readonly key: string }): SandboxImage {
  return {
    names: ["groundwork/stand-in"],
    kind: "node-app",
    bundles: { "stand-in.js": join(projectRoot(), "sandbox", "host", "stand-in", "main.ts") },
    ...(certificate && { files: { "tls.pem": certificate.cert, "tls.key": certificate.key } }),
    command: ["node", standInProgram, "serve"],
    workingDirectory: "/app",
    standIn: true,
  };
}

/** The service as the stand-in runs it: its own program instead of the image's, its own health check if there is one. */
export function asStandIn(service: ComposeService, node = process.execPath): ComposeService {
  const { name, image, environment, ports, healthcheck } = service;
  const task = standInTask({
    service: name,
    image,
    environment,
    published: ports,
    healthcheck: healthcheck?.test ?? [],
  });
  return {
    ...service,
    entrypoint: [node, standInProgram],
    command: ["serve"],
    workingDirectory: "/app",
    environment: { ...environment, GROUNDWORK_STAND_IN: JSON.stringify(task) },
    ...(healthcheck && {
      healthcheck: { ...healthcheck, test: [node, standInProgram, "health"], shell: false },
    }),
  };
}
