/** The `docker` on the PATH of the sandbox's host: `docker.js <folder of the host> <arguments…>`. */
import { readHostConfig } from "../config";
import { runProcessMode } from "../process/main";
import { runDockerMode } from "./wrapper";

// As a daemon: what it makes does not depend on the umask of the script that calls it.
process.umask(0o022);
const [directory = "", ...args] = process.argv.slice(2);
const run = readHostConfig(directory).config.mode === "docker" ? runDockerMode : runProcessMode;
run(directory, args).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`docker (sandbox): ${(error as Error).message}\n`);
    process.exit(1);
  },
);
