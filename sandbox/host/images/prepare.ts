import { cpSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../../../common/user-error";
import { bundle } from "../bundle";
import { hashTree, sha256 } from "../hash";
import type { PreparedImage } from "../config";
import type { SandboxImage } from "./image";

/**
 * Puts the application's files of a node-app into `<images>/<hash>/`, a copy: a running service does not see later
 * changes of the sources, and writes nothing into them.
 */
export function prepareNodeApp(image: SandboxImage, images: string): PreparedImage {
  const staging = join(images, `.staging-${process.pid}-${Math.random().toString(36).slice(2)}`);
  mkdirSync(staging, { recursive: true, mode: 0o755 });
  try {
    if (image.directory !== undefined) copy(image.directory, staging);
    for (const [name, source] of Object.entries(image.files ?? {})) copy(source, join(staging, name));
    if (image.bundles !== undefined) bundle(image.bundles, staging);
    const { command, environment, workingDirectory, entrypoint, programs } = image;
    const settings = [command, environment, workingDirectory, entrypoint, programs];
    const hash = sha256(JSON.stringify([hashTree(staging), settings])).slice(0, 16);
    const content = join(images, hash);
    if (!existsSync(content)) renameSync(staging, content);
    return { ...image, hash, content };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function copy(source: string, target: string): void {
  if (!existsSync(source)) {
    throw new UserError({
      what: "a file of a sandbox image is missing",
      value: source,
      next: "build the application first, or take the file out of the image's list",
    });
  }
  mkdirSync(dirname(target), { recursive: true });
  cpSync(source, target, { recursive: statSync(source).isDirectory(), dereference: true });
}
