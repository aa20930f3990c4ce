/** The proxy's configuration in a real Caddy: what visitors, the host and other containers are answered. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, request as httpRequest, type Server } from "node:http";
import { request as httpsRequest } from "node:https";
import { type AddressInfo, createConnection, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { caddyfile, type CaddyfileSpec } from "../../../components/origin/caddyfile";
import { cloudflareNetworks } from "../../../components/origin/cloudflare-networks";
import { type Authority, createAuthority } from "../../../sandbox/certificates";
import { buildCaddy } from "../../../sandbox/engine/caddy";
import { writeAnswer } from "../../../sandbox/host/process/dns-message";

jest.setTimeout(600_000);

const folder = mkdtempSync(join(tmpdir(), "groundwork-caddyfile-"));
const upstreams = join(folder, "upstreams");
const certificates = join(folder, "certificates");
const servers: Server[] = [];
let caddy = "";
let authority: Authority;

beforeAll(async () => {
  caddy = await buildCaddy();
  mkdirSync(upstreams);
  mkdirSync(certificates);
  authority = await createAuthority(join(folder, "authority"), "Origin CA of a test");
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

const spec = (changes: Partial<CaddyfileSpec> = {}): CaddyfileSpec => ({
  tls: "none",
  hostnames: ["www.example.com", "api.example.com"],
  httpsPort: 443,
  upstreams: [
    { service: "api", port: 4000, rolling: true },
    { service: "web", port: 3000, rolling: true },
  ],
  routes: { "/*": "web", "/api/*": "api", "/api/pages/*": "web", "api.example.com/*": "api" },
  headers: {},
  trusted: [],
  graceSeconds: 5,
  ...changes,
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server of one release: says who it is, and what it was asked. */
async function application(name: string, { host = "127.0.0.1", port = 0 } = {}): Promise<string> {
  const server = createServer((request, response) => {
    response.setHeader("Server", "app/1.0");
    if (request.url?.endsWith("/framed") === true) response.setHeader("X-Frame-Options", "DENY");
    response.end(JSON.stringify({ name, url: request.url, headers: request.headers }));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return `${host}:${(server.address() as AddressInfo).port}`;
}

/** Replaces what a service's file says as the host does: whole, by a rename. */
function point(name: string, upstream: string): void {
  writeFileSync(join(upstreams, `.${name}`), `${upstream}\n`);
  renameSync(join(upstreams, `.${name}`), join(upstreams, name));
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A Caddy with its ports; `within` is the port at which containers beside it reach the service of that port. */
class Proxy {
  private constructor(
    private readonly child: ChildProcess,
    readonly http: number,
    readonly https: number,
    readonly gate: number,
    readonly spec: CaddyfileSpec,
    private readonly file: string,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  static async start(wanted: CaddyfileSpec, variables: NodeJS.ProcessEnv = {}): Promise<Proxy> {
    const [http, https, gate, admin, ...own] = await Promise.all(
      Array.from({ length: 4 + wanted.upstreams.length }, freePort),
    );
    const placed = {
      ...wanted,
      upstreams: wanted.upstreams.map((each, n) => ({ ...each, port: own[n] ?? 0 })),
    };
    const file = join(folder, `Caddyfile-${String(http)}`);
    writeFileSync(file, caddyfile(placed));
    const environment = {
      ...process.env,
      UPSTREAMS: upstreams,
      CERTIFICATES: certificates,
      BIND: "127.0.0.1",
      HTTP_PORT: String(http),
      HTTPS_PORT: String(https),
      GATE_PORT: String(gate),
      ADMIN: `127.0.0.1:${String(admin)}`,
      XDG_DATA_HOME: join(folder, "data"),
      ...variables,
    };
    const child = spawn(caddy, ["run", "--config", file, "--adapter", "caddyfile"], {
      env: environment,
      stdio: ["ignore", "ignore", "pipe"],
    });
    await new Promise<void>((resolve, reject) => {
      let said = "";
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes("serving initial configuration")) resolve();
      });
      child.once("exit", () => reject(new Error(said)));
    });
    return new Proxy(child, http ?? 0, https ?? 0, gate ?? 0, placed, file, environment);
  }

  reload(wanted: CaddyfileSpec): void {
    writeFileSync(this.file, caddyfile(wanted));
    execFileSync(caddy, ["reload", "--config", this.file, "--adapter", "caddyfile"], {
      env: this.environment,
      stdio: "pipe",
    });
  }

  ask(path: string, headers: Record<string, string> = {}, port = this.http): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        { host: "127.0.0.1", port, path, agent: false, headers: { host: "www.example.com", ...headers } },
        (response) => {
          let body = "";
          response.on("data", (chunk: Buffer) => (body += chunk.toString()));
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
          );
        },
      );
      sent.on("error", reject);
      sent.end();
    });
  }

  /** Who answers a path. */
  async who(path: string, headers: Record<string, string> = {}, port = this.http): Promise<string> {
    const { status, body } = await this.ask(path, headers, port);
    return status === 200 ? (JSON.parse(body) as { name: string }).name : String(status);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await ended;
  }
}

