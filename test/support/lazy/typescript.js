/**
 * Stands for `typescript` in the tests, as bin/lazy-typescript.js does in the command: Pulumi's SDK loads it at once and uses it
 * only to serialize functions. By its path, as its name would lead here again.
 */
module.exports = require("../../../bin/lazy.js").lazy(
  require("node:path").join(__dirname, "../../../node_modules/typescript/lib/typescript.js"),
);
