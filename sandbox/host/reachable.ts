import { chmodSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { sha256 } from "./hash";
import type { HostLayout } from "./layout";

/** PostgreSQL refuses to run as root: from root it runs as `nobody`. Undefined where we are not root. */
export function unprivilegedUser(): { uid: number; gid: number } | undefined {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
}

/** Whether any user can pass through all folders above a path. */
export function isReachable(path: string): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** A Unix socket's path may have 107 bytes; this leaves room for `/run/<address>/.s.PGSQL.<port>`. */
const longestFolder = 60;

/** Where a host's databases go if not below its own folder: /var/tmp, named by the hash of that folder. */
export function outsideFolder(layout: HostLayout): string {
  return join("/var/tmp", `groundwork-${sha256(layout.directory).slice(0, 12)}`);
}

/**
 * The folder for data and sockets of PostgreSQL: the host's own where its user can reach it and the path is short
 * enough for a socket, else {@link outsideFolder}, which is removed with the host.
 */
export function reachableFolder(layout: HostLayout): { directory: string; outside: boolean } {
  const isRoot = unprivilegedUser() !== undefined;
  chmodSync(layout.directory, 0o711);
  const isShort = Buffer.byteLength(layout.directory) <= longestFolder;
  if (isShort && (!isRoot || isReachable(layout.directory)))
    return { directory: layout.directory, outside: false };
  const directory = outsideFolder(layout);
  mkdirSync(directory, { recursive: true, mode: isRoot ? 0o711 : 0o700 });
  if (statSync(directory).uid !== process.getuid?.()) throw new Error(`${directory} belongs to another user`);
  return { directory, outside: true };
}