test("the longest route wins, and one of a host name before all others", async () => {
  point("api", await application("api"));
  point("web", await application("web"));
  const proxy = await Proxy.start(spec());
  try {
    expect(await proxy.who("/")).toBe("web");
    expect(await proxy.who("/apiary")).toBe("web");
    expect(await proxy.who("/api/things?x=1")).toBe("api");
    expect(await proxy.who("/api/pages/1")).toBe("web");
    expect(await proxy.who("/", { host: "api.example.com" })).toBe("api");
  } finally {
    await proxy.stop();
  }
});

test("what no route leads to is not found; a service that is not rolling is reached by its name", async () => {
  const place = await application("admin");
  const [name = "", port = ""] = place.split(":");
  const proxy = await Proxy.start({ ...spec({ routes: { "/api/*": "api" } }) });
  try {
    expect(await proxy.who("/")).toBe("404");
  } finally {
    await proxy.stop();
  }
  const text = caddyfile(
    spec({ upstreams: [{ service: name, port: Number(port), rolling: false }], routes: { "/*": name } }),
  );
  expect(text).toContain(`reverse_proxy ${place} {`);
});

test("a release has the traffic from the rename on, without another configuration", async () => {
  const [blue, green] = [await application("blue"), await application("green")];
  point("api", blue);
  const proxy = await Proxy.start(spec({ routes: { "/*": "api" } }));
  try {
    expect(await proxy.who("/")).toBe("blue");
    const answers: string[] = [];
    let switched = false;
    for (let n = 0; n < 200; n++) {
      if (n === 100) {
        point("api", green);
        switched = true;
      }
      const who = await proxy.who("/");
      answers.push(who);
      if (switched) expect(who).toBe("green");
    }
    expect(answers.filter((who) => who !== "blue" && who !== "green")).toEqual([]);
  } finally {
    await proxy.stop();
  }
});

test("the host asks for what is about to get the traffic and for what has it; nothing else is told", async () => {
  point("api", await application("old"));
  point("api.candidate", await application("new"));
  const proxy = await Proxy.start(spec());
  try {
    const gate = (headers: Record<string, string>) => proxy.ask("/health", headers, proxy.gate);
    const candidate = await gate({ "X-Groundwork-Service": "api" });
    expect(JSON.parse(candidate.body)).toMatchObject({
      name: "new",
      headers: { host: "www.example.com", "x-forwarded-proto": "https" },
    });
    expect(candidate.body).not.toContain("groundwork");
    expect(JSON.parse((await gate({ "X-Groundwork-Active": "api" })).body)).toMatchObject({ name: "old" });
    expect((await gate({})).status).toBe(404);
    expect((await gate({ "X-Groundwork-Service": "nobody" })).status).toBe(404);
    // Visitors cannot choose.
    expect(await proxy.who("/api/", { "X-Groundwork-Service": "api" })).toBe("old");
  } finally {
    await proxy.stop();
    rmSync(join(upstreams, "api.candidate"));
  }
});

