/**
 * Stands for `@npmcli/arborist` in the command's bundle. Pulumi's SDK loads it, and some 300 files with it, at every start
 * and uses it only to serialize functions, which the platform does not do; here it is loaded when it is first used.
 */
const load = require("node:module").createRequire(__filename);

module.exports = new Proxy({}, { get: (_target, name) => load("@npmcli/arborist")[name] });
