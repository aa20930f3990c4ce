import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { Pool } from "pg";
import type { ApiConfig } from "./config";
import { corsHeaders, isAllowedOrigin, preflightHeaders } from "./cors";
import { Listener } from "./listener";
import type { Log } from "./log";
import { MessageStore, validateDraft, validatePage } from "./messages";
import { databaseProblem, Problem } from "./problem";
import { Sessions } from "./session";
import { SocketHub } from "./sockets";

export interface RunningApi {
  readonly port: number;
  readonly tlsPort: number | undefined;
  /**
   * Stops without losing a request: readiness turns false, every response says `Connection: close`, sockets stay open
   * until near the end of `drainSeconds` and are then closed with 1012, requests in flight are waited for, then nothing
   * listens any more.
   * @returns whether everything ended within `drainSeconds`; if not, what was left was cut
   */
  drain(): Promise<boolean>;
  /** Stops at once. */
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Requests may be this large, in bytes; a message is far smaller. */
const maxBody = 16 * 1024;
/** No request for this long while draining means that traffic has moved on, in milliseconds. */
const quietMs = 500;

/** Starts the API; resolves when it listens. The database may still be away: health says so. */
export async function startApi(config: ApiConfig, log: Log): Promise<RunningApi> {
  const api = new Api(config, log);
  try {
    await api.listen();
  } catch (error) {
    await api.close();
    throw error;
  }
  return api;
}

class Api implements RunningApi {
  port = 0;
  tlsPort: number | undefined;
  private readonly servers: Server[] = [];
  private readonly pool: Pool;
  private readonly store: MessageStore;
  private readonly sessions: Sessions;
  private readonly sockets: SocketHub;
  private readonly listener: Listener;
  private readonly viewers: NodeJS.Timeout;
  private readonly startedAt = Date.now();
  private draining = false;
  private inFlight = 0;
  private lastRequestAt = 0;
  private lastBroadcast = 0;
  private lastCheck: { at: number; result: Promise<boolean> } | undefined;

  constructor(
    private readonly config: ApiConfig,
    private readonly log: Log,
  ) {
    this.pool = new Pool({
      connectionString: config.databaseUrl,
      application_name: "streampai-api",
      max: 10,
      connectionTimeoutMillis: 3000,
      idleTimeoutMillis: 30_000,
      statement_timeout: 5000,
      query_timeout: 6000,
    });
    // Without a listener an idle connection that breaks would end the process.
    this.pool.on("error", (error) => log.warn("database_connection_lost", { message: error.message }));
    this.store = new MessageStore(this.pool);
    this.sessions = new Sessions(config.secretKeyBase, config.cookieDomain);
    this.sockets = new SocketHub({ release: config.release, missed: (after) => this.store.after(after) });
    this.listener = new Listener({
      databaseUrl: config.databaseUrl,
      onMessage: (id) => void this.announce(id),
      onResume: () => void this.catchUp(),
      onError: (error) => log.warn("listener_lost", { message: error instanceof Error ? error.message : "" }),
    });
    this.viewers = setInterval(() => this.recordViewers(), 15_000);
    this.viewers.unref();
  }

  async listen(): Promise<void> {
    const onRequest: RequestListener = (request, response) => void this.handle(request, response);
    // First: a socket that is taken before would miss what is written meanwhile.
    await this.listener.start();
    // Longer than the idle time of the proxies in front, so that they end idle connections and not this side.
    const options = { keepAliveTimeout: 75_000, headersTimeout: 20_000, requestTimeout: 60_000 };
    const plain = createServer(options, onRequest);
    this.port = await this.open(plain, this.config.port);
    const { tls } = this.config;
    if (tls !== undefined) {
      const certificate = {
        cert: readFileSync(tls.certFile),
        key: readFileSync(tls.keyFile),
        minVersion: "TLSv1.2",
      } as const;
      this.tlsPort = await this.open(createTlsServer({ ...options, ...certificate }, onRequest), tls.port);
    }
    this.log.info("listening", { port: this.port, tlsPort: this.tlsPort, release: this.config.release });
  }

  async drain(): Promise<boolean> {
    if (this.draining) return true;
    this.draining = true;
    this.log.info("draining", { inFlight: this.inFlight, sockets: this.sockets.size });
    const deadline = Date.now() + this.config.drainSeconds * 1000;
    const started = Date.now();
    // What is left of the time is for their last words, and for requests.
    await this.sockets.drain(
      Math.max(this.config.drainSeconds * 700, this.config.drainSeconds * 1000 - 2000),
    );
    const isQuiet = () =>
      this.inFlight === 0 && Date.now() - Math.max(this.lastRequestAt, started) >= quietMs;
    while (!isQuiet() && Date.now() < deadline) await pause(20);
    // Nothing new from here on; what is still in flight may have the rest of the time and one more second.
    const closed = this.servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    const lastCall = Math.max(deadline, Date.now() + 1000);
    while (this.inFlight > 0 && Date.now() < lastCall) await pause(20);
    const complete = this.inFlight === 0 && this.sockets.size === 0;
    await this.end();
    await Promise.all(closed);
    this.log.info("drained", { complete, ms: Date.now() - started });
    return complete;
  }

