import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { PreparedImage } from "../config";
import { sha256 } from "../hash";
import type { SandboxImage } from "./image";

/** What {@link caddyImage} is made from. */
export interface CaddyOptions {
  /** The binary: see engine/caddy.ts. */
  readonly program: string;
  /**
   * Signs the certificates that Caddy has to get by itself: no authority of the Internet could ask for a name here.
   *
   * @default none
   */
  readonly authority?: { readonly certificateFile: string; readonly keyFile: string };
}

/** Where Caddy looks for the authority of its own. */
const authorityFolder = "/data/caddy/pki/authorities/local";

/** As in our Caddyfiles. The authority signs no other one, so it signs by itself. */
const ownIssuer = "cert_issuer internal {\n\t\tsign_with_root\n\t}";

/** The real Caddy, under the name of its official image and with its command and folders. */
export function caddyImage({ program, authority }: CaddyOptions): SandboxImage {
  return {
    names: ["caddy"],
    kind: "caddy",
    program,
    command: ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"],
    workingDirectory: "/srv",
    environment: {
      XDG_CONFIG_HOME: "/config",
      XDG_DATA_HOME: "/data",
    },
    // The sandbox's edge comes from this machine, not from Cloudflare's networks.
    imposed: { EDGE_NETWORKS: "private_ranges", ...(authority && { CERTIFICATE_ISSUER: ownIssuer }) },
    ...(authority && {
      files: {
        [`${authorityFolder}/root.crt`]: authority.certificateFile,
        [`${authorityFolder}/root.key`]: authority.keyFile,
      },
    }),
  };
}

/** Whether it is the proxy of an origin, which is made to serve here as well, and no Caddy that the user has configured. */
export function isGroundworkProxy(mounts: readonly { readonly target: string }[]): boolean {
  return mounts.some(({ target }) => target === "/upstreams");
}

/** Nothing is copied: the binary stays where it was built. */
export function prepareCaddy(image: SandboxImage): PreparedImage {
  const { program = "", files = {}, command, environment } = image;
  const contents = Object.entries(files).map(([path, source]) => [path, sha256(readFileSync(source))]);
  const binary = [program, statSync(program).size];
  return { ...image, hash: sha256(JSON.stringify([binary, contents, command, environment])).slice(0, 16) };
}

/** Puts the image's files where they belong, each only where nothing is yet, as a new volume gets them in Docker. */
export function placeFiles({ files = {} }: SandboxImage, at: (path: string) => string): void {
  for (const [path, source] of Object.entries(files)) {
    const target = at(path);
    if (existsSync(target)) continue;
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    cpSync(source, target);
  }
}
