module.exports = require("./load.js").load("cloudflare");
