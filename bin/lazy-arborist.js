/**
 * Stands for `@npmcli/arborist` in the command's bundle. Pulumi's SDK loads it at every start, and some 300 files with it,
 * and uses it only to serialize functions, which the platform does not do.
 */
module.exports = require("./lazy.js").lazy("@npmcli/arborist");
