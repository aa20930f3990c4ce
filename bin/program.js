/** What the Pulumi CLI runs (`main` in Pulumi.yaml): the program in index.ts, built when it has changed. */
require("./build.js").ensureBuilt();
module.exports = require("./load-bundle.js").loadBundle(
  require("node:path").join(__dirname, "..", "dist", "program.js"),
);
