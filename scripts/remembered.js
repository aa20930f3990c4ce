/**
 * What the checks that only read files have passed before, by content: the same content need not be read again, in another
 * clone neither. Kept in the cache folder that all checkouts share. Plain Node.js, as run.js is.
 */
const { execFileSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

/** So many digests are kept for a check, the newest: some fifty states of all files. */
const most = 50_000;

/** The same folder as cacheDirectory of common/cache.ts. */
function cacheFolder(environment = process.env) {
  if (environment.GROUNDWORK_CACHE) return environment.GROUNDWORK_CACHE;
  return path.join(environment.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "groundwork");
}

/** Files that Git has or would take; undefined where it cannot tell, as in an unpacked archive. */
function filesOf(root) {
  try {
    const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    const listed = execFileSync("git", args, {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 1 << 28,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const names = [...new Set(listed.split("\0"))].filter((name) => name !== "").sort();
    return names.filter((name) => fs.lstatSync(path.join(root, name), { throwIfNoEntry: false })?.isFile());
  } catch {
    return undefined;
  }
}

const digest = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("hex");
};

/**
 * What of a check is still to be done.
 *
 * @param step `name`; `args`, its whole command line; `reads`, a pattern of all files that decide on its result;
 *   `configuration`, a pattern of those that decide on the result for every other file, where each file is checked for itself
 * @returns the arguments to run it with; `undefined` where everything has passed before. `passed()` remembers that it has.
 * @example
 * const { args, passed } = pending(root, { name: "types", args: ["-p", "."], reads: /\.ts$/ });
 * if (args === undefined || run(args) === 0) passed();
 */
function pending(root, step, folder = path.join(cacheFolder(), "checked")) {
  const files = step.reads === undefined ? undefined : filesOf(root);
  if (files === undefined) return { args: step.args, passed: () => undefined };
  const read = files.filter((file) => step.reads.test(file));
  const content = (file) => fs.readFileSync(path.join(root, file));
  const ofAll = (some) => digest(...some.flatMap((file) => [file, content(file)]));
  const same = [process.version, JSON.stringify(step.args)];
  const store = path.join(folder, step.name.replaceAll(" ", "-"));
  const known = digests(store);
  if (step.configuration === undefined) {
    const key = digest(...same, ofAll(read));
    return {
      args: known.has(key) ? undefined : step.args,
      passed: () => remember(store, [key]),
    };
  }
  const setup = digest(...same, ofAll(files.filter((file) => step.configuration.test(file))));
  const keys = new Map(read.map((file) => [file, digest(setup, file, content(file))]));
  const rest = read.filter((file) => !known.has(keys.get(file)));
  const options = step.args.filter((argument) => argument !== ".");
  // Most of them by the folder: that many names may be too long for a command line.
  const named = rest.length > 400 ? step.args : [...options, "--ignore-unknown", ...rest];
  return {
    args: rest.length === 0 ? undefined : named,
    passed: () => remember(store, [...keys.values()]),
  };
}

function digests(store) {
  try {
    return new Set(fs.readFileSync(store, "utf8").split("\n"));
  } catch {
    return new Set();
  }
}

/** Whole or not at all; of two at once one may forget what the other has learned, which costs time and nothing else. */
function remember(store, added) {
  const known = digests(store);
  known.delete("");
  // Those that were of use just now stand last: the oldest are forgotten first.
  for (const one of added) known.delete(one);
  const kept = [...known, ...added].slice(-most);
  try {
    fs.mkdirSync(path.dirname(store), { recursive: true });
    fs.writeFileSync(`${store}.${process.pid}`, `${kept.join("\n")}\n`);
    fs.renameSync(`${store}.${process.pid}`, store);
  } catch (error) {
    console.error(`the next run will check everything again: ${error.message}`);
  }
}

module.exports = { cacheFolder, digest, digests, filesOf, pending, remember };
