/** The whole program: what there is stands in the stack files. */
module.exports = require("groundwork/platform").deployFromConfig;
