import type { IncomingMessage } from "node:http";
import { createServer as createHttpServer, ServerResponse } from "node:http";
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Log } from "../../common/log";
import { silent } from "../../common/log";
import type { Authority } from "../certificates";
import { createAuthority } from "../certificates";
import { listenAtLastPort } from "../listen";
import { openAccess } from "./access/access";
import { accessFolder } from "./access/logins";
import { edgeErrors, errorReply } from "./error-pages";
import type { ClientRequest, Exchange, Outcome, Reply, Scheme } from "./exchange";
import { authorityOf, BadRequest, hostOf, openExchange } from "./exchange";
import { headWithoutOffer } from "./offered-upgrade";
import type { Limits } from "./origin";
import { defaultLimits, forward, OriginClient } from "./origin";
import type { ResolveOrigin } from "./origin-target";
import type { EdgeHooks, Step } from "./pipeline";
import { decide, makePipeline } from "./pipeline";
import type { ClientResponse } from "./respond";
import { send, withoutConnectionHeaders } from "./respond";
import { createTlsEntrance } from "./tls-entrance";
import type { EdgeView } from "./view";
import { proxyUpgrade } from "./websocket";

/** What {@link startEdge} needs. */
export interface EdgeOptions {
  /** The account behind the edge, asked anew for each request. */
  readonly view: EdgeView;
  /** Where the certificate authority of the edge is kept, in `authority/`. */
  readonly directory: string;
  /** The one of last time; another where somebody else has it. @default a free port */
  readonly httpPort?: number;
  /** As `httpPort`. @default a free port */
  readonly httpsPort?: number;
  /** Where origins really are. What it does not name is not connected to. */
  readonly resolveOrigin: ResolveOrigin;
  /** @default nothing is plugged in: see {@link EdgeHooks} */
  readonly hooks?: EdgeHooks;
  /** Hosts that are no zone's: what answers there sees the request as it came. @default none */
  readonly apart?: {
    serves(host: string): boolean;
    answer(request: ClientRequest, response: ClientResponse): Promise<void>;
  };
  /** Says where one-time PINs of Access can be read. @default names the file */
  readonly pinHint?: string;
  /** @default Cloudflare's */
  readonly limits?: Partial<Limits>;
  /** One line for each answer that is an error of the edge. @default silent */
  readonly log?: Log;
}

/** A running edge. It listens on 127.0.0.1 only. */
export interface Edge {
  readonly httpPort: number;
  readonly httpsPort: number;
  /** Signs the certificates of the https port: what a client must trust. */
  readonly authority: Authority;
  /** Stops listening and breaks every connection off. */
  close(): Promise<void>;
}

/**
 * Starts what Cloudflare does with traffic, on two ports of this machine, for the zones and projects of a view.
 *
 * @example
 * const edge = await startEdge({
 *   view: cloudflare.view,
 *   directory: ".groundwork/sandbox/edge",
 *   resolveOrigin: (address, port) => (address === "203.0.113.10" && port === 80 ? { host: "127.0.0.1", port: 4000 } : undefined),
 * });
 * // curl --cacert <edge.authority.certificateFile> https://api.streampai.localhost:<edge.httpsPort>/
 */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const authority = await createAuthority(join(options.directory, "authority"), "Groundwork sandbox edge");
  const edge = new RunningEdge({ ...options, hooks: await withAccess(options) }, authority);
  await edge.open(options.httpPort, options.httpsPort);
  return edge;
}

/** Where the account has Access, it is in force: nobody has to ask for it. */
async function withAccess({ view, directory, hooks = {}, pinHint, log }: EdgeOptions): Promise<EdgeHooks> {
  if (view.access === undefined) return hooks;
  const { team, gate } = await openAccess({
    view: view.access,
    directory: accessFolder(directory),
    ...(pinHint === undefined ? {} : { pinHint }),
    ...(log === undefined ? {} : { log }),
  });
  return { team, access: gate, ...hooks };
}

class RunningEdge implements Edge {
  httpPort = 0;
  httpsPort = 0;
  private readonly sockets = new Set<Socket>();
  private readonly origin: OriginClient;
  private readonly pipeline: readonly Step[];
  private readonly servers: Server[] = [];
  private readonly log: Log;

  constructor(
    private readonly options: EdgeOptions,
    readonly authority: Authority,
  ) {
    this.log = options.log ?? silent;
    this.origin = new OriginClient({ ...defaultLimits, ...options.limits });
    this.pipeline = makePipeline(options.resolveOrigin, options.hooks ?? {});
  }

