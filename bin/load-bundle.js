/**
 * Loads a large bundle of `dist/` with V8's compiled form of it kept beside it: compiling one of 8 MB takes about 0.2 s
 * at every start. V8 refuses a form that another version of it made; one of another text is told by the name.
 */
const { isAscii } = require("node:buffer");
const { createRequire } = require("node:module");
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

function loadBundle(file) {
  const cacheFile = `${file}.${Math.round(fs.statSync(file).mtimeMs)}.compiled`;
  const bytes = fs.readFileSync(file);
  // Most bundles are ASCII, and a text of 7 MB is had from that in half the time.
  const text = isAscii(bytes) ? bytes.latin1Slice() : bytes.utf8Slice();
  const wrapped = `(function (exports, require, module, __filename, __dirname) {${text}\n})`;
  const cachedData = readIfThere(cacheFile);
  const script = new vm.Script(wrapped, { filename: file, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, path.dirname(file));
  if (cachedData === undefined || script.cachedDataRejected) {
    // At the end, when what was used has been compiled: that is what the next start needs. And before, for who is killed then.
    const keepCompiled = () => keep(cacheFile, script.createCachedData());
    setTimeout(keepCompiled, 1000).unref();
    process.once("exit", keepCompiled);
  }
  return module.exports;
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

function keep(file, data) {
  try {
    fs.writeFileSync(`${file}-${process.pid}`, data);
    fs.renameSync(`${file}-${process.pid}`, file);
  } catch {
    // Without it the next start is slower, and nothing else.
  }
}

module.exports = { loadBundle };

// `node bin/load-bundle.js providers/random ARGUMENT…`: the bundle as if it had been started itself.
if (require.main === module) {
  const file = path.join(__dirname, "..", "dist", `${process.argv[2]}.js`);
  process.argv.splice(1, 2, file);
  loadBundle(file);
}
