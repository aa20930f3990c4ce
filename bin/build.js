/**
 * Turns the TypeScript sources into `dist/`, only when a source is newer than the last build.
 * No types are checked on the way: `npm test` does that. One bundle an entry, so that starting
 * reads a handful of files instead of hundreds.
 */
const fs = require("node:fs");
const path = require("node:path");

const root = path.join(__dirname, "..");
const dist = path.join(root, "dist");
const sourceFolders = ["common", "platform", "components", "remote", "automation", "report", "guard", "cli", "sandbox"];

/** Bundle name in `dist/` -> its source. A source that does not exist is an error of the build. */
const entries = require("./entries.json");

function* sourceFiles(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(full);
    else if (entry.name.endsWith(".ts") || entry.name === "entries.json") yield full;
  }
}

/** The newest change below the source folders, in milliseconds since 1970. */
function newestSource() {
  let newest = 0;
  const consider = (file) => {
    newest = Math.max(newest, fs.statSync(file).mtimeMs);
  };
  consider(path.join(root, "index.ts"));
  consider(path.join(root, "package-lock.json"));
  consider(path.join(__dirname, "entries.json"));
  for (const folder of sourceFolders) {
    const full = path.join(root, folder);
    if (!fs.existsSync(full)) continue;
    consider(full);
    for (const file of sourceFiles(full)) consider(file);
  }
  return newest;
}

function isCurrent() {
  try {
    return Number(fs.readFileSync(path.join(dist, ".built"), "utf8")) >= newestSource();
  } catch {
    return false;
  }
}

/** Builds when something changed. Two builders at once are harmless: each file is renamed into place whole. */
function ensureBuilt() {
  if (isCurrent()) return;
  const stamp = newestSource();
  const staging = path.join(root, "dist", `.staging-${process.pid}`);
  require("esbuild").buildSync({
    absWorkingDir: root,
    entryPoints: entries,
    outdir: staging,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    packages: "external",
    sourcemap: "linked",
    logLevel: "warning",
  });
  const place = (from, to) => {
    for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
      const target = path.join(to, entry.name);
      if (entry.isDirectory()) {
        fs.mkdirSync(target, { recursive: true });
        place(path.join(from, entry.name), target);
      } else fs.renameSync(path.join(from, entry.name), target);
    }
  };
  place(staging, dist);
  fs.rmSync(staging, { recursive: true, force: true });
  fs.writeFileSync(path.join(dist, `.built-${process.pid}`), String(stamp));
  fs.renameSync(path.join(dist, `.built-${process.pid}`), path.join(dist, ".built"));
}

module.exports = { ensureBuilt };
