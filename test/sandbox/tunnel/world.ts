import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from "node:http";
import { request as secureRequest, type RequestOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Cloudflare from "cloudflare";
import { WebSocket } from "ws";
import { type CloudflareServer, startCloudflare } from "../../../sandbox/cloudflare/server";
import { type Edge, startEdge } from "../../../sandbox/edge/edge";
import { Connector } from "../../../sandbox/tunnel/connector";
import { startTunnels, type Tunnels } from "../../../sandbox/tunnel/tunnels";

export const accountId = `${"0".repeat(29)}0a3`;
export const root = "pika.localhost";

/** An account, an edge, and the edge's end of tunnels; what a test starts through it ends with it. */
export class TunnelWorld {
  api!: CloudflareServer;
  edge!: Edge;
  tunnels!: Tunnels;
  client!: Cloudflare;
  zoneId = "";
  directory = "";
  ca = "";
  readonly said: string[] = [];
  private readonly connectors = new Set<Connector>();
  private readonly servers: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];

  static async start({ heartbeatMs }: { heartbeatMs?: number } = {}): Promise<TunnelWorld> {
    const world = new TunnelWorld();
    world.directory = await mkdtemp(join(tmpdir(), "gw-tunnel-"));
    const apiToken = randomBytes(30).toString("hex");
    world.api = await startCloudflare({
      stateDirectory: join(world.directory, "cloudflare"),
      accountId,
      apiToken,
    });
    world.zoneId = (await world.api.ensureZone({ name: root })).id;
    world.client = new Cloudflare({ baseURL: world.api.url, apiToken, maxRetries: 0 });
    world.tunnels = await world.listen(heartbeatMs);
    world.edge = await startEdge({
      view: world.api.view,
      directory: join(world.directory, "edge"),
      resolveOrigin: () => undefined,
      hooks: { tunnels: (exchange) => world.tunnels.step(exchange) },
      log: (line) => world.said.push(line),
    });
    world.ca = await readFile(world.edge.authority.certificateFile, "utf8");
    return world;
  }

  /** The edge's end, as a sandbox starts it. */
  listen(heartbeatMs?: number): Promise<Tunnels> {
    return startTunnels({
      directory: this.directory,
      find: (id) => this.api.view.tunnel?.(id),
      connectors: this.api.connectors,
      onChange: (listener) => this.api.onChange(listener),
      ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
      log: (line) => this.said.push(line),
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.connectors].map((connector) => connector.stop(0)));
    await this.edge.close();
    await this.tunnels.close();
    await this.api.close();
    for (const { server, sockets } of this.servers) {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  /** A tunnel with its configuration, and the records of its host names. */
  async tunnel(ingress: Readonly<Record<string, string>>): Promise<{ id: string; token: string }> {
    const { cloudflared } = this.client.zeroTrust.tunnels;
    const tunnel = await cloudflared.create({
      account_id: accountId,
      name: `tunnel-${randomBytes(3).toString("hex")}`,
      config_src: "cloudflare",
    });
    const id = tunnel.id!;
    await this.configure(id, ingress);
    for (const hostname of Object.keys(ingress)) {
      await this.client.dns.records.create({
        zone_id: this.zoneId,
        type: "CNAME",
        name: hostname,
        content: `${id}.cfargotunnel.com`,
        ttl: 1,
        proxied: true,
      });
    }
    return { id, token: String(await cloudflared.token.get(id, { account_id: accountId })) };
  }

  async configure(id: string, ingress: Readonly<Record<string, string>>): Promise<void> {
    const rules = Object.entries(ingress).map(([hostname, service]) => ({ hostname, service }));
    await this.client.zeroTrust.tunnels.cloudflared.configurations.update(id, {
      account_id: accountId,
      config: { ingress: [...rules, { service: "http_status:404" }] } as never,
    });
  }

  /** Starts a connector and waits until all of its connections are registered. */
  async connect(token: string, connections = 4): Promise<Connector> {
    const connector = new Connector({
      edge: this.tunnels.socket,
      token,
      version: "2025.8.1-test",
      connections,
      waitMs: 100,
    });
    this.connectors.add(connector);
    void connector.run();
    await until(() => connector.ready === connections);
    return connector;
  }

  /** A service of the host. @returns its port */
  async serve(listener?: (request: IncomingMessage) => { status?: number; body: string }): Promise<{
    server: Server;
    port: number;
    url: string;
  }> {
    const server = createServer();
    if (listener !== undefined) {
      server.on("request", (asked: IncomingMessage, response) => {
        const { status = 200, body } = listener(asked);
        asked.resume();
        response.writeHead(status, { "content-type": "text/plain" }).end(body);
      });
    }
    const sockets = new Set<Socket>();
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.servers.push({ server, sockets });
    const { port } = server.address() as AddressInfo;
    return { server, port, url: `http://127.0.0.1:${port}` };
  }

  options(host: string, path: string): RequestOptions {
    return {
      host: "127.0.0.1",
      port: this.edge.httpsPort,
      servername: host,
      ca: this.ca,
      path,
      agent: false,
      headers: { host },
    };
  }

  /** One request as a visitor sends it. */
  async get(
    host: string,
    path = "/",
  ): Promise<{ status: number; body: string; headers: IncomingHttpHeaders }> {
    return new Promise((resolve, reject) => {
      const asked = secureRequest(this.options(host, path), (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
        answer.once("end", () => resolve({ status: answer.statusCode ?? 0, body, headers: answer.headers }));
        answer.once("error", reject);
      });
      asked.once("error", reject);
      asked.end();
    });
  }

  socket(host: string, path: string): WebSocket {
    const options: object = {
      ca: this.ca,
      servername: host,
      lookup: ((_name: string, options: { all?: boolean }, done: (...args: unknown[]) => void) =>
        options.all === true
          ? done(null, [{ address: "127.0.0.1", family: 4 }])
          : done(null, "127.0.0.1", 4)) as unknown,
    };
    return new WebSocket(`wss://${host}:${this.edge.httpsPort}${path}`, options);
  }
}

/** Waits until something holds; fails after 10 s. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error("it did not come to hold within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
