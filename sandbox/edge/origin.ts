import type {
  ClientRequest as OriginRequest,
  IncomingMessage,
  OutgoingHttpHeaders,
  RequestOptions,
} from "node:http";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import type { PeerCertificate, SecureContext, TLSSocket } from "node:tls";
import { checkServerIdentity, createSecureContext, rootCertificates } from "node:tls";
import { edgeErrors, errorReply } from "./error-pages";
import type { ClientRequest, Exchange, OriginTarget } from "./exchange";
import { headerText } from "./exchange";
import type { Progress } from "./origin-errors";
import { classifyOriginError, OriginFailure, whereOf } from "./origin-errors";
import type { ClientResponse } from "./respond";
import { send, withoutConnectionHeaders } from "./respond";

/** Limits of the edge, in milliseconds and bytes. */
export interface Limits {
  /**
   * For a connection to the origin, TLS included: then 522 or 525.
   * @default 15 000
   */
  readonly connectMs: number;
  /**
   * Without a byte from or to the origin: then 524, or the answer breaks off.
   * @default 100 000
   */
  readonly idleMs: number;
  /**
   * Request body.
   * @default 104 857 600 (100 MB of the free plan)
   */
  readonly bodyBytes: number;
}

export const defaultLimits: Limits = { connectMs: 15_000, idleMs: 100_000, bodyBytes: 100 * 1024 * 1024 };

/** Opens requests to origins and keeps their connections. */
export class OriginClient {
  private readonly kept = { http: new HttpAgent({ keepAlive: true }), https: httpsAgent(true) };
  private readonly fresh = { http: new HttpAgent({ keepAlive: false }), https: httpsAgent(false) };
  private trust: { readonly authority: string; readonly context: SecureContext } | undefined;

  constructor(readonly limits: Limits) {}

  /** Starts a request. A kept connection is used only where `reuse` says so. */
  open(
    exchange: Exchange,
    target: OriginTarget,
    headers: OutgoingHttpHeaders,
    reuse: boolean,
  ): { readonly request: OriginRequest; readonly progress: Progress } {
    const agents = reuse ? this.kept : this.fresh;
    const options: RequestOptions = {
      host: target.connect.host,
      port: target.connect.port,
      method: exchange.method,
      path: exchange.path + exchange.query,
      headers,
      setHost: false,
      timeout: this.limits.idleMs,
      ...throughTunnel(target, this.limits.idleMs, agents[target.scheme]),
    };
    const request =
      target.scheme === "http"
        ? httpRequest(options)
        : httpsRequest({
            ...options,
            servername: exchange.host,
            rejectUnauthorized: target.verify,
            ...(target.verify ? { secureContext: this.trusted(exchange.view.originCaCertificate) } : {}),
            checkServerIdentity: (_host, certificate) =>
              identity(exchange.host, target.acceptedNames, certificate),
          });
    return { request, progress: this.watch(request, target) };
  }

  close(): void {
    for (const agents of [this.kept, this.fresh]) {
      agents.http.destroy();
      agents.https.destroy();
    }
  }

  /** Knows how far the connection came, and ends what takes too long. */
  private watch(request: OriginRequest, target: OriginTarget): Progress {
    const progress: Progress = { connected: false, secured: false };
    request.once("socket", (socket: Socket | TLSSocket) => {
      if (target.tunnel !== undefined || (!socket.connecting && request.reusedSocket)) {
        progress.connected = progress.secured = true;
        return;
      }
      const clock = setTimeout(() => {
        const error = progress.connected
          ? edgeErrors.handshake(whereOf(target), "it took too long")
          : edgeErrors.connectTimeout(whereOf(target));
        request.destroy(new OriginFailure(error));
      }, this.limits.connectMs);
      const ready = (): void => {
        progress.secured = true;
        clearTimeout(clock);
      };
      socket.once("connect", () => {
        progress.connected = true;
        if (target.scheme === "http") ready();
      });
      socket.once("secureConnect", ready);
      socket.once("close", () => clearTimeout(clock));
      request.once("close", () => clearTimeout(clock));
    });
    request.once("timeout", () =>
      request.destroy(new OriginFailure(edgeErrors.answerTimeout(whereOf(target)))),
    );
    return progress;
  }

  /** Cloudflare trusts its own origin authority and the public ones. Built once: reading them all takes a while. */
  private trusted(authority: string): SecureContext {
    if (this.trust?.authority !== authority) {
      this.trust = { authority, context: createSecureContext({ ca: [authority, ...rootCertificates] }) };
    }
    return this.trust.context;
  }
}

/** A tunnel's streams cost nothing: each request has its own, so none is kept. */
function throughTunnel({ tunnel }: OriginTarget, idleMs: number, agent: HttpAgent): RequestOptions {
  return tunnel === undefined ? { agent } : { createConnection: () => tunnel.dial().setTimeout(idleMs) };
}

