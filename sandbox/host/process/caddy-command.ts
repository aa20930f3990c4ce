/**
 * `caddy run` and `caddy reload` of a configuration that is the user's own: written anew so that it serves here. Called by
 * the program of that name on a service's PATH, with the real one, the file to write and the words of the command.
 */
import { writeFileSync } from "node:fs";
import { fitCaddyConfig, readCaddyConfig } from "../images/caddy-config";

const [program = "", target = "", ...words] = process.argv.slice(2);
const { BIND = "", RESOLVER = "", HTTP_PORT = "80", HTTPS_PORT = "443" } = process.env;
try {
  const config = readCaddyConfig({ program, words, environment: process.env });
  const fitted = fitCaddyConfig(config, {
    address: BIND,
    resolver: RESOLVER,
    ports: { 80: Number(HTTP_PORT), 443: Number(HTTPS_PORT) },
  });
  writeFileSync(target, JSON.stringify(fitted), { mode: 0o600 });
} catch (error) {
  process.stderr.write(`caddy: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
