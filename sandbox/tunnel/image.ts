import { dirname, join } from "node:path";
import { projectRoot } from "../../common/project-root";
import type { SandboxImage } from "../host/images/image";

/** Where a connector's container sees the folder of the edge's socket. */
const folder = "/run/groundwork-tunnel";

/**
 * The image that runs as `cloudflare/cloudflared`: see main.ts.
 *
 * @param socket where the sandbox's edge listens for connectors
 */
export function cloudflaredImage(socket: string): SandboxImage {
  return {
    names: ["cloudflare/cloudflared"],
    kind: "node-app",
    bundles: { "cloudflared.js": join(projectRoot(), "sandbox", "tunnel", "main.ts") },
    programs: { cloudflared: "cloudflared.js" },
    entrypoint: ["cloudflared", "--no-autoupdate"],
    command: ["version"],
    mounts: { [folder]: dirname(socket) },
    environment: { GROUNDWORK_TUNNEL: `${folder}/edge.sock` },
    notice: "a connector of the sandbox's own carries the tunnel's traffic to its edge",
  };
}
