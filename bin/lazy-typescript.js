/** Stands for `typescript` in the command's bundle, for the same reason as lazy-arborist.js: it is a file of 9 MB. */
module.exports = require("./lazy.js").lazy("typescript");
