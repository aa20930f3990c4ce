import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { Readable } from "node:stream";
import type { ByteStream } from "../tunnel/byte-stream";
import type { EdgeView, EdgeZone } from "./view";

export type Scheme = "http" | "https";
export type ClientRequest = IncomingMessage | Http2ServerRequest;

/** Where a proxied request goes. */
export interface OriginTarget {
  readonly scheme: Scheme;
  /** The address or name in the DNS record, for messages. */
  readonly recordContent: string;
  readonly port: number;
  /** What is really connected to. */
  readonly connect: { readonly host: string; readonly port: number };
  /** With `https`: whether the certificate is verified (`ssl: strict`). */
  readonly verify: boolean;
  /** Where the origin is behind a tunnel: opens a connection through it, instead of to `connect`. */
  readonly tunnel?: { readonly name: string; readonly dial: () => ByteStream };
  /** Names the certificate may carry besides the request's host (targets of CNAME records). */
  readonly acceptedNames: readonly string[];
}

/** An answer that the edge gives by itself. */
export interface Reply {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: Buffer | string | Readable;
}

/** What a step of the pipeline decided. */
export type Outcome =
  | { readonly kind: "reply"; readonly reply: Reply }
  | { readonly kind: "origin"; readonly target: OriginTarget };

/** One request on its way through the edge. What steps change for later ones is in the mutable fields. */
export interface Exchange {
  readonly view: EdgeView;
  readonly ray: string;
  readonly scheme: Scheme;
  readonly method: string;
  /** Host name in lower case, without port. */
  readonly host: string;
  /** The Host header (or `:authority`) as received: with its port, if any. */
  readonly authority: string;
  /** Path without the query string, as received. */
  readonly path: string;
  /** Query string with its question mark, or empty. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly httpVersion: string;
  readonly clientAddress: string;
  /** Whether the client asks for a protocol upgrade, that is for a WebSocket. */
  readonly upgrade: boolean;
  /** The request's body, for a step that answers by itself. @throws BadRequest where it is longer than so many bytes */
  readBody(limit: number): Promise<Buffer>;
  /** Ports of this edge: absolute addresses in redirects need them. */
  readonly ports: { readonly http: number; readonly https: number };

  zone: EdgeZone | undefined;
  /** `ssl` of a configuration rule, instead of the zone's. */
  sslOverride: string | undefined;
  /** Port of an origin rule, instead of 80 or 443. */
  originPort: number | undefined;
  /** Headers that rules change on the way to the origin; undefined = taken away. */
  readonly originHeaders: Map<string, string | undefined>;
  /** Header names and values for the client's answer that a step wants there, such as a cookie. */
  readonly answerHeaders: [string, string][];
  /** What the sandbox does otherwise than Cloudflare here: said in the header `x-groundwork-sandbox`. */
  readonly notes: string[];
}

/** A request without a host name that could be routed. */
export class BadRequest extends Error {}

export interface ExchangeSource {
  readonly view: EdgeView;
  readonly scheme: Scheme;
  readonly ports: Exchange["ports"];
}

/** Reads a client's request. @throws BadRequest */
export function openExchange(request: ClientRequest, { view, scheme, ports }: ExchangeSource): Exchange {
  let target = request.url ?? "/";
  let authority: string | undefined = authorityOf(request);
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target);
  if (absolute !== null) {
    authority = absolute[1];
    target = absolute[2] ?? "";
  }
  if (!target.startsWith("/")) target = `/${target === "*" ? "" : target}`;
  if (authority === undefined || authority === "") throw new BadRequest("the request names no host");
  const host = hostOf(authority);
  if (host === undefined) throw new BadRequest("the Host header is not a host name");

  const mark = target.indexOf("?");
  return {
    view,
    ray: `${randomBytes(8).toString("hex")}-SBX`,
    scheme,
    method: request.method ?? "GET",
    host,
    authority,
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? "" : target.slice(mark),
    headers: request.headers,
    httpVersion: request.httpVersion,
    clientAddress: plainAddress(request.socket.remoteAddress),
    upgrade: request.headers.upgrade !== undefined && request.httpVersionMajor === 1,
    readBody: (limit) => bodyOf(request, limit),
    ports,
    zone: view.zoneForHost(host),
    sslOverride: undefined,
    originPort: undefined,
    originHeaders: new Map(),
    answerHeaders: [],
    notes: [],
  };
}

/** The Host header, or what HTTP/2 has in its place; empty where there is none. */
export function authorityOf({ headers }: Pick<ClientRequest, "headers">): string {
  return headerText(headers[":authority"]) ?? headers.host ?? "";
}

async function bodyOf(request: ClientRequest, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > limit) throw new BadRequest(`the body is longer than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** `API.example.com.:8443` -> `api.example.com`; undefined where that is no host name. */
export function hostOf(authority: string): string | undefined {
  const host = authority.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
  if (host.length > 253) return undefined;
  if (/^\[[0-9a-f:.]+\]$/.test(host)) return host;
  return /^(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(host) ? host : undefined;
}

/** The port in an authority, if there is one. */
export function portOf(authority: string): number | undefined {
  const found = /:(\d+)$/.exec(authority);
  return found === null ? undefined : Number(found[1]);
}

export function headerText(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.join(", ");
}

/** The zone's setting, or the fallback where the host belongs to no zone. */
export function settingOf(exchange: Exchange, id: string, fallback: unknown): unknown {
  if (exchange.zone === undefined) return fallback;
  return exchange.view.setting(exchange.zone.id, id) ?? fallback;
}

function plainAddress(address: string | undefined): string {
  return (address ?? "127.0.0.1").replace(/^::ffff:/, "");
}
