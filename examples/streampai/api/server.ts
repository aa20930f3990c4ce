import { startApi } from "./api";
import { ConfigError, readConfig } from "./config";
import { createLog, secretsOf } from "./log";

/** The container's process: starts from the environment, drains on SIGTERM, leaves at once on a second signal. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLog(secretsOf(config));
  const api = await startApi(config, log).catch((error: unknown) => {
    log.error("start_failed", error);
    process.exit(1);
  });
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) {
      log.warn("stopped_at_once", { signal });
      process.exit(1);
    }
    stopping = true;
    void api.drain().then((complete) => process.exit(complete ? 0 : 1));
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
