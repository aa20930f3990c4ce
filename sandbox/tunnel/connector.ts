import { randomUUID } from "node:crypto";
import { createServer as createHttpServer, type Server } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { connect, type Socket } from "node:net";
import { type Log, silent } from "../../common/log";
import { ByteStream } from "./byte-stream";
import { forwardRequest, forwardUpgrade } from "./forward";
import {
  controlPath,
  exchangePath,
  type FromEdge,
  readMessages,
  sendMessage,
  type TunnelConfiguration,
} from "./messages";

export interface ConnectorOptions {
  /** Socket of the sandbox's edge. */
  readonly edge: string;
  /** What TUNNEL_TOKEN is. */
  readonly token: string;
  readonly version: string;
  /** How many connections are kept. @default 4, as cloudflared has */
  readonly connections?: number;
  /** The wait before the edge is tried again, which doubles each time, in milliseconds. @default 1000, as cloudflared */
  readonly waitMs?: number;
  readonly log?: Log;
}

const longestWaitMs = 8000;
const unconfigured: TunnelConfiguration = { version: 0, ingress: [] };

/**
 * A connector: keeps some connections to the edge, and sends what comes through them to the services of the tunnel's
 * configuration, which the edge hands it, and hands it again at each change.
 */
export class Connector {
  readonly id = randomUUID();
  private configuration = unconfigured;
  private readonly sockets = new Set<Socket>();
  private readonly registered = new Map<ServerHttp2Session, ServerHttp2Stream>();
  private readonly waiting = new Set<NodeJS.Timeout>();
  private readonly service: Server;
  private readonly server: Http2Server;
  private readonly log: Log;
  private stopping = false;
  /** Refusals without a single success, one after the other. */
  private refusals = 0;
  private onRefused: (reason: string) => void = () => undefined;

  constructor(private readonly options: ConnectorOptions) {
    this.log = options.log ?? silent;
    this.service = createHttpServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 });
    this.service.on("request", (request, response) => forwardRequest(this.configuration, request, response));
    this.service.on("upgrade", (request, socket, head) =>
      forwardUpgrade(this.configuration, request, socket, head),
    );
    this.service.on("clientError", (_error, socket) => socket.destroy());
    this.server = createHttp2Server({
      settings: { initialWindowSize: 1024 * 1024, maxConcurrentStreams: 100_000 },
    });
    this.server.on("stream", (stream, headers) => this.take(stream, String(headers[":path"])));
    this.server.on("sessionError", () => undefined);
    this.server.on("session", (session) => session.setLocalWindowSize(16 * 1024 * 1024));
  }

  /** How many connections are registered at this moment. */
  get ready(): number {
    return this.registered.size;
  }

  /** Connects. @returns when the edge has refused the token five times, with no connection before. */
  run(): Promise<string> {
    return new Promise((resolve) => {
      this.onRefused = resolve;
      for (let index = 0; index < (this.options.connections ?? 4); index++) this.dial(index, 0);
    });
  }

  /**
   * Takes no new requests, finishes those that run, and ends.
   *
   * @param graceMs after it, what still runs is cut
   */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    for (const wait of this.waiting) clearTimeout(wait);
    for (const control of this.registered.values()) sendMessage(control, { kind: "draining" });
    const deadline = Date.now() + graceMs;
    while (this.registered.size > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const socket of this.sockets) socket.destroy();
    this.service.close();
  }

  private dial(index: number, attempt: number): void {
    const socket = connect({ path: this.options.edge });
    this.sockets.add(socket);
    let connected = false;
    let why = "the connection ended";
    socket.on("error", (error) => (why = error.message));
    socket.once("connect", () => {
      connected = true;
      this.server.emit("connection", socket);
    });
    socket.once("close", () => {
      this.sockets.delete(socket);
      if (this.stopping) return;
      const next = connected && this.refusals === 0 ? 0 : attempt + 1;
      const wait = Math.min(longestWaitMs, (this.options.waitMs ?? 1000) * 2 ** next);
      if (attempt % 10 === 0) this.log(`connection ${index}: ${why}; next attempt in ${wait} ms`);
      const timer = setTimeout(() => {
        this.waiting.delete(timer);
        if (!this.stopping) this.dial(index, next);
      }, wait);
      this.waiting.add(timer);
    });
  }

  private take(stream: ServerHttp2Stream, path: string): void {
    stream.on("error", () => stream.destroy());
    stream.respond({ ":status": path === controlPath || path === exchangePath ? 200 : 404 });
    if (path === controlPath) this.talk(stream);
    else if (path === exchangePath) this.service.emit("connection", new ByteStream(stream));
    else stream.end();
  }

  private talk(control: ServerHttp2Stream): void {
    const { session } = control;
    if (session === undefined || session.destroyed) return;
    const { token, version } = this.options;
    sendMessage(control, { kind: "hello", token, connectorId: this.id, version });
    readMessages<FromEdge>(control, (message) => {
      if (message.kind === "configuration") {
        this.configuration = message.configuration;
        this.log(`updated to new configuration, version ${message.configuration.version}`);
      } else if (message.kind === "registered") {
        this.refusals = 0;
        this.registered.set(session as ServerHttp2Session, control);
        this.log(`registered tunnel connection, location ${message.location}`);
        if (this.stopping) sendMessage(control, { kind: "draining" });
      } else {
        this.log(`the edge refuses this connector: ${message.reason}`);
        this.refusals++;
        if (this.refusals >= 5 && this.registered.size === 0) this.onRefused(message.reason);
      }
    });
    session.once("close", () => this.registered.delete(session as ServerHttp2Session));
    // The edge ends its half when it lets go of a connection.
    control.once("end", () => control.end());
  }
}