  async close(): Promise<void> {
    this.draining = true;
    const closed = this.servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    await this.end();
    await Promise.all(closed);
  }

  private async end(): Promise<void> {
    clearInterval(this.viewers);
    this.sockets.close();
    for (const server of this.servers) server.closeAllConnections();
    await Promise.all([this.listener.stop(), this.pool.end()]).catch(() => undefined);
  }

  private async open(server: Server, port: number): Promise<number> {
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.upgrade(request, socket, head),
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, this.config.host, resolve);
    });
    this.servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = Date.now();
    const requestId = randomUUID();
    const path = pathOf(request);
    const isProbe = path === "/api/health" || path === "/api/ready";
    if (!isProbe) {
      this.inFlight += 1;
      this.lastRequestAt = started;
      response.once("close", () => {
        this.inFlight -= 1;
        this.lastRequestAt = Date.now();
      });
    }
    let reply: Reply;
    try {
      reply = await this.route(request, path);
    } catch (error) {
      reply = this.failure(error, requestId);
    }
    if (response.destroyed) return;
    const body = reply.body === undefined ? undefined : JSON.stringify(reply.body);
    response.writeHead(reply.status, {
      ...(body === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
      "content-length": Buffer.byteLength(body ?? ""),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-release": this.config.release,
      "x-request-id": requestId,
      ...corsHeaders(request.headers.origin, this.config.corsOrigins),
      ...reply.headers,
      // What is left of the request's body is not worth reading, nor the connection keeping.
      ...(this.draining || !request.complete ? { connection: "close" } : {}),
    });
    response.end(request.method === "HEAD" ? undefined : body);
    if (!isProbe || reply.status !== 200) {
      const ms = Date.now() - started;
      this.log.info("request", { requestId, method: request.method, path, status: reply.status, ms });
    }
  }

  private async route(request: IncomingMessage, path: string): Promise<Reply> {
    const method = request.method === "HEAD" ? "GET" : (request.method ?? "GET");
    const methods = routes[path];
    if (methods === undefined) throw new Problem(404, "not_found", "there is nothing at this path");
    if (method === "OPTIONS") return this.preflight(request, methods);
    if (!methods.includes(method)) {
      const allow = ["OPTIONS", ...methods].join(", ");
      throw new Problem(405, "method_not_allowed", `allowed here: ${allow}`, undefined, { allow });
    }
    switch (path) {
      case "/api/health":
        return this.health();
      case "/api/ready":
        return this.ready();
      case "/api/db-health":
        return this.databaseHealth();
      case "/api/socket":
        throw new Problem(426, "upgrade_required", "this is a WebSocket", undefined, {
          upgrade: "websocket",
        });
      default:
        return method === "POST" ? this.postMessage(request) : this.listMessages(request);
    }
  }

  private preflight(request: IncomingMessage, methods: readonly string[]): Reply {
    const { origin } = request.headers;
    const headers = { allow: ["OPTIONS", ...methods].join(", ") };
    if (origin === undefined || !isAllowedOrigin(origin, this.config.corsOrigins)) {
      return { status: 204, body: undefined, headers };
    }
    return { status: 204, body: undefined, headers: { ...headers, ...preflightHeaders } };
  }

  /** Alive, with what it knows of its database; 503 once it is on its way out. */
  private async health(): Promise<Reply> {
    const database = await this.databaseAnswers();
    return {
      status: this.draining ? 503 : 200,
      body: {
        status: this.draining ? "draining" : "ok",
        service: "streampai-api",
        release: this.config.release,
        database: database ? "ok" : "ko",
        sockets: this.sockets.size,
        uptimeSeconds: Math.floor((Date.now() - this.startedAt) / 1000),
      },
    };
  }

  /** Whether it should be given traffic: what a rollout and the container's health check ask. */
  private async ready(): Promise<Reply> {
    const database = await this.databaseAnswers();
    const ready = database && !this.draining;
    return { status: ready ? 200 : 503, body: { ready, release: this.config.release } };
  }

  private async databaseHealth(): Promise<Reply> {
    try {
      const { rows } = await this.pool.query<{ now: Date; name: string }>(
        "select now() as now, current_user as name",
      );
      return { status: 200, body: { database: "ok", now: rows[0]!.now.toISOString(), role: rows[0]!.name } };
    } catch (error) {
      this.log.error("database_unavailable", error);
      return { status: 503, body: { database: "ko" }, headers: { "retry-after": "2" } };
    }
  }

  private async listMessages(request: IncomingMessage): Promise<Reply> {
    const { limit, before } = validatePage(queryOf(request));
    const messages = await this.store.page(limit, before);
    const { id, headers } = this.session(request);
    return { status: 200, body: { messages, you: this.sessions.publicId(id) }, headers };
  }

  private async postMessage(request: IncomingMessage): Promise<Reply> {
    const { origin } = request.headers;
    // The cookie is sent from any site (SameSite=None), so a stranger's page is turned away here.
    if (origin !== undefined && !isAllowedOrigin(origin, this.config.corsOrigins)) {
      throw new Problem(403, "origin_not_allowed", "pages of this origin may not write");
    }
    const draft = validateDraft(await readJson(request));
    const { id, headers } = this.session(request);
    const message = await this.store.add(draft, this.sessions.publicId(id));
    return { status: 201, body: { message, you: this.sessions.publicId(id) }, headers };
  }

  private session(request: IncomingMessage): { id: string; headers: Record<string, string> } {
    const known = this.sessions.read(request.headers.cookie);
    if (known !== undefined) return { id: known, headers: {} };
    const { id, setCookie } = this.sessions.create();
    return { id, headers: { "set-cookie": setCookie } };
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const refuse = (status: string) => {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n`);
    };
    const { origin } = request.headers;
    if (pathOf(request) !== "/api/socket") return refuse("404 Not Found");
    if (origin !== undefined && !isAllowedOrigin(origin, this.config.corsOrigins))
      return refuse("403 Forbidden");
    if (this.draining) return refuse("503 Service Unavailable");
    const after = queryOf(request).get("after");
    if (after !== null && !/^\d{1,15}$/.test(after)) return refuse("400 Bad Request");
    this.sockets.accept(request, socket, head, after === null ? undefined : Number(after));
  }

  private async announce(id: number): Promise<void> {
    try {
      const message = this.sockets.size === 0 ? undefined : await this.store.byId(id);
      if (message !== undefined) this.sockets.broadcast(message);
      this.lastBroadcast = Math.max(this.lastBroadcast, id);
    } catch (error) {
      this.log.error("announce_failed", error);
    }
  }

  /** After a break of the listening connection: whatever was written meanwhile. Clients drop what they know by id. */
  private async catchUp(): Promise<void> {
    try {
      if (this.lastBroadcast === 0 || this.sockets.size === 0) return;
      for (const message of await this.store.after(this.lastBroadcast)) {
        this.sockets.broadcast(message);
        this.lastBroadcast = message.id;
      }
    } catch (error) {
      this.log.error("catch_up_failed", error);
    }
  }

  private recordViewers(): void {
    if (this.sockets.size === 0) return;
    this.store
      .recordViewers(this.sockets.size)
      .catch((error: unknown) => this.log.error("viewers_failed", error));
  }

  /** Asked at most once a second, however many ask. */
  private databaseAnswers(): Promise<boolean> {
    if (this.lastCheck === undefined || Date.now() - this.lastCheck.at > 1000) {
      const result = this.pool.query("select 1").then(
        () => true,
        () => false,
      );
      this.lastCheck = { at: Date.now(), result };
    }
    return this.lastCheck.result;
  }

  private failure(error: unknown, requestId: string): Reply {
    const problem = error instanceof Problem ? error : databaseProblem(error);
    if (problem === undefined || problem.status >= 500)
      this.log.error("request_failed", error, { requestId });
    if (problem === undefined) {
      return {
        status: 500,
        body: { error: { code: "internal", message: "something went wrong", requestId } },
      };
    }
    const { status, code, message, fields, headers } = problem;
    return { status, body: { error: { code, message, fields } }, headers };
  }
}

const routes: Readonly<Record<string, readonly string[] | undefined>> = {
  __proto__: null as never,
  "/api/health": ["GET"],
  "/api/ready": ["GET"],
  "/api/db-health": ["GET"],
  "/api/messages": ["GET", "POST"],
  "/api/socket": ["GET"],
};

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0]!;
}

function queryOf(request: IncomingMessage): URLSearchParams {
  const url = request.url ?? "";
  const mark = url.indexOf("?");
  return new URLSearchParams(mark === -1 ? "" : url.slice(mark + 1));
}

/** @throws Problem 413, 415 or 400 */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = (request.headers["content-type"] ?? "").split(";", 1)[0]!.trim().toLowerCase();
  if (type !== "application/json") {
    throw new Problem(415, "unsupported_media_type", "send JSON: content-type application/json");
  }
  const body = await readBody(request);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new Problem(400, "invalid_json", "the body is not JSON in UTF-8");
  }
}

/** By events: a `for await` that is left early would destroy the connection before the answer is written. */
function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= maxBody) return;
      request.off("data", onData);
      request.pause();
      reject(new Problem(413, "too_large", `a request may be ${maxBody} bytes`));
    };
    request.on("data", onData);
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("error", () => reject(new Problem(400, "incomplete", "the body ended early")));
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
