import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

let found: string | undefined;

/** The folder that holds package.json and remote/: the same from the sources and from the bundles in dist/. */
export function projectRoot(): string {
  if (found !== undefined) return found;
  let folder = __dirname;
  while (!existsSync(join(folder, "bin", "entries.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no project root above ${__dirname}`);
    folder = parent;
  }
  found = folder;
  return folder;
}

/** Tells that folder to the engines that this process starts: there local steps find the programs of dist/, wherever one works. */
export function tellRootToEngines(): void {
  process.env["GROUNDWORK_ROOT"] ??= projectRoot();
}
