import { createHash, timingSafeEqual } from "node:crypto";
import { chmod, mkdir, rm } from "node:fs/promises";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { type Log, silent } from "../../common/log";
import type { Connectors } from "../cloudflare/connectors";
import { edgeErrors, fail } from "../edge/error-pages";
import type { Exchange, Outcome } from "../edge/exchange";
import { lookup } from "../edge/origin-target";
import type { EdgeTunnel } from "../edge/view";
import { ByteStream } from "./byte-stream";
import {
  controlPath,
  exchangePath,
  type FromConnector,
  readMessages,
  sendMessage,
  type TunnelConfiguration,
} from "./messages";

export interface TunnelsOptions {
  /** The socket's folder is made below it, or in /var/tmp where its path would be too long. */
  readonly directory: string;
  /** A tunnel of the account that is not deleted. */
  readonly find: (id: string) => EdgeTunnel | undefined;
  /** Where the API looks who is connected. */
  readonly connectors: Connectors;
  /** Calls back when something in the account may have changed. @returns a function that ends the calls. */
  readonly onChange: (listener: () => void) => () => void;
  /** How often a connection is asked whether it lives, in milliseconds. @default 5000 */
  readonly heartbeatMs?: number;
  readonly log?: Log;
}

/** The edge's end of tunnels: connectors dial in here, requests go out to them. */
export interface Tunnels {
  /** For connectors: a Unix socket. */
  readonly socket: string;
  /** Answers, or hands on, a request whose host leads to a tunnel: the edge's hook `tunnels`. */
  readonly step: (exchange: Exchange) => Outcome;
  close(): Promise<void>;
}

/** So many in a row without an answer, and a connection is let go of. */
const heartbeatsMissed = 4;
/** A Unix socket's path may have 107 bytes. */
const longestPath = 100;
const socketName = "edge.sock";

/** The folder of a sandbox's socket for connectors. It may lie outside of the sandbox's own: see {@link removeTunnelFolder}. */
export function tunnelFolder(directory: string): string {
  const inside = join(directory, "tunnel");
  if (Buffer.byteLength(join(inside, socketName)) <= longestPath) return inside;
  return join(
    "/var/tmp",
    `groundwork-${createHash("sha256").update(inside).digest("hex").slice(0, 12)}-tunnel`,
  );
}

export async function removeTunnelFolder(directory: string): Promise<void> {
  await rm(tunnelFolder(directory), { recursive: true, force: true });
}

/**
 * Starts to listen for connectors.
 *
 * @example
 * const tunnels = await startTunnels({ directory, find: api.view.tunnel, connectors: api.connectors, onChange: api.onChange });
 * const edge = await startEdge({ …, hooks: { tunnels: tunnels.step } });
 */
export async function startTunnels(options: TunnelsOptions): Promise<Tunnels> {
  const socket = join(tunnelFolder(options.directory), socketName);
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 });
  await chmod(dirname(socket), 0o700);
  await rm(socket, { force: true });
  const running = new RunningTunnels(options, socket);
  await running.open();
  return running;
}

interface Connection {
  readonly tunnelId: string;
  readonly session: ClientHttp2Session;
  readonly control: ClientHttp2Stream;
  configured: number;
  draining: boolean;
  /** Streams that carry an exchange. */
  open: number;
  readonly detach: () => void;
}

class RunningTunnels implements Tunnels {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly connections = new Set<Connection>();
  private readonly log: Log;
  private readonly unsubscribe: () => void;
  private turn = 0;
  private closed = false;