test("headers: defaults give way to the application, wanted ones do not, empty ones take a default away", async () => {
  point("web", await application("web"));
  const proxy = await Proxy.start(
    spec({ headers: { "Report-To": '{"group":"y\\"}', "referrer-policy": "" } }),
  );
  try {
    const { headers } = await proxy.ask("/");
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "SAMEORIGIN",
      "report-to": '{"group":"y\\"}',
    });
    for (const absent of ["server", "via", "referrer-policy", "strict-transport-security"])
      expect(headers).not.toHaveProperty([absent]);
    expect((await proxy.ask("/framed")).headers["x-frame-options"]).toBe("DENY");
  } finally {
    await proxy.stop();
  }
  const strict = await Proxy.start(spec({ headers: { "X-Frame-Options": "SAMEORIGIN" } }));
  try {
    expect((await strict.ask("/framed")).headers["x-frame-options"]).toBe("SAMEORIGIN");
  } finally {
    await strict.stop();
  }
});

test("with a certificate of the origin: HTTPS under its names, HTTP only leads there, a new certificate is taken over", async () => {
  const install = async (days: number) => {
    const { certificatePem, keyPem } = await authority.issue({ hostnames: spec().hostnames, days });
    writeFileSync(join(certificates, "origin.pem"), certificatePem);
    writeFileSync(join(certificates, "origin.key"), keyPem);
  };
  await install(30);
  point("web", await application("web"));
  const wanted = spec({ tls: "origin-certificate", certificate: "one", httpsPort: 8443 });
  const proxy = await Proxy.start(wanted);
  const serial = () =>
    new Promise<string>((resolve, reject) => {
      const sent = httpsRequest(
        {
          host: "127.0.0.1",
          port: proxy.https,
          servername: "www.example.com",
          headers: { host: "www.example.com" },
          ca: authority.certificatePem,
          agent: false,
        },
        (response) => {
          const { serialNumber } = (
            response.socket as unknown as { getPeerCertificate(): { serialNumber: string } }
          ).getPeerCertificate();
          response.resume();
          response.on("end", () => resolve(`${response.statusCode ?? 0} ${serialNumber}`));
        },
      );
      sent.on("error", reject);
      sent.end();
    });
  try {
    const before = await serial();
    expect(before).toMatch(/^200 /);
    const plain = await proxy.ask("/a?b=c");
    expect([plain.status, plain.headers.location]).toEqual([308, "https://www.example.com:8443/a?b=c"]);
    // No redirect to a name of the visitor's choice.
    expect((await proxy.ask("/", { host: "elsewhere.example" })).status).toBe(404);
    await install(31);
    proxy.reload({ ...proxy.spec, certificate: "two" });
    let now = await serial();
    for (let tries = 0; tries < 100 && now === before; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      now = await serial();
    }
    expect(now.split(" ")[1]).not.toBe(before.split(" ")[1]);
  } finally {
    await proxy.stop();
  }
});

test("for Cloudflare only: others are cut off unanswered; who really asks is believed of Cloudflare alone", async () => {
  point("web", await application("web"));
  const visitor = { "CF-Connecting-IP": "198.51.100.7", "X-Forwarded-For": "198.51.100.7" };
  const stranger = await Proxy.start(spec({ onlyFrom: cloudflareNetworks, trusted: cloudflareNetworks }));
  try {
    await expect(stranger.ask("/", visitor)).rejects.toThrow(/socket hang up|ECONNRESET/);
  } finally {
    await stranger.stop();
  }
  const here = ["127.0.0.0/8"];
  const edge = await Proxy.start(spec({ onlyFrom: here, trusted: here }));
  try {
    const { body } = await edge.ask("/", visitor);
    expect(body).toContain('"x-forwarded-for":"198.51.100.7, 127.0.0.1"');
  } finally {
    await edge.stop();
  }
  const direct = await Proxy.start(spec());
  try {
    expect((await direct.ask("/", visitor)).body).toContain('"x-forwarded-for":"127.0.0.1"');
  } finally {
    await direct.stop();
  }
});

