module.exports = require("./load.js").load("playwright-core");
