module.exports = require("../load.js").load("@aws-sdk/client-s3");
