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

/** All open sockets of this process. */
export class SocketHub {
  private readonly server = new WebSocketServer({
    noServer: true,
    maxPayload: 16 * 1024,
    clientTracking: false,
  });
  private readonly alive = new Map<WebSocket, boolean>();
  private readonly pinger: NodeJS.Timeout;

  constructor(private readonly options: SocketHubOptions) {
    this.pinger = setInterval(() => this.ping(), options.pingMs ?? 25_000);
    this.pinger.unref();
  }

  get size(): number {
    return this.alive.size;
  }

  /** Takes over an HTTP upgrade that was already found to be allowed. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, after: number | undefined): void {
    this.server.handleUpgrade(request, socket, head, (webSocket) => this.open(webSocket, after));
  }

  broadcast(message: Message): void {
    const text = JSON.stringify({ type: "message", message });
    for (const socket of this.alive.keys()) {
      if (socket.bufferedAmount > maxBuffered) socket.terminate();
      else socket.send(text);
    }
  }

  /**
   * Closes every socket with 1012, spread over at most `withinMs` so that they do not all come back at once; a few
   * sockets are closed at ten a second. Resolves when all are gone or the time is over.
   */
  async drain(withinMs: number): Promise<void> {
    const sockets = [...this.alive.keys()];
    const gap = sockets.length === 0 ? 0 : Math.min(100, withinMs / sockets.length);
    for (const socket of sockets) {
      socket.close(restartCode, "restarting");
      await pause(gap);
    }
    const deadline = Date.now() + 1000;
    while (this.alive.size > 0 && Date.now() < deadline) await pause(20);
  }

  /** Ends what is left at once. */
  close(): void {
    clearInterval(this.pinger);
    for (const socket of this.alive.keys()) socket.terminate();
    this.server.close();
  }

  private open(socket: WebSocket, after: number | undefined): void {
    this.alive.set(socket, true);
    socket.on("pong", () => this.alive.set(socket, true));
    socket.on("close", () => this.alive.delete(socket));
    socket.on("error", () => socket.terminate());
    socket.on("message", (data, isBinary) => this.receive(socket, isBinary ? undefined : asText(data)));
    socket.send(JSON.stringify({ type: "hello", release: this.options.release }));
    if (after !== undefined) void this.replay(socket, after);
  }

  private async replay(socket: WebSocket, after: number): Promise<void> {
    try {
      for (const message of await this.options.missed(after)) {
        socket.send(JSON.stringify({ type: "message", message }));
      }
    } catch {
      // The client has its own way to ask again: the page of messages over HTTP.
      socket.send(JSON.stringify({ type: "error", code: "replay_failed" }));
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
    for (const [socket, alive] of this.alive) {
      if (!alive) {
        socket.terminate();
        continue;
      }
      this.alive.set(socket, false);
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
