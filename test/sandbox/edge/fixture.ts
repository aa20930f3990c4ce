import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dispatcher } from "undici";
import { Agent, request as undiciRequest } from "undici";
import type { Authority, IssuedCertificate } from "../../../sandbox/certificates";
import { createAuthority } from "../../../sandbox/certificates";
import type { Edge, EdgeOptions } from "../../../sandbox/edge/edge";
import { startEdge } from "../../../sandbox/edge/edge";
import type { EdgePages, EdgeRecord, EdgeRule, EdgeView } from "../../../sandbox/edge/view";

/** An account in memory that a test changes as it likes. */
export interface FakeAccount {
  readonly zones: string[];
  readonly records: Omit<EdgeRecord, "id">[];
  readonly settings: Record<string, unknown>;
  readonly rules: Record<string, EdgeRule[]>;
  readonly pages: Record<string, EdgePages>;
}

export const originAddress = "203.0.113.10";

export function makeAccount(): FakeAccount {
  return {
    zones: ["streampai.localhost"],
    records: [{ type: "A", name: "api.streampai.localhost", content: originAddress, proxied: true }],
    settings: { ssl: "flexible", websockets: "on", brotli: "on", min_tls_version: "1.0" },
    rules: {},
    pages: {},
  };
}

export function makeView(account: FakeAccount, originCaCertificate: string): EdgeView {
  return {
    originCaCertificate,
    zoneForHost(host) {
      const name = account.zones.find((zone) => host === zone || host.endsWith(`.${zone}`));
      return name === undefined ? undefined : { id: `zone-${name}`, name };
    },
    records: (zoneId, host) =>
      account.records
        .filter(({ name }) => name === host && zoneId.startsWith("zone-"))
        .map((record, index) => ({ ...record, id: String(index) })),
    setting: (_zoneId, id) => account.settings[id],
    rules: (_zoneId, phase) => account.rules[phase] ?? [],
    pagesForHost: (host) => account.pages[host],
  };
}

/** A Pages project from file names and contents; `_headers` and `_redirects` are read as such. */
export function makeSite(files: Record<string, string | Buffer>): EdgePages {
  const manifest: Record<string, string> = {};
  const assets = new Map<string, { body: Buffer; contentType: string }>();
  for (const [path, content] of Object.entries(files)) {
    if (path === "_headers" || path === "_redirects") continue;
    const body = Buffer.from(content);
    const hash = createHash("sha256").update(path).update(body).digest("hex").slice(0, 32);
    manifest[path] = hash;
    assets.set(hash, {
      body,
      contentType: contentTypes[/\.(\w+)$/.exec(path)?.[1] ?? ""] ?? "application/octet-stream",
    });
  }
  return {
    project: "site",
    deployment: {
      id: "deployment",
      manifest,
      headersFile: files["_headers"]?.toString(),
      redirectsFile: files["_redirects"]?.toString(),
    },
    asset: (hash) => assets.get(hash),
  };
}

const contentTypes: Record<string, string> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "application/javascript",
  json: "application/json",
  txt: "text/plain; charset=utf-8",
  png: "image/png",
};

/** An edge with its account and origins: everything is ended by {@link World.close}. */
export class World {
  readonly account = makeAccount();
  readonly originPorts = new Map<string, number>();
  edge!: Edge;
  originCa!: Authority;
  directory!: string;
  private agent!: Agent;
  private readonly servers: { server: Server; sockets: Set<Socket> }[] = [];

  static async start(options: Partial<EdgeOptions> = {}): Promise<World> {
    const world = new World();
    world.directory = await mkdtemp(join(tmpdir(), "edge-"));
    world.originCa = await createAuthority(join(world.directory, "origin-ca"), "Origin CA");
    world.edge = await startEdge({
      view: makeView(world.account, world.originCa.certificatePem),
      directory: join(world.directory, "edge"),
      resolveOrigin: (address, port) => {
        const local = world.originPorts.get(`${address}:${port}`);
        return local === undefined ? undefined : { host: "127.0.0.1", port: local };
      },
      ...options,
    });
    world.agent = new Agent({
      connect: { ca: world.edge.authority.certificatePem, lookup: loopback },
      allowH2: false,
    });
    return world;
  }

  async close(): Promise<void> {
    await this.agent.destroy();
    await this.edge.close();
    for (const { server, sockets } of this.servers) {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Serves an origin for `address:port`. @returns its real port */
  async origin(
    listener: RequestListener,
    { where = `${originAddress}:80`, tls }: { where?: string; tls?: IssuedCertificate } = {},
  ): Promise<number> {
    const server =
      tls === undefined
        ? createHttpServer(listener)
        : createHttpsServer({ cert: tls.certificatePem, key: tls.keyPem }, listener);
    return this.serve(server, where);
  }

  async serve(server: Server, where = `${originAddress}:80`): Promise<number> {
    const sockets = new Set<Socket>();
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.servers.push({ server, sockets });
    const { port } = server.address() as AddressInfo;
    this.originPorts.set(where, port);
    return port;
  }

  url(scheme: "http" | "https", host: string, path = "/"): string {
    return `${scheme}://${host}:${scheme === "http" ? this.edge.httpPort : this.edge.httpsPort}${path}`;
  }

  /** One HTTP/1.1 request through the edge: nothing is followed, decoded or retried. */
  async fetch(
    scheme: "http" | "https",
    host: string,
    path = "/",
    options: Partial<Omit<Dispatcher.RequestOptions, "path" | "origin">> = {},
  ): Promise<Answer> {
    const answer = await undiciRequest(this.url(scheme, host, path), {
      method: "GET",
      ...options,
      dispatcher: this.agent,
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: answer.headers, bytes, text: bytes.toString() };
  }

  /** The same, without reading the body. */
  stream(scheme: "http" | "https", host: string, path: string): Promise<Dispatcher.ResponseData> {
    return undiciRequest(this.url(scheme, host, path), { dispatcher: this.agent });
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly bytes: Buffer;
  readonly text: string;
}

type LookupDone = (
  error: Error | null,
  addresses: { address: string; family: number }[] | string,
  family?: number,
) => void;

/** Every name is this machine. */
export function loopback(_name: string, options: { all?: boolean }, done: LookupDone): void {
  if (options.all === true) done(null, [{ address: "127.0.0.1", family: 4 }]);
  else done(null, "127.0.0.1", 4);
}

/** An origin that says what it received, as JSON. */
export const echo: RequestListener = (request, response) => {
  void bodyOf(request).then((body) => {
    response.setHeader("content-type", "application/json");
    response.setHeader("server", "cowboy");
    response.setHeader("set-cookie", ["a=1; Path=/", "b=2; Path=/"]);
    response.end(
      JSON.stringify({
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: body.toString(),
      }),
    );
  });
};

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
