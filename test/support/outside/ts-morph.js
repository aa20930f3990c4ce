module.exports = require("./load.js").load("ts-morph");
