/**
 * Which test suites have passed before with everything the same that decides on their result: a filter of jest's
 * (`--filter`), and what its reporter remembers. A suite that looks at nothing but what it imports depends on those modules
 * and on every file that is not TypeScript; one that reads files or starts programs depends on all sources.
 */
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { cacheFolder, digest, digests, filesOf, remember } = require("./remembered.js");
const { isOnPath, root, testTools } = require("./setup.js");

const store = path.join(cacheFolder(), "checked", "suites");
const isSuite = (file) => file.endsWith(".test.ts");
const isDocument = (file) => file.endsWith(".md") || file.startsWith("docs/");

/** Modules by which a suite gets at more than what it imports: in sources of the project, and in the tests' own. */
const starting = /^(?:node:)?(?:child_process|worker_threads|cluster)$/;
const reading = /^(?:(?:node:)?fs(?:\/promises)?|ts-morph)$/;

/** A TypeScript file: what it imports of the project, and whether it gets at more. */
function examine(folder, file, files) {
  // Here, as a run of one suite needs none of it.
  const ts = require("typescript");
  const text = fs.readFileSync(path.join(folder, file), "utf8");
  const names = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
  const imports = names
    .filter((name) => name.startsWith("."))
    .map((name) => path.posix.join(path.posix.dirname(file), name))
    .map((name) => [name, `${name}.ts`, `${name}/index.ts`].find((found) => files.has(found)))
    .filter((found) => found?.endsWith(".ts"));
  const isTest = file.startsWith("test/");
  return {
    imports,
    content: digest(file, text),
    getsAtMore: names.some((name) => starting.test(name) || (isTest && reading.test(name))),
    namesDocuments: isTest && /\.md\b|\bdocs\b/.test(text),
  };
}

/** What this machine has that a suite's result may depend on. */
function machine() {
  const found = testTools.filter(({ program }) => isOnPath(program)).map(({ program }) => program);
  const shared = fs.existsSync(path.join(root, "..", "shared"));
  return digest(process.version, os.platform(), os.arch(), os.release(), String(shared), ...found);
}

/**
 * The key of each suite: two runs with the same key have the same to test.
 *
 * @param folder the checkout
 * @returns by the suite's path from there; undefined where Git cannot tell which files belong to it
 */
function suiteKeys(folder, ofMachine = machine()) {
  const files = filesOf(folder);
  if (files === undefined) return undefined;
  const content = (file) => digest(file, fs.readFileSync(path.join(folder, file)));
  const [sources, others] = split(files, (file) => file.endsWith(".ts"));
  const [documents, plain] = split(others, isDocument);
  const names = new Set(sources);
  const graph = new Map(sources.map((file) => [file, examine(folder, file, names)]));
  const ofPlain = digest(ofMachine, ...plain.map(content));
  const ofDocuments = digest(...documents.map(content));
  const ofSources = digest(
    ...sources.filter((file) => !isSuite(file)).map((file) => graph.get(file).content),
  );
  const key = (suite) => {
    const reached = new Set([suite]);
    for (const file of reached) for (const imported of graph.get(file).imports) reached.add(imported);
    const parts = [...reached].map((file) => graph.get(file));
    const all = parts.some(({ getsAtMore }) => getsAtMore);
    const code = all ? [ofSources, graph.get(suite).content] : parts.map((part) => part.content).sort();
    const read = parts.some(({ namesDocuments }) => namesDocuments) ? [ofDocuments] : [];
    return digest(suite, ofPlain, ...code, ...read);
  };
  return new Map(sources.filter(isSuite).map((suite) => [suite, key(suite)]));
}

const split = (list, holds) => [list.filter(holds), list.filter((one) => !holds(one))];

/** Of before the run: what changes meanwhile must not count as tested. */
let keys;

/** For jest's `--filter`: the suites that are still to be run, all of them where that is asked; how many are not is said. */
module.exports = function filter(paths) {
  keys = suiteKeys(root);
  if (process.env.GROUNDWORK_ALL_SUITES) return { filtered: paths };
  const passed = digests(store);
  const [known, rest] = split(paths, (file) => passed.has(keys?.get(path.relative(root, file))));
  if (known.length > 0)
    console.log(
      `not run again: ${known.length} of ${paths.length} suites, which passed before with the same content` +
        " (npm test -- --all runs them too)",
    );
  return { filtered: rest };
};

/** Remembers suites, by their absolute paths, that have passed whole: nothing failed, nothing skipped. */
module.exports.suitesPassed = function suitesPassed(paths) {
  const known = paths.flatMap((file) => keys?.get(path.relative(root, file)) ?? []);
  if (known.length > 0) remember(store, known);
};

module.exports.suiteKeys = suiteKeys;
