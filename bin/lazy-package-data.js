/** Stands for `normalize-package-data` in the command's bundle, for the same reason as lazy-arborist.js: it sorts licences. */
module.exports = require("./lazy.js").lazy("normalize-package-data");
