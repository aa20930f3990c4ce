/**
 * The image that stands in where another one is not to be had. `serve` answers on the ports in GROUNDWORK_STAND_IN,
 * `health` asks them; any other command of the image is not run, which is said, and counts as done.
 */
import { existsSync, readFileSync } from "node:fs";
import { get, type Server } from "node:http";
import { get as getSecurely } from "node:https";
import { join } from "node:path";
import type { SecureContextOptions } from "node:tls";
import { listen } from "../../listen";
import { closeSockets, standInServer } from "./server";
import type { StandInTask } from "./task";

const task = JSON.parse(process.env["GROUNDWORK_STAND_IN"] ?? "{}") as Partial<StandInTask>;
const { service = "a service", of = "an image", ports = [], tlsPorts = [] } = task;

/** The release's own certificate, else the one that the sandbox put beside this file. */
function certificate(): SecureContextOptions | undefined {
  const places = [
    [process.env["TLS_CERT_FILE"], process.env["TLS_KEY_FILE"]],
    [join(__dirname, "tls.pem"), join(__dirname, "tls.key")],
  ] as const;
  for (const [cert, key] of places) {
    if (cert === undefined || key === undefined || !existsSync(cert) || !existsSync(key)) continue;
    return { cert: readFileSync(cert), key: readFileSync(key) };
  }
  return undefined;
}

async function serve(): Promise<void> {
  const tls = certificate();
  const servers: Server[] = [];
  for (const port of [...ports, ...tlsPorts]) {
    const server = standInServer({ service, of }, tlsPorts.includes(port) ? tls : undefined);
    await listen(server, port);
    servers.push(server);
  }
  const where = servers.length === 0 ? "it listens nowhere" : `ports ${[...ports, ...tlsPorts].join(", ")}`;
  console.log(`sandbox: ${service} is a stand-in for ${of}: ${where}`);
  const stay = setInterval(() => undefined, 60_000);
  const stop = (): void => {
    clearInterval(stay);
    for (const server of servers) {
      server.close();
      closeSockets(server);
      server.closeIdleConnections();
    }
    setTimeout(() => process.exit(0), 1000).unref();
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

function ask(port: number, secure: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: "/", timeout: 3000, agent: false as const };
    const sent = secure ? getSecurely({ ...options, rejectUnauthorized: false }) : get(options);
    sent.once("response", (answer) => {
      answer.resume();
      resolve();
    });
    sent.once("timeout", () => sent.destroy(new Error(`port ${port} does not answer`)));
    sent.once("error", reject);
  });
}

async function health(): Promise<void> {
  const secure = certificate() !== undefined;
  for (const port of ports) await ask(port, false);
  for (const port of tlsPorts) await ask(port, secure);
}

async function main([command = "serve", ...rest]: readonly string[]): Promise<void> {
  if (command === "serve") return serve();
  if (command === "health") return health();
  const words = [command, ...rest].join(" ");
  console.log(`sandbox: not run, as ${of} is not here and a stand-in takes its place: ${words}`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`stand-in: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
