module.exports = require("../load.js").load("@aws-sdk/s3-request-presigner");