  constructor(
    private readonly options: TunnelsOptions,
    readonly socket: string,
  ) {
    this.log = options.log ?? silent;
    this.server = createServer((connection) => this.accept(connection));
    this.unsubscribe = options.onChange(() => this.changed());
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(this.socket, resolve);
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.unsubscribe();
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const { session } of this.connections) session.destroy();
    for (const socket of this.sockets) socket.destroy();
    await closed;
    await rm(this.socket, { force: true });
  }

  readonly step = (exchange: Exchange): Outcome => {
    const found = lookup(exchange.view, exchange.host);
    const id = found.kind === "tunnel" ? found.tunnel : "";
    const tunnel = this.options.find(id);
    if (tunnel === undefined || this.usable(id).length === 0) {
      return fail(edgeErrors.tunnel(exchange.host), exchange);
    }
    return {
      kind: "origin",
      target: {
        scheme: "http",
        recordContent: `${id}.cfargotunnel.com`,
        port: 7844,
        connect: { host: "tunnel", port: 7844 },
        verify: false,
        acceptedNames: [],
        tunnel: { name: tunnel.name, dial: () => this.dial(id) },
      },
    };
  };

  private usable(tunnelId: string): Connection[] {
    return [...this.connections].filter(
      (each) =>
        each.tunnelId === tunnelId && !each.draining && !each.session.closed && !each.session.destroyed,
    );
  }

  /** A stream to one of the tunnel's connections, each in its turn. */
  private dial(tunnelId: string): ByteStream {
    const usable = this.usable(tunnelId);
    const connection = usable[this.turn++ % usable.length];
    if (connection === undefined) throw new Error("no connector of the tunnel is connected");
    const stream = connection.session.request(
      { ":method": "POST", ":path": exchangePath },
      { endStream: false },
    );
    connection.open++;
    stream.once("close", () => {
      connection.open--;
      if (connection.draining) letGo(connection);
    });
    return new ByteStream(stream);
  }

  private accept(socket: Socket): void {
    if (this.closed) return void socket.destroy();
    this.sockets.add(socket);
    socket.once("close", () => this.sockets.delete(socket));
    const session = connectHttp2("http://connector", {
      createConnection: () => socket,
      settings: { initialWindowSize: 1024 * 1024, enablePush: false },
      peerMaxConcurrentStreams: 100_000,
    });
    session.on("error", () => session.destroy());
    session.setLocalWindowSize(16 * 1024 * 1024);
    const control = session.request({ ":method": "POST", ":path": controlPath }, { endStream: false });
    control.on("error", () => session.destroy());
    let connection: Connection | undefined;
    // Whoever says nothing is no connector.
    const patience = setTimeout(() => session.destroy(), 10_000);
    readMessages<FromConnector>(control, (message) => {
      if (message.kind === "hello" && connection === undefined) {
        clearTimeout(patience);
        connection = this.register(session, control, message);
      } else if (message.kind === "draining" && connection !== undefined) {
        connection.draining = true;
        connection.detach();
        letGo(connection);
      }
    });
    const beat = this.watch(session);
    session.once("close", () => {
      clearTimeout(patience);
      clearInterval(beat);
      if (connection === undefined) return;
      connection.detach();
      this.connections.delete(connection);
      this.log(`tunnel: a connection of ${connection.tunnelId} ended`);
    });
  }

  /** A connector that is stopped or stuck is let go of. */
  private watch(session: ClientHttp2Session): NodeJS.Timeout {
    let unanswered = 0;
    return setInterval(() => {
      if (session.destroyed) return;
      // Not at once: a machine with much to do is slow, not stuck.
      if (unanswered >= heartbeatsMissed) return session.destroy();
      unanswered++;
      session.ping((error) => {
        if (error === null) unanswered = 0;
      });
    }, this.options.heartbeatMs ?? 5000).unref();
  }

  private register(
    session: ClientHttp2Session,
    control: ClientHttp2Stream,
    hello: Extract<FromConnector, { kind: "hello" }>,
  ): Connection | undefined {
    const tunnel = this.authenticate(hello.token);
    if (typeof tunnel === "string") {
      sendMessage(control, { kind: "refused", reason: tunnel });
      this.log(`tunnel: a connector is refused: ${tunnel}`);
      control.end();
      session.close();
      return undefined;
    }
    const connection: Connection = {
      tunnelId: tunnel.id,
      session,
      control,
      configured: -1,
      draining: false,
      open: 0,
      detach: this.options.connectors.attach(
        {
          tunnelId: tunnel.id,
          connectorId: hello.connectorId,
          originIp: "127.0.0.1",
          version: hello.version,
        },
        () => session.destroy(),
      ),
    };
    this.connections.add(connection);
    this.configure(connection, tunnel.configuration);
    sendMessage(control, { kind: "registered", location: "sbx01" });
    this.log(`tunnel: a connector of ${tunnel.name} is connected`);
    return connection;
  }

  /** The tunnel of a token, or why it is none. */
  private authenticate(token: string): EdgeTunnel | string {
    let parts: { a?: unknown; t?: unknown; s?: unknown };
    try {
      parts = JSON.parse(Buffer.from(token, "base64").toString("utf8")) as typeof parts;
    } catch {
      return "the token is not one of a tunnel";
    }
    const tunnel = typeof parts.t === "string" ? this.options.find(parts.t) : undefined;
    if (tunnel === undefined || parts.a !== tunnel.accountId) return "Unauthorized: Tunnel not found";
    const hash = (text: unknown): Buffer => createHash("sha256").update(String(text)).digest();
    if (!timingSafeEqual(hash(parts.s), hash(tunnel.secret))) return "Unauthorized: Invalid tunnel secret";
    return tunnel;
  }

  /** Hands each connector the configuration that is in force, and hangs up on those of a deleted tunnel. */
  private changed(): void {
    for (const connection of this.connections) {
      const tunnel = this.options.find(connection.tunnelId);
      if (tunnel === undefined) connection.session.destroy(undefined, constants.NGHTTP2_NO_ERROR);
      else this.configure(connection, tunnel.configuration);
    }
  }

  private configure(connection: Connection, configuration: TunnelConfiguration): void {
    if (connection.configured === configuration.version) return;
    connection.configured = configuration.version;
    sendMessage(connection.control, { kind: "configuration", configuration });
  }
}

/**
 * Ends a connection that nothing goes through any more. Not before: HTTP/2's own farewell may overtake the heads of
 * streams that were just opened, and the other side would refuse them.
 */
function letGo({ control, session, open }: Connection): void {
  if (open > 0) return;
  control.end();
  session.close();
}
