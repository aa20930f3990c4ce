module.exports = require("../load.js").load("@aws-sdk/lib-storage");