test("containers beside the proxy reach a rolling service by its own port", async () => {
  point("web", await application("web"));
  const proxy = await Proxy.start(spec());
  try {
    const text = readFileSync(join(folder, `Caddyfile-${proxy.http}`), "utf8");
    const ports = [...text.matchAll(/^http:\/\/:(\d+) \{/gm)].map(([, port]) => Number(port));
    expect(ports).toHaveLength(2);
    expect(await proxy.who("/", {}, ports[1])).toBe("web");
  } finally {
    await proxy.stop();
  }
  // Not where two have the same port, nor where it is the proxy's own.
  expect(
    caddyfile(
      spec({
        upstreams: [
          { service: "api", port: 3000, rolling: true },
          { service: "web", port: 3000, rolling: true },
          { service: "one", port: 80, rolling: true },
        ],
      }),
    ),
  ).not.toMatch(/^http:\/\/:(3000|80) /m);
});

test("in a swarm, an address that is gone and does not even refuse is asked in vain, and no visitor sees it", async () => {
  const [gone, ...there] = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"] as const;
  const names = createSocket("udp4").bind(0, "127.0.0.1");
  names.on("message", (query, from) =>
    names.send(writeAnswer(query, [gone, ...there]), from.port, from.address),
  );
  await once(names, "listening");
  const resolver = { RESOLVER: `127.0.0.1:${names.address().port}` };
  const tasks = [{ service: "api", port: 0, rolling: false, tasks: true }];
  const proxy = await Proxy.start(spec({ upstreams: tasks, routes: { "/*": "api" } }), resolver);
  const { port } = proxy.spec.upstreams[0]!;
  // Its queue is full and nobody takes anything from it: what comes is dropped, as an address does that nobody has.
  const listen =
    "socket(S, PF_INET, SOCK_STREAM, 0) && bind(S, sockaddr_in($ARGV[1], inet_aton($ARGV[0]))) && listen(S, 0) or die $!; $| = 1; print 'full'; sleep 600";
  const silent = spawn("perl", ["-MSocket", "-e", listen, gone, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const filling: Socket[] = [];
  try {
    await once(silent.stdout, "data");
    for (let count = 0; count < 4; count++)
      filling.push(createConnection({ host: gone, port }).on("error", () => undefined));
    for (const host of there) await application("task", { host, port });
    const asked = await Promise.all(Array.from({ length: 40 }, () => proxy.who("/")));
    expect(new Set(asked)).toEqual(new Set(["task"]));
  } finally {
    for (const socket of filling) socket.destroy();
    silent.kill("SIGKILL");
    names.close();
    await proxy.stop();
  }
});

test("Caddy takes the configuration for names of its own certificates, as it stands in a container", () => {
  const file = join(folder, "automatic");
  writeFileSync(file, caddyfile(spec({ tls: "automatic", email: "ops@example.com" })));
  const adapted = JSON.parse(
    execFileSync(caddy, ["adapt", "--config", file, "--adapter", "caddyfile"], {
      env: { PATH: process.env["PATH"], HOME: folder },
      stdio: ["ignore", "pipe", "ignore"],
    }).toString(),
  ) as {
    readonly apps: {
      readonly http: { readonly servers: Record<string, { readonly listen: string[] }> };
      readonly tls: { readonly automation: { readonly policies: readonly object[] } };
    };
  };
  expect(JSON.stringify(adapted.apps.tls.automation.policies)).toContain("ops@example.com");
  expect(Object.values(adapted.apps.http.servers).flatMap(({ listen }) => listen)).toEqual(
    expect.arrayContaining(["0.0.0.0:80", "[::]:80", "0.0.0.0:443", "[::]:443", "[::]:2020"]),
  );
  expect(readFileSync(file, "utf8")).toContain("?Strict-Transport-Security `max-age=31536000`");
});
