/**
 * Turns the TypeScript sources into `dist/`, only when a source is newer than the last build.
 * No types are checked on the way: `npm test` does that. One bundle an entry, so that starting
 * reads a handful of files instead of hundreds.
 */
const fs = require("node:fs");
const path = require("node:path");

const root = path.join(__dirname, "..");
const dist = path.join(root, "dist");
/** Bundle name in `dist/` -> its source. A source that does not exist is an error of the build. */
const entries = require("./entries.json");

/** What the command and the other entries are made of. */
const shared = [
  "common",
  "platform",
  "components",
  "remote",
  "automation",
  "report",
  "guard",
  "cli",
  "sandbox",
  "examples",
];

/** With its libraries. Without comments it is half as long, and of one byte a character: both is time of each start. */
const whole = { packages: "bundle", minifyWhitespace: true, lineLimit: 200 };

/**
 * What is built together, with the folders it is made of. The program and a provider are processes of their own at every
 * preview, a release waits for the program that follows it, and the command is started for each word of its user: their
 * libraries are bundled in as well, which halves their start. The programs of the sandbox's host stand on it alone. The sample application is copied into an image, where there are no libraries.
 */
const groups = {
  main: {
    includes: (name) => !/^(?:program|cli|rollout|(?:providers|host-tools|examples)\/.*)$/.test(name),
    sources: [...shared, "bench", "scripts", "test/support", "test/report"],
    options: { packages: "external" },
  },
  program: {
    includes: (name) => name === "program",
    sources: ["index.ts", "common", "platform", "components", "remote"],
    // Of Pulumi's libraries there is one of each in a process, which the engine's language host has a part in.
    options: { ...whole, external: ["@pulumi/*", "cpu-features", "*.node"] },
  },
  command: {
    includes: (name) => name === "cli",
    sources: shared,
    options: {
      ...whole,
      // AWS's SDK is loaded only where the state is in a bucket.
      external: ["cpu-features", "*.node", "esbuild", "ts-node", "@aws-sdk/client-s3"],
      alias: {
        "@npmcli/arborist": path.join(__dirname, "lazy-arborist.js"),
        "normalize-package-data": path.join(__dirname, "lazy-package-data.js"),
        pg: path.join(__dirname, "lazy-pg.js"),
        typescript: path.join(__dirname, "lazy-typescript.js"),
      },
    },
  },
  steps: {
    includes: (name) => name === "rollout",
    sources: ["common", "components", "remote"],
    options: { ...whole, external: ["cpu-features", "*.node"] },
  },
  providers: {
    includes: (name) => name.startsWith("providers/"),
    sources: ["common", "sandbox/providers"],
    options: { ...whole, external: ["cpu-features", "*.node"] },
  },
  host: {
    includes: (name) => name.startsWith("host-tools/"),
    sources: ["common", "sandbox"],
    options: { ...whole, external: ["pg-native", "cpu-features", "*.node", "bufferutil", "utf-8-validate"] },
  },
  examples: {
    includes: (name) => name.startsWith("examples/"),
    sources: ["examples"],
    options: { packages: "bundle", external: ["pg-native"], sourcemap: false },
  },
};

/** The newest change of a file or folder, in milliseconds since 1970; asked once for all groups, as each start waits for it. */
const newestOf = (() => {
  const known = new Map();
  // Plain loops over plain texts: generators and path.join take three times as long, at every start.
  const newestIn = (folder) => {
    let newest = 0;
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const full = `${folder}/${entry.name}`;
      let changed = 0;
      if (entry.isDirectory()) changed = newestIn(full);
      else if (/\.[jt]s$|^entries\.json$/.test(entry.name)) changed = fs.statSync(full).mtimeMs;
      if (changed > newest) newest = changed;
    }
    return newest;
  };
  const look = (full) => {
    const found = fs.statSync(full, { throwIfNoEntry: false });
    if (found === undefined) return 0;
    return found.isDirectory() ? Math.max(found.mtimeMs, newestIn(full)) : found.mtimeMs;
  };
  return (full) => {
    if (!known.has(full)) known.set(full, look(full));
    return known.get(full);
  };
})();

/** The newest change of a group's sources. */
function newestSource(group) {
  const sources = ["bin", "package-lock.json", ...group.sources];
  return Math.max(...sources.map((source) => newestOf(path.join(root, source))));
}

function isCurrent(stampFile, stamp) {
  try {
    return Number(fs.readFileSync(stampFile, "utf8")) >= stamp;
  } catch {
    return false;
  }
}

/**
 * Builds what has changed. Two builders at once are harmless: each file is renamed into place whole.
 *
 * @param names the groups: `main`, `program`, `command`, `steps`, `providers`, `host`, `examples`; all when left out
 */
function ensureBuilt(...names) {
  for (const name of names.length > 0 ? names : Object.keys(groups)) ensureGroup(name, groups[name]);
}

function ensureGroup(name, group) {
  const stampFile = path.join(dist, `.built-${name}`);
  const stamp = newestSource(group);
  if (isCurrent(stampFile, stamp)) return;
  const staging = path.join(dist, `.staging-${name}-${process.pid}`);
  require("esbuild").buildSync({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(Object.entries(entries).filter(([entry]) => group.includes(entry))),
    outdir: staging,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    sourcemap: "linked",
    logLevel: "warning",
    ...group.options,
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
  for (const entry of fs.readdirSync(dist, { recursive: true })) {
    if (entry.endsWith(".compiled")) fs.rmSync(path.join(dist, entry), { force: true });
  }
  place(staging, dist);
  fs.rmSync(staging, { recursive: true, force: true });
  fs.writeFileSync(`${stampFile}-${process.pid}`, String(stamp));
  fs.renameSync(`${stampFile}-${process.pid}`, stampFile);
}

module.exports = { ensureBuilt };
