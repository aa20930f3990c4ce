/**
 * A module that is loaded when it is first used. It says to be an ES module: compilers' helpers ask for that at once, and
 * would copy every member, and so load it, otherwise.
 */
const load = require("node:module").createRequire(__filename);

exports.lazy = (name) =>
  new Proxy(
    {},
    {
      get(_target, key) {
        if (key === "__esModule") return true;
        const module = load(name);
        return key === "default" ? (module.default ?? module) : module[key];
      },
    },
  );
