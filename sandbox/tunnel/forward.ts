/** What a connector does with a request that came through its tunnel. */
import {
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as httpRequest,
  type RequestOptions,
  type ServerResponse,
} from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { type Route, routeFor } from "./ingress";
import type { OriginRequest, TunnelConfiguration } from "./messages";

const hello = "<!DOCTYPE html><title>Hello</title><p>Congratulations! You created a tunnel!\n";
const hopByHop = /^(connection|keep-alive|proxy-connection|te|trailer|upgrade)$/i;

/** Sends a request to the service of its rule, and the answer back; bodies stream both ways. */
export function forwardRequest(
  configuration: TunnelConfiguration,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const route = routeOf(configuration, request);
  const plain = plainAnswer(route);
  if (plain !== undefined) {
    request.resume();
    answer(response, plain.status, plain.text, plain.type);
    return;
  }
  const asked = ask(route, request, { upgrade: false });
  asked.on("response", (reply) => {
    response.writeHead(reply.statusCode ?? 502, reply.statusMessage, headersOf(reply.rawHeaders));
    // A head without a body yet must arrive: the first event of a stream may take long.
    response.flushHeaders();
    reply.pipe(response);
    reply.on("error", () => response.destroy());
    reply.once("close", () => {
      if (!reply.complete) response.destroy();
    });
  });
  asked.on("error", (error: NodeJS.ErrnoException) => {
    request.unpipe();
    request.resume();
    if (response.headersSent) response.destroy();
    else answer(response, 502, unreachable(route, error));
  });
  response.once("close", () => asked.destroy());
  request.pipe(asked);
}

/** The same for a WebSocket: once the service agrees, both connections are joined. */
export function forwardUpgrade(
  configuration: TunnelConfiguration,
  request: IncomingMessage,
  visitor: Duplex,
  head: Buffer,
): void {
  visitor.on("error", () => visitor.destroy());
  const route = routeOf(configuration, request);
  const plain = plainAnswer(route);
  if (plain !== undefined) return rawAnswer(visitor, plain.status, plain.text);
  const asked = ask(route, request, { upgrade: true });
  asked.once("upgrade", (reply, service, first) => {
    asked.setTimeout(0);
    service.on("error", () => service.destroy());
    const lines = [`HTTP/1.1 101 ${reply.statusMessage ?? "Switching Protocols"}`];
    for (let index = 0; index < reply.rawHeaders.length; index += 2) {
      lines.push(reply.rawHeaders.slice(index, index + 2).join(": "));
    }
    visitor.write(`${lines.join("\r\n")}\r\n\r\n`);
    if (first.length > 0) visitor.write(first);
    if (head.length > 0) service.write(head);
    visitor.pipe(service);
    service.pipe(visitor);
    visitor.once("close", () => service.destroy());
    service.once("close", () => visitor.destroy());
  });
  asked.once("response", (reply) => {
    const lines = [`HTTP/1.1 ${reply.statusCode ?? 502} ${reply.statusMessage ?? ""}`, "connection: close"];
    for (const [name, value] of Object.entries(headersOf(reply.rawHeaders))) {
      if (name.toLowerCase() === "transfer-encoding") continue;
      for (const one of [value].flat()) lines.push(`${name}: ${String(one)}`);
    }
    visitor.write(`${lines.join("\r\n")}\r\n\r\n`);
    reply.pipe(visitor);
  });
  asked.on("error", (error: NodeJS.ErrnoException) => rawAnswer(visitor, 502, unreachable(route, error)));
  visitor.once("close", () => asked.destroy());
  asked.end();
}

function routeOf(configuration: TunnelConfiguration, request: IncomingMessage): Route {
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  return routeFor(configuration, request.headers.host ?? "", path);
}

function ask(route: Route, request: IncomingMessage, { upgrade }: { upgrade: boolean }): ClientRequest {
  const options: OriginRequest = "options" in route ? route.options : {};
  const headers = headersOf(request.rawHeaders);
  if (upgrade) Object.assign(headers, { connection: "Upgrade", upgrade: "websocket" });
  if (options.httpHostHeader !== undefined) {
    for (const name of Object.keys(headers)) if (name.toLowerCase() === "host") delete headers[name];
    headers["Host"] = options.httpHostHeader;
  }
  const common: RequestOptions = {
    method: request.method,
    path: request.url,
    headers,
    setHost: false,
    // One connection for each: a kept one may be closed by the service just when it is needed.
    agent: false,
  };
  const asked =
    route.kind === "socket"
      ? httpRequest({ ...common, socketPath: route.path })
      : route.kind === "http" && route.url.protocol === "https:"
        ? httpsRequest({
            ...common,
            ...placeOf(route.url, 443),
            servername: options.originServerName ?? bare(route.url.hostname),
            rejectUnauthorized: options.noTLSVerify !== true,
          })
        : httpRequest({ ...common, ...(route.kind === "http" ? placeOf(route.url, 80) : {}) });
  asked.once("socket", (socket) => {
    const clock = setTimeout(
      () => asked.destroy(new Error("it did not accept a connection in time")),
      1000 * (options.connectTimeout ?? 30),
    );
    const done = (): void => clearTimeout(clock);
    socket.once(route.kind === "http" && route.url.protocol === "https:" ? "secureConnect" : "connect", done);
    socket.once("close", done);
  });
  return asked;
}

function placeOf({ hostname, port }: URL, usual: number): { host: string; port: number } {
  return { host: bare(hostname), port: port === "" ? usual : Number(port) };
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/** Headers as they came, those that were there twice included; without those of the connection. */
function headersOf(raw: readonly string[]): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = {};
  const spelling = new Map<string, string>();
  for (let index = 0; index < raw.length; index += 2) {
    const [name = "", value = ""] = [raw[index], raw[index + 1]];
    if (hopByHop.test(name)) continue;
    const key = spelling.get(name.toLowerCase()) ?? name;
    spelling.set(name.toLowerCase(), key);
    const before = headers[key];
    headers[key] = before === undefined ? value : [before, value].flat();
  }
  return headers;
}

function plainAnswer(
  route: Route,
): { readonly status: number; readonly text: string; readonly type?: string } | undefined {
  switch (route.kind) {
    case "status":
      return { status: route.status, text: "" };
    case "hello":
      return { status: 200, text: hello, type: "text/html; charset=utf-8" };
    case "unsupported":
      return { status: 502, text: `the sandbox's connector carries HTTP only, not ${route.service}\n` };
    default:
      return undefined;
  }
}

function unreachable(route: Route, { message }: Error): string {
  const service = route.kind === "http" ? route.url.origin : route.kind === "socket" ? route.path : "";
  return `502 Bad Gateway: the connector cannot reach the origin service ${service}: ${message}\n`;
}

function answer(response: ServerResponse, status: number, text: string, type = "text/plain"): void {
  response.writeHead(status, {
    ...(text === "" ? {} : { "content-type": type }),
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

function rawAnswer(visitor: Duplex, status: number, text: string): void {
  visitor.end(
    `HTTP/1.1 ${status} Not Switching\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\n` +
      `connection: close\r\n\r\n${text}`,
  );
}
