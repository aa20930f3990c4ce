#!/usr/bin/env node
/** The `groundwork` command: built when a source has changed, then handed to cli/main.ts. */
require("./build.js").ensureBuilt();
require("../dist/cli.js");
