/**
 * `cloudflared` as it is in a sandbox: the command line of the real one as far as services use it, in front of the
 * sandbox's own connector (connector.ts). `tunnel run` connects, `tunnel ready` asks a running one, `version` says what
 * it is.
 */
import { readFileSync } from "node:fs";
import { createServer, get } from "node:http";
import { Connector } from "./connector";

const version = "2025.8.1-sandbox";
const flagsWithValue = new Set(
  (
    "metrics token token-file loglevel transport-loglevel logfile log-directory protocol edge-ip-version " +
    "edge-bind-address grace-period retries region config credentials-file name tag pidfile autoupdate-freq"
  ).split(" "),
);

interface CommandLine {
  readonly words: readonly string[];
  readonly flags: Readonly<Record<string, string>>;
}

function read(args: readonly string[]): CommandLine {
  const words: string[] = [];
  const flags: Record<string, string> = {};
  for (let index = 0; index < args.length; index++) {
    const found = /^--?([^=]+)(?:=([^]*))?$/.exec(args[index] ?? "");
    if (found === null) words.push(args[index] ?? "");
    else {
      const [, name = "", value] = found;
      flags[name] = value ?? (flagsWithValue.has(name) ? (args[++index] ?? "") : "true");
    }
  }
  return { words, flags };
}

const log = (line: string): void => console.error(`${new Date().toISOString()} INF ${line}`);

function fail(line: string): never {
  console.error(`${new Date().toISOString()} ERR ${line}`);
  process.exit(1);
}

/** `5s`, `1m` or seconds. */
function milliseconds(text: string): number {
  const [, amount = "30", unit = "s"] = /^(\d+)(ms|s|m)?$/.exec(text) ?? [];
  return Number(amount) * ({ ms: 1, s: 1000, m: 60_000 }[unit] ?? 1000);
}

function place(metrics: string): { host: string; port: number } {
  const [, host = "127.0.0.1", port = "20241"] = /^(?:\[?([^\]]*)\]?)?:(\d+)$/.exec(metrics) ?? [];
  return { host: host === "" ? "0.0.0.0" : host, port: Number(port) };
}

async function run(flags: CommandLine["flags"]): Promise<void> {
  const { GROUNDWORK_TUNNEL: edge, TUNNEL_TOKEN, TUNNEL_TOKEN_FILE, TUNNEL_METRICS } = process.env;
  const file = flags["token-file"] ?? TUNNEL_TOKEN_FILE;
  const token =
    flags["token"] ?? TUNNEL_TOKEN ?? (file === undefined ? undefined : readFileSync(file, "utf8").trim());
  if (token === undefined || token === "") fail("the sandbox's cloudflared needs TUNNEL_TOKEN");
  if (edge === undefined) fail("this cloudflared belongs to a sandbox, whose edge it does not find");

  log(`Starting tunnel: cloudflared ${version}, which stands in for cloudflared in this sandbox`);
  const connector = new Connector({ edge, token, version, log });
  const metrics = flags["metrics"] ?? TUNNEL_METRICS;
  if (metrics !== undefined) serveMetrics(connector, metrics);
  const grace = milliseconds(flags["grace-period"] ?? process.env["TUNNEL_GRACE_PERIOD"] ?? "30s");
  let stopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      log(`Initiating graceful shutdown due to signal ${signal}`);
      void connector.stop(grace).then(() => process.exit(0));
    });
  }
  const reason = await connector.run();
  fail(`Register tunnel error from server side: ${reason}`);
}

function serveMetrics(connector: Connector, metrics: string): void {
  const server = createServer((request, response) => {
    const ready = connector.ready;
    if (request.url === "/ready") {
      const status = ready > 0 ? 200 : 503;
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ status, readyConnections: ready, connectorId: connector.id }));
    } else if (request.url === "/healthcheck") response.end("OK\n");
    else if (request.url === "/metrics") response.end(`cloudflared_tunnel_ha_connections ${ready}\n`);
    else response.writeHead(404).end();
  });
  server.on("error", (error) => fail(`metrics server: ${error.message}`));
  const { host, port } = place(metrics);
  server.listen(port, host, () => log(`Starting metrics server on ${host}:${port}/metrics`));
}

function ready(flags: CommandLine["flags"]): void {
  const metrics = flags["metrics"] ?? process.env["TUNNEL_METRICS"];
  if (metrics === undefined) fail("--metrics has to be provided");
  const { host, port } = place(metrics);
  const asked = get({ host, port, path: "/ready", timeout: 3000 }, (response) => {
    response.resume();
    if (response.statusCode !== 200) fail(`tunnel is not ready: status ${String(response.statusCode)}`);
  });
  asked.once("timeout", () => asked.destroy(new Error("no answer within 3 s")));
  asked.once("error", (error) => fail(`tunnel is not ready: ${error.message}`));
}

const { words, flags } = read(process.argv.slice(2));
const [command = "version", verb = ""] = words;
if (command === "version" || flags["version"] !== undefined) console.log(`cloudflared version ${version}`);
else if (command === "tunnel" && verb === "ready") ready(flags);
else if (command === "tunnel" && verb === "run") void run(flags);
else
  fail(
    `not in the sandbox's cloudflared: ${words.join(" ")}; it has "tunnel run", "tunnel ready" and "version"`,
  );
