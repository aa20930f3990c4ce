/** Stands for `@npmcli/arborist` in the tests, for the same reason as typescript.js. */
module.exports = require("../../../bin/lazy.js").lazy(
  require("node:path").join(__dirname, "../../../node_modules/@npmcli/arborist/lib/index.js"),
);