  async open(httpPort?: number, httpsPort?: number): Promise<void> {
    const http = createHttpServer({ requestTimeout: 0, keepAliveTimeout: 75_000 });
    this.serve(http, "http");
    const prepare = (server: Http2SecureServer): void => this.serve(server, "https");
    const https = await createTlsEntrance({ view: this.options.view, authority: this.authority, prepare });
    for (const server of [http, https]) {
      this.servers.push(server);
      server.on("connection", (socket: Socket) => {
        this.sockets.add(socket);
        socket.once("close", () => this.sockets.delete(socket));
      });
    }
    try {
      this.httpPort = await listenAtLastPort(http, httpPort, this.log);
      this.httpsPort = await listenAtLastPort(https, httpsPort, this.log);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const closed = this.servers.map((server) => new Promise((resolve) => server.close(resolve)));
    this.origin.close();
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(closed);
  }

  private serve(server: Server | Http2SecureServer, scheme: Scheme): void {
    server.on(
      "request",
      (request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse) => {
        void this.answer(scheme, request, response);
      },
    );
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (request.headers.upgrade?.toLowerCase() === "websocket")
        return void this.upgrade(scheme, request, socket, head);
      // Every other offer is declined: the request is read once more, as an ordinary one.
      socket.unshift(Buffer.concat([headWithoutOffer(request), head]));
      server.emit(scheme === "https" ? "secureConnection" : "connection", socket);
    });
    server.on("clientError", (_error: Error, socket: Duplex) => {
      if (socket.writable)
        socket.end("HTTP/1.1 400 Bad Request\r\nserver: cloudflare\r\nconnection: close\r\n\r\n");
      else socket.destroy();
    });
    // A client that breaks a TLS handshake or an HTTP/2 session off harms nobody else.
    server.on("tlsClientError", () => undefined);
    server.on("sessionError", () => undefined);
  }

  private async answer(scheme: Scheme, request: ClientRequest, response: ClientResponse): Promise<void> {
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    const { apart } = this.options;
    if (apart?.serves(hostOf(authorityOf(request)) ?? "") === true) return apart.answer(request, response);
    const exchange = this.read(scheme, request, response);
    if (exchange === undefined) return;
    try {
      const outcome = await this.decide(exchange);
      if (outcome.kind === "reply") {
        request.resume();
        await send(exchange, response, outcome.reply);
      } else {
        await forward(this.origin, exchange, outcome.target, request, response);
      }
      if (response.statusCode >= 520 && response.statusCode <= 530) {
        this.log(`${exchange.method} ${exchange.host}${exchange.path}: ${response.statusCode}`);
      }
    } catch (error) {
      await this.failed(exchange, response, error);
    }
  }

  private async upgrade(
    scheme: Scheme,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    socket.on("error", () => socket.destroy());
    // Until both sides agree, the client may get an ordinary answer instead.
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    response.once("finish", () => socket.end());

    const exchange = this.read(scheme, request, response);
    if (exchange === undefined) return;
    try {
      const outcome = await this.decide(exchange);
      if (outcome.kind === "reply") return await send(exchange, response, outcome.reply);
      const result = await proxyUpgrade(this.origin, exchange, outcome.target, {
        socket,
        head,
        detach: () => response.detachSocket(socket as Socket),
      });
      if (result.kind === "error") await send(exchange, response, errorReply(result.error, exchange));
      if (result.kind === "answer") await send(exchange, response, replyOf(result.answer));
    } catch (error) {
      await this.failed(exchange, response, error);
    }
  }

  private read(scheme: Scheme, request: ClientRequest, response: ClientResponse): Exchange | undefined {
    try {
      const ports = { http: this.httpPort, https: this.httpsPort };
      return openExchange(request, { view: this.options.view, scheme, ports });
    } catch (error) {
      const status = error instanceof BadRequest ? 400 : 502;
      if (status === 502) this.log(`edge: ${String(error)}`);
      response.statusCode = status;
      response.setHeader("server", "cloudflare");
      response.end(`${status} ${(error as Error).message}\n`);
      return undefined;
    }
  }

  private decide(exchange: Exchange): Promise<Outcome> {
    return decide(this.pipeline, exchange);
  }

  /** Before the head: an error page. After it: the connection breaks, so that nobody takes a part for the whole. */
  private async failed(exchange: Exchange, response: ClientResponse, error: unknown): Promise<void> {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    this.log(`edge: ${exchange.method} ${exchange.host}${exchange.path}: ${String(error)}`);
    try {
      await send(exchange, response, errorReply(edgeErrors.badGateway(String(error)), exchange));
    } catch {
      response.destroy();
    }
  }
}

function replyOf(answer: IncomingMessage): Reply {
  return {
    status: answer.statusCode ?? 502,
    headers: withoutConnectionHeaders(answer.headers),
    body: answer,
  };
}
