/** Stands for `pg` in the command's bundle, for the same reason as lazy-arborist.js: few commands speak to a database. */
module.exports = require("./lazy.js").lazy("pg");
