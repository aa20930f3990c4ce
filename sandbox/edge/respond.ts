import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import type { Transform, Writable } from "node:stream";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createBrotliCompress, createGzip } from "node:zlib";
import type { Exchange, Reply } from "./exchange";
import { headerText, settingOf } from "./exchange";
import { responseHeaderRules } from "./rules";

export type ClientResponse = ServerResponse | Http2ServerResponse;

/** Headers of one connection, not of the message: never passed on. */
const connectionHeaders = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
];

/** A copy without the headers that belong to the connection, those that `Connection` names included. */
export function withoutConnectionHeaders<T extends OutgoingHttpHeaders>(headers: T): OutgoingHttpHeaders {
  const named = String(headers.connection ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
  const kept: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(":") || connectionHeaders.includes(name) || named.includes(name)) continue;
    kept[name] = value;
  }
  return kept;
}

/** Adds what Cloudflare adds to every answer, in place: HSTS, transform rules, `server`, `cf-ray`. */
export function finishHeaders(exchange: Exchange, status: number, headers: OutgoingHttpHeaders): void {
  for (const [name, value] of exchange.answerHeaders) {
    headers[name] = headers[name] === undefined ? value : [headers[name], value].flat().map(String);
  }
  if (exchange.scheme === "https") strictTransportSecurity(exchange, headers);
  responseHeaderRules(exchange, status, headers);
  headers["server"] = "cloudflare";
  headers["cf-ray"] = exchange.ray;
  if (exchange.notes.length > 0) {
    headers["x-groundwork-sandbox"] = exchange.notes.join("; ").replace(/[^\x20-\x7e]/g, "?");
  }
}

interface SecurityHeader {
  readonly strict_transport_security?: {
    readonly enabled?: boolean;
    readonly max_age?: number;
    readonly include_subdomains?: boolean;
    readonly preload?: boolean;
    readonly nosniff?: boolean;
  };
}

function strictTransportSecurity(exchange: Exchange, headers: OutgoingHttpHeaders): void {
  const setting = settingOf(exchange, "security_header", {}) as SecurityHeader;
  const hsts = setting.strict_transport_security;
  if (hsts?.enabled !== true) return;
  const parts = [`max-age=${hsts.max_age ?? 0}`];
  if (hsts.include_subdomains === true) parts.push("includeSubDomains");
  if (hsts.preload === true) parts.push("preload");
  headers["strict-transport-security"] = parts.join("; ");
  if (hsts.nosniff === true) headers["x-content-type-options"] = "nosniff";
}

const compressible =
  /^(text\/(?!event-stream)|application\/(javascript|x-javascript|json|ld\+json|manifest\+json|xml|rss\+xml|atom\+xml|wasm|xhtml\+xml|graphql)|image\/svg\+xml|font\/(ttf|otf))/i;
/** Cloudflare leaves smaller answers as they are. */
const smallest = 48;

/** The encoding an answer gets: what the client takes, brotli only where the zone has it on. */
export function chooseEncoding(
  exchange: Exchange,
  status: number,
  headers: OutgoingHttpHeaders,
): "br" | "gzip" | undefined {
  if (exchange.method === "HEAD" || ![200, 403, 404].includes(status)) return undefined;
  if (headers["content-encoding"] !== undefined || headers["content-range"] !== undefined) return undefined;
  if (!compressible.test(String(headers["content-type"] ?? ""))) return undefined;
  if (/no-transform/i.test(String(headers["cache-control"] ?? ""))) return undefined;
  if (headers["content-length"] !== undefined && Number(headers["content-length"]) < smallest)
    return undefined;
  const accepted = acceptedEncodings(headerText(exchange.headers["accept-encoding"]) ?? "");
  if (accepted.has("br") && settingOf(exchange, "brotli", "on") === "on") return "br";
  return accepted.has("gzip") ? "gzip" : undefined;
}

function acceptedEncodings(header: string): ReadonlySet<string> {
  const accepted = new Set<string>();
  for (const part of header.toLowerCase().split(",")) {
    const [name = "", ...parameters] = part.split(";").map((piece) => piece.trim());
    if (!parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) accepted.add(name);
  }
  return accepted;
}

/** Each write is flushed, so that an answer that comes bit by bit also arrives bit by bit. */
function encoder(encoding: "br" | "gzip"): Transform {
  if (encoding === "gzip") return createGzip({ level: 5, flush: constants.Z_SYNC_FLUSH });
  return createBrotliCompress({
    flush: constants.BROTLI_OPERATION_FLUSH,
    params: { [constants.BROTLI_PARAM_QUALITY]: 4 },
  });
}

/**
 * Sends a head and a body to the client, compressed where that is due. Resolves when all is sent.
 *
 * @throws where the client went away or the body broke off; the client's connection is then broken as well
 */
export async function send(
  exchange: Exchange,
  response: ClientResponse,
  { status, headers: given, body }: Reply,
): Promise<void> {
  const headers = { ...given };
  finishHeaders(exchange, status, headers);
  const encoding = body === undefined ? undefined : chooseEncoding(exchange, status, headers);
  if (encoding !== undefined) {
    headers["content-encoding"] = encoding;
    delete headers["content-length"];
    delete headers["accept-ranges"];
    headers["vary"] = withVary(headers["vary"]);
    if (typeof headers["etag"] === "string") headers["etag"] = headers["etag"].replace(/^"/, 'W/"');
  }
  if (response.destroyed || response.writableEnded) return discard(body);
  writeHead(response, status, headers);
  if (body === undefined || exchange.method === "HEAD" || status === 204 || status === 304) {
    response.end();
    return discard(body);
  }
  const source = body instanceof Readable ? body : Readable.from([Buffer.from(body)], { objectMode: false });
  // The compatibility response of HTTP/2 is no real stream; the one below it is.
  const sink = ("stream" in response ? response.stream : response) as Writable;
  if (encoding === undefined) await pipeline(source, sink);
  else await pipeline(source, encoder(encoding), sink);
}

function writeHead(response: ClientResponse, status: number, headers: OutgoingHttpHeaders): void {
  // One signature each: the union of both cannot be called.
  if ("stream" in response) response.writeHead(status, headers);
  else response.writeHead(status, headers);
}

function withVary(vary: OutgoingHttpHeaders[string]): string {
  const known = vary === undefined ? "" : [vary].flat().join(", ");
  if (/accept-encoding|\*/i.test(known)) return known;
  return known === "" ? "accept-encoding" : `${known}, accept-encoding`;
}

function discard(body: Reply["body"]): void {
  if (body instanceof Readable) body.destroy();
}
