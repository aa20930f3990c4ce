#!/usr/bin/env node
/**
 * The `groundwork` command: in a checkout whose dependencies are not there they are installed, it is built when a source
 * has changed, then handed to cli/main.ts.
 */
const { checkNode, installDependencies } = require("../scripts/setup.js");
checkNode();
installDependencies();
require("./build.js").ensureBuilt();
require("../dist/cli.js");
