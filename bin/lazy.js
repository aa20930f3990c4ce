/** A module that is loaded when it is first used. */
const load = require("node:module").createRequire(__filename);

exports.lazy = (name) => new Proxy({}, { get: (_target, key) => load(name)[key] });
