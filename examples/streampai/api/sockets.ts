import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import type { Message } from "./messages";

export interface SocketHubOptions {
  readonly release: string;
  /** What a client that comes back with `?after=<id>` has missed. */
  readonly missed: (after: number) => Promise<readonly Message[]>;
  /** Milliseconds between protocol pings; a socket that misses one is ended. Default 25,000. */
  readonly pingMs?: number;
}

/** Service restart: the client comes back by itself, to whichever copy then answers. */
export const restartCode = 1012;
/** A socket that reads slower than this many bytes behind is let go rather than kept in memory. */
const maxBuffered = 1024 * 1024;

interface SocketState {
  /** Has it answered the last ping? */
  alive: boolean;
  /** What was sent while it still gets what it missed. */
  waiting: Message[] | undefined;
  /** What it was given already, whose announcement may still be on its way. */
  readonly replayed: Set<number>;
}

/** All open sockets of this process. */
export class SocketHub {
  private readonly server = new WebSocketServer({
    noServer: true,
    maxPayload: 16 * 1024,
    clientTracking: false,
  });
  private readonly sockets = new Map<WebSocket, SocketState>();
  private readonly pinger: NodeJS.Timeout;

  constructor(private readonly options: SocketHubOptions) {
    this.pinger = setInterval(() => this.ping(), options.pingMs ?? 25_000);
    this.pinger.unref();
  }

  get size(): number {
    return this.sockets.size;
  }

  /** Takes over an HTTP upgrade that was already found to be allowed. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, after: number | undefined): void {
    this.server.handleUpgrade(request, socket, head, (webSocket) => this.open(webSocket, after));
  }

  /** Sends a message to every socket, once, after what it has missed. */
  broadcast(message: Message): void {
    const text = JSON.stringify({ type: "message", message });
    for (const [socket, { waiting, replayed }] of this.sockets) {
      if (waiting !== undefined) waiting.push(message);
      else if (replayed.has(message.id)) continue;
      else if (socket.bufferedAmount > maxBuffered) socket.terminate();
      else socket.send(text);
    }
  }

  /**
   * Leaves sockets open as long as it may, then closes each with 1012: the last one when `withinMs` are over, ten a
   * second or as fast as half of the time demands, so that they do not all come back at once. Resolves when all are gone
   * (at once, where there are none) or the time is over.
   */
  async drain(withinMs: number): Promise<void> {
    const until = Date.now() + withinMs;
    const gap = (): number => Math.min(100, withinMs / 2 / Math.max(1, this.sockets.size));
    while (this.sockets.size > 0 && Date.now() < until - gap() * this.sockets.size) await pause(20);
    const between = gap();
    for (const socket of [...this.sockets.keys()]) {
      socket.close(restartCode, "restarting");
      await pause(between);
    }
    const deadline = Date.now() + 1000;
    while (this.sockets.size > 0 && Date.now() < deadline) await pause(20);
  }

  /** Ends what is left at once. */
  close(): void {
    clearInterval(this.pinger);
    for (const socket of this.sockets.keys()) socket.terminate();
    this.server.close();
  }

  private open(socket: WebSocket, after: number | undefined): void {
    const state: SocketState = {
      alive: true,
      waiting: after === undefined ? undefined : [],
      replayed: new Set(after === undefined ? [] : [after]),
    };
    this.sockets.set(socket, state);
    socket.on("pong", () => (state.alive = true));
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("error", () => socket.terminate());
    socket.on("message", (data, isBinary) => this.receive(socket, isBinary ? undefined : asText(data)));
    socket.send(JSON.stringify({ type: "hello", release: this.options.release }));
    if (after !== undefined) void this.replay(socket, state, after);
  }

  private async replay(socket: WebSocket, state: SocketState, after: number): Promise<void> {
    let missed: readonly Message[] = [];
    try {
      missed = await this.options.missed(after);
    } catch {
      // The client has its own way to ask again: the page of messages over HTTP.
      socket.send(JSON.stringify({ type: "error", code: "replay_failed" }));
    }
    const since = state.waiting ?? [];
    state.waiting = undefined;
    for (const message of [...missed, ...since]) {
      if (state.replayed.has(message.id)) continue;
      state.replayed.add(message.id);
      socket.send(JSON.stringify({ type: "message", message }));
    }
  }

  private receive(socket: WebSocket, text: string | undefined): void {
    if (text === undefined) return socket.close(1003, "text only");
    let type: unknown;
    try {
      type = (JSON.parse(text) as { type?: unknown } | null)?.type;
    } catch {
      type = undefined;
    }
    if (type === "ping") socket.send(JSON.stringify({ type: "pong", at: new Date().toISOString() }));
    else socket.send(JSON.stringify({ type: "error", code: "unknown_type" }));
  }

  private ping(): void {
    for (const [socket, state] of this.sockets) {
      if (!state.alive) {
        socket.terminate();
        continue;
      }
      state.alive = false;
      socket.ping();
    }
  }
}

function asText(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("utf8");
  return (data instanceof ArrayBuffer ? Buffer.from(data) : data).toString("utf8");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