/** No session cache: a resumed session would skip the check of the certificate's name. */
function httpsAgent(keepAlive: boolean): HttpsAgent {
  return new HttpsAgent({ keepAlive, maxCachedSessions: 0 });
}

/** The certificate must be for the request's host or for a name that its records lead to. */
function identity(host: string, names: readonly string[], certificate: PeerCertificate): Error | undefined {
  const first = checkServerIdentity(host, certificate);
  if (first === undefined) return undefined;
  return names.some((name) => checkServerIdentity(name, certificate) === undefined) ? undefined : first;
}

/** The request's headers as the origin gets them. */
export function originHeaders(exchange: Exchange): OutgoingHttpHeaders {
  const headers = withoutConnectionHeaders(exchange.headers);
  for (const name of ["expect", "true-client-ip", "cf-worker"]) delete headers[name];
  const forwarded = headerText(exchange.headers["x-forwarded-for"]);
  const address = exchange.clientAddress;
  Object.assign(headers, {
    host: exchange.authority,
    "cf-connecting-ip": address,
    "cf-ipcountry": "XX",
    "cf-ray": exchange.ray,
    "cf-visitor": JSON.stringify({ scheme: exchange.scheme }),
    "cdn-loop": "cloudflare; loops=1",
    "x-forwarded-for": forwarded === undefined ? address : `${forwarded},${address}`,
    "x-forwarded-proto": exchange.scheme,
  });
  for (const [name, value] of exchange.originHeaders) {
    if (value === undefined) delete headers[name];
    else headers[name] = value;
  }
  return headers;
}

/** Passes a request to its origin and the answer back. Resolves when the client has it, whatever it is. */
export async function forward(
  client: OriginClient,
  exchange: Exchange,
  target: OriginTarget,
  request: ClientRequest,
  response: ClientResponse,
): Promise<void> {
  const body = hasBody(request);
  if (Number(exchange.headers["content-length"] ?? 0) > client.limits.bodyBytes) {
    const reply = errorReply(edgeErrors.tooLarge(client.limits.bodyBytes), exchange);
    if (request.httpVersionMajor === 1) reply.headers["connection"] = "close";
    return send(exchange, response, reply);
  }
  const headers = originHeaders(exchange);
  if (body && headers["content-length"] === undefined) headers["transfer-encoding"] = "chunked";

  // A kept connection may have been closed by the origin a moment ago. What has no body is simply sent again;
  // a body is gone once it was sent, so it gets a connection of its own.
  const safe = !body && /^(GET|HEAD|OPTIONS)$/.test(exchange.method);
  for (let attempt = 0; ; attempt++) {
    const opened = client.open(exchange, target, headers, safe && attempt < 2);
    const result = await exchangeOnce(client, opened.request, { request, response, body });
    if (result.kind === "gone") return;
    if (result.kind === "answer") return send(exchange, response, replyOf(result.answer));
    if (opened.request.reusedSocket && safe && attempt < 2) continue;
    const error = classifyOriginError(result.error, opened.progress, target);
    request.unpipe();
    request.resume();
    return send(exchange, response, errorReply(error, exchange));
  }
}

interface ClientSide {
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  readonly body: boolean;
}

type Result =
  | { readonly kind: "answer"; readonly answer: IncomingMessage }
  | { readonly kind: "error"; readonly error: NodeJS.ErrnoException }
  | { readonly kind: "gone" };

/** Sends the request and waits for the head of the answer, a failure, or the client going away. */
function exchangeOnce(
  { limits }: OriginClient,
  origin: OriginRequest,
  { request, response, body }: ClientSide,
): Promise<Result> {
  return new Promise((resolve) => {
    const gone = (): void => {
      if (response.writableFinished) return;
      origin.destroy();
      resolve({ kind: "gone" });
    };
    response.once("close", gone);
    // The listener stays: after the answer began, an error of the socket reaches the answer's stream as well.
    origin.on("error", (error) => {
      response.off("close", gone);
      resolve({ kind: "error", error });
    });
    origin.once("response", (answer) => {
      response.off("close", gone);
      resolve({ kind: "answer", answer });
    });
    if (!body) {
      origin.end();
      return;
    }
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > limits.bodyBytes) origin.destroy(new OriginFailure(edgeErrors.tooLarge(limits.bodyBytes)));
    });
    request.pipe(origin);
  });
}

/** Whether the client sends a body. */
function hasBody(request: ClientRequest): boolean {
  if ("stream" in request) return !request.stream.endAfterHeaders;
  return (
    request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0
  );
}

function replyOf(answer: IncomingMessage): {
  status: number;
  headers: OutgoingHttpHeaders;
  body: IncomingMessage;
} {
  const headers = withoutConnectionHeaders(answer.headers);
  headers["cf-cache-status"] ??= "DYNAMIC";
  return { status: answer.statusCode ?? 502, headers, body: answer };
}
