/** What the Pulumi CLI runs (`main` in Pulumi.yaml): the program in index.ts, built when it has changed. */
require("./build.js").ensureBuilt();
module.exports = require("../dist/program.js");
