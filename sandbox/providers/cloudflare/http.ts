/** One HTTP request by Node's own modules: they are loaded anyway, and starting counts at every preview. */
import http from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { proxyFor } from "./proxy";

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** A request that hangs longer than this, in milliseconds, counts as not answered. */
const timeout = 120_000;

const plain = new http.Agent({ keepAlive: true });
const encrypted = new https.Agent({ keepAlive: true });

/** One request, one answer; through the proxy that the environment names, if any. */
export async function sendHttp(request: HttpRequest): Promise<HttpAnswer> {
  const { url } = request;
  const proxy = proxyFor(url, process.env);
  if (proxy === undefined) {
    const isPlain = url.protocol === "http:";
    return send(isPlain ? http : https, request, { ...target(url), agent: isPlain ? plain : encrypted });
  }
  if (url.protocol === "http:") {
    const headers = { ...authorization(proxy), host: url.host };
    return send(http, request, { ...target(proxy), path: url.href, headers });
  }
  const socket = await tunnel(proxy, url, request.signal);
  const createConnection = () => connect({ socket, servername: url.hostname });
  return send(https, request, { ...target(url), createConnection });
}

function target({ hostname, port, pathname, search }: URL): https.RequestOptions {
  return { hostname: hostname.replace(/^\[|\]$/g, ""), port, path: `${pathname}${search}` };
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}

function send(
  library: typeof http | typeof https,
  { method, headers, body, signal }: HttpRequest,
  options: https.RequestOptions,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const all = { ...headers, ...length, ...(options.headers as Record<string, string> | undefined) };
    const request = library.request({ ...options, method, headers: all, signal, timeout }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const flat = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
        resolve({
          status: response.statusCode ?? 0,
          headers: Object.fromEntries(flat) as HttpAnswer["headers"],
          body: Buffer.concat(chunks).toString("utf8"),
        });
      });
    });
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", reject);
    request.end(body);
  });
}

/** A connection to the host behind the proxy. */
function tunnel(proxy: URL, url: URL, signal?: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const path = `${url.hostname}:${url.port || 443}`;
    const headers = { host: path, ...authorization(proxy) };
    const request = http.request({ ...target(proxy), method: "CONNECT", path, headers, signal, timeout });
    request.on("connect", (response, socket) => {
      if (response.statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(new Error(`the proxy ${proxy.host} refused with status ${response.statusCode ?? 0}`));
    });
    request.on("timeout", () => request.destroy(new Error("no answer of the proxy in time")));
    request.on("error", reject);
    request.end();
  });
}
