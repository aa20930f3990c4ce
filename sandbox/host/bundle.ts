import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildSync } from "esbuild";
import { projectRoot } from "../../common/project-root";
import { toolFile, toolNames } from "./bundle-names";

/** Puts every tool into `tools`, whole files with no dependency outside of Node.js; what is there already stays. */
export function putTools(tools: string): void {
  for (const name of toolNames) {
    const built = toolFile(join(projectRoot(), "dist", "host-tools"), name);
    const place = toolFile(tools, name);
    if (isSame(built, place)) continue;
    const temporary = `${place}.${process.pid}.tmp`;
    copyFileSync(built, temporary);
    renameSync(temporary, place);
  }
}

function isSame(one: string, other: string): boolean {
  try {
    return readFileSync(one).equals(readFileSync(other));
  } catch {
    return false;
  }
}

/** Bundles sources (output file -> source) into a folder, each whole file renamed into place. */
export function bundle(files: Readonly<Record<string, string>>, folder: string): void {
  const result = buildSync({
    entryPoints: Object.entries(files).map(([out, source]) => ({
      in: source,
      out: out.replace(/\.js$/, ""),
    })),
    outdir: folder,
    absWorkingDir: projectRoot(),
    bundle: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["pg-native", "cpu-features", "*.node", "bufferutil", "utf-8-validate"],
    logLevel: "silent",
  });
  for (const { path, contents } of result.outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    const temporary = `${path}.${process.pid}.tmp`;
    writeFileSync(temporary, contents);
    renameSync(temporary, path);
    rmSync(temporary, { force: true });
  }
}
