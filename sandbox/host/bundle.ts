import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { buildSync } from "esbuild";
import { projectRoot } from "../../common/project-root";
import { toolSources } from "./bundle-names";
import { sha256 } from "./hash";

/** Bundles every tool into `tools`, whole files with no dependency outside of Node.js; only when a source changed. */
export function buildTools(tools: string): void {
  const folder = join(projectRoot(), "sandbox", "host");
  const stamp = sha256(
    [...sourcesBelow(folder), join(projectRoot(), "package-lock.json")].map(fingerprint).join("\n"),
  );
  const stampFile = join(tools, ".built");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  const entries = Object.entries(toolSources).map(([name, source]) => ({
    in: join(folder, source),
    out: name,
  }));
  bundle(Object.fromEntries(entries.map((entry) => [`${entry.out}.js`, entry.in])), tools);
  writeFileSync(stampFile, stamp);
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

function* sourcesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const full = join(folder, entry.name);
    if (entry.isDirectory()) yield* sourcesBelow(full);
    else if (entry.name.endsWith(".ts")) yield full;
  }
}

function fingerprint(file: string): string {
  const { mtimeMs, size } = statSync(file);
  return `${file} ${mtimeMs} ${size}`;
}
