import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { once } from "node:events";
import { WebSocketServer } from "ws";
import { Prober } from "../../../components/origin/prober";

/** An address that answers requests, and hands a WebSocket's request to the test. */
class Address {
  /** One answer for each; fulfilled once the visitor has answered it in turn. */
  readonly upgrades: (() => Promise<unknown>)[] = [];
  readonly connections = new Set<Socket>();
  private readonly websockets = new WebSocketServer({ noServer: true });
  private readonly server: Server;

  constructor(private readonly onUpgrade: () => void = () => undefined) {
    this.server = createServer((_request, response) => response.end("fine"));
    this.server.on("connection", (socket) => {
      this.connections.add(socket);
      socket.on("error", () => undefined).once("close", () => this.connections.delete(socket));
    });
    this.server.on("upgrade", (request, socket, head) => {
      this.upgrades.push(
        () =>
          new Promise((resolve) =>
            this.websockets.handleUpgrade(request, socket, head, (websocket) => {
              websocket.once("pong", resolve).once("error", resolve).once("close", resolve).ping();
            }),
          ),
      );
      this.onUpgrade();
    });
  }

  async listen(): Promise<string> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  /** Waits until nobody is connected; the test's own limit ends it otherwise. */
  async left(): Promise<void> {
    while (this.connections.size > 0) await once([...this.connections][0] as Socket, "close");
  }

  async close(): Promise<void> {
    for (const socket of this.connections) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }
}

describe("a prober that is stopped", () => {
  let address: Address | undefined;
  afterEach(() => address?.close());

  const opening = async (): Promise<{ readonly prober: Prober; readonly address: Address }> => {
    let asked = (): void => undefined;
    const both = new Promise<void>((resolve) => (asked = resolve));
    address = new Address(() => {
      if (address?.upgrades.length === 2) asked();
    });
    const url = await address.listen();
    const prober = new Prober({ url, websocket: "/socket", intervalMs: 20 }, { onFailing: () => undefined });
    prober.start();
    await both;
    return { prober, address };
  };

  test("leaves no WebSocket that was being opened just then", async () => {
    const { prober, address: server } = await opening();
    const { sockets, notes } = await prober.stop("one");
    for (const answer of server.upgrades) void answer();
    await server.left();
    expect(sockets).toEqual([]);
    expect(notes?.some((note) => note.includes("WebSocket")) ?? false).toBe(false);
  });

  test("leaves no WebSocket that is open, and does not call it cut", async () => {
    const { prober, address: server } = await opening();
    await Promise.all(server.upgrades.map((answer) => answer()));
    const { sockets } = await prober.stop("one");
    await server.left();
    expect(sockets).toHaveLength(2);
    for (const socket of sockets) expect(socket.closedAt).toBeUndefined();
  });
});
