#!/usr/bin/env node
/**
 * The `groundwork` command: in a checkout whose dependencies are not there they are installed, it is built when a source
 * has changed, then handed to cli/main.ts.
 */
const { checkNode, installDependencies } = require("../scripts/setup.js");
checkNode();
installDependencies();
require("./build.js").ensureBuilt();
// Pulumi's SDK takes a stack trace for each promise it makes; short ones cost a third of long ones.
Error.stackTraceLimit = 5;
require("./load-bundle.js").loadBundle(require("node:path").join(__dirname, "..", "dist", "cli.js"));
