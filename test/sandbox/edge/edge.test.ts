import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import type { ClientHttp2Session } from "node:http2";
import { connect as connectHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { connect as connectTcp, createServer as createTcpServer } from "node:net";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { startEdge } from "../../../sandbox/edge/edge";
import { bodyOf, echo, makeView, originAddress, World } from "./fixture";

const run = promisify(execFile);
const api = "api.streampai.localhost";

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

let world: World;

beforeEach(async () => {
  world = await World.start();
});

afterEach(async () => {
  await world.close();
});

describe("a proxied host", () => {
  test("reaches its origin with the headers that Cloudflare adds, Host unchanged", async () => {
    await world.origin(echo);
    const answer = await world.fetch("https", api, "/api/items?page=2", {
      headers: { "x-forwarded-for": "198.51.100.7", "cf-connecting-ip": "6.6.6.6", "x-custom": "yes" },
    });
    expect(answer.status).toBe(200);
    const seen = JSON.parse(answer.text) as Echo;
    expect(seen).toMatchObject({ method: "GET", url: "/api/items?page=2", body: "" });
    expect(seen.headers).toMatchObject({
      host: `${api}:${world.edge.httpsPort}`,
      "cf-connecting-ip": "127.0.0.1",
      "cf-visitor": '{"scheme":"https"}',
      "x-forwarded-for": "198.51.100.7,127.0.0.1",
      "x-forwarded-proto": "https",
      "cdn-loop": "cloudflare; loops=1",
      "x-custom": "yes",
    });
    expect(seen.headers["cf-ray"]).toMatch(/^[0-9a-f]{16}-SBX$/);
    expect(answer.headers).toMatchObject({
      server: "cloudflare",
      "cf-ray": seen.headers["cf-ray"],
      "cf-cache-status": "DYNAMIC",
      "set-cookie": ["a=1; Path=/", "b=2; Path=/"],
    });
  });

  test.each([0, 1, 5_000_000])("passes a request body of %d bytes and the answer whole", async (size) => {
    await world.origin((request, response) => {
      void bodyOf(request).then((body) => response.end(body));
    });
    const body = Buffer.alloc(size, "0123456789abcdef");
    const answer = await world.fetch("https", api, "/upload", { method: "POST", body });
    expect(answer.status).toBe(200);
    expect(answer.bytes.equals(body)).toBe(true);
  });

  test("streams: the first part arrives while the origin still writes", async () => {
    let finish: () => void = () => undefined;
    await world.origin((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: one\n\n");
      finish = () => response.end("data: two\n\n");
    });
    const answer = await world.stream("https", api, "/events");
    const parts: string[] = [];
    for await (const part of answer.body) {
      parts.push(String(part));
      if (parts.length === 1) finish();
    }
    expect(parts).toEqual(["data: one\n\n", "data: two\n\n"]);
  });

  test("keeps connections to the origin for what can be repeated", async () => {
    const ports = new Set<number | undefined>();
    await world.origin((request, response) => {
      ports.add(request.socket.remotePort);
      response.end("ok");
    });
    for (let i = 0; i < 5; i++) expect((await world.fetch("http", api)).status).toBe(200);
    expect(ports.size).toBe(1);
  });

  test("an origin that closes a kept connection is asked again on a new one", async () => {
    let requests = 0;
    await world.origin((request, response) => {
      requests++;
      if (requests === 2) request.socket.destroy();
      else response.end(`answer ${requests}`);
    });
    expect((await world.fetch("http", api)).text).toBe("answer 1");
    expect((await world.fetch("http", api)).text).toBe("answer 3");
  });

  test("a client that goes away ends the request at the origin", async () => {
    let noteClosed: (value: string) => void = () => undefined;
    const closed = new Promise<string>((resolve) => (noteClosed = resolve));
    await world.origin((_request, response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.write("first");
      response.once("close", () => noteClosed("closed"));
    });
    const answer = await world.stream("https", api, "/");
    answer.body.on("error", () => undefined);
    answer.body.destroy();
    expect(await closed).toBe("closed");
  });

  test("an HTTP/1.0-style or malformed request gets 400 and harms nobody", async () => {
    await world.origin(echo);
    const raw = async (text: string): Promise<string> => {
      const socket = connectTcp(world.edge.httpPort, "127.0.0.1");
      socket.end(text);
      return (await bodyOf(socket as never)).toString();
    };
    expect(await raw("GET / HTTP/1.0\r\n\r\n")).toContain("400");
    expect(await raw("GET / HTTP/1.1\r\nHost: a b\r\n\r\n")).toMatch(/^HTTP\/1\.1 400/);
    expect(await raw("nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400/);
    expect((await world.fetch("http", api)).status).toBe(200);
  });
});

describe("http/2", () => {
  let session: ClientHttp2Session;

  beforeEach(() => {
    session = connectHttp2(`https://${api}:${world.edge.httpsPort}`, {
      ca: world.edge.authority.certificatePem,
      host: "127.0.0.1",
      servername: api,
      createConnection: () =>
        connectTls({
          port: world.edge.httpsPort,
          host: "127.0.0.1",
          servername: api,
          ca: world.edge.authority.certificatePem,
          ALPNProtocols: ["h2"],
        }),
    });
    session.on("error", () => undefined);
  });

  afterEach(() => session.destroy());

  async function ask(
    headers: Record<string, string>,
    body?: Buffer,
  ): Promise<{ head: Record<string, unknown>; text: string }> {
    const stream = session.request(headers, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    const [head] = (await once(stream, "response")) as [Record<string, unknown>];
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    return { head, text: Buffer.concat(parts).toString() };
  }

  test("is spoken to the client, HTTP/1.1 to the origin", async () => {
    await world.origin(echo);
    const { head, text } = await ask({ ":path": "/a?b=c", cookie: "x=1", "x-test": "2" });
    expect(head[":status"]).toBe(200);
    expect(head["server"]).toBe("cloudflare");
    expect(head["set-cookie"]).toEqual(["a=1; Path=/", "b=2; Path=/"]);
    expect(JSON.parse(text)).toMatchObject({ url: "/a?b=c", headers: { cookie: "x=1", "x-test": "2" } });
  });

  test("carries bodies and many requests at once", async () => {
    await world.origin(echo);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        ask({ ":path": `/${index}`, ":method": "POST" }, Buffer.alloc(20_000, String(index % 10))),
      ),
    );
    for (const [index, { head, text }] of answers.entries()) {
      const seen = JSON.parse(text) as Echo;
      expect(head[":status"]).toBe(200);
      expect(seen.url).toBe(`/${index}`);
      expect(seen.body).toBe(String(index % 10).repeat(20_000));
    }
  });

  test("an origin that dies in the middle resets the stream, not the connection", async () => {
    await world.origin((request, response) => {
      if (request.url === "/good") return response.end("good");
      response.writeHead(200, { "content-length": 1000 });
      response.write("part");
      setTimeout(() => request.socket.destroy(), 20);
    });
    await expect(ask({ ":path": "/dies" })).rejects.toThrow();
    expect((await ask({ ":path": "/good" })).text).toBe("good");
  });

  test("a stream that the client cancels ends the request at the origin", async () => {
    let noteClosed: (value: string) => void = () => undefined;
    const closed = new Promise<string>((resolve) => (noteClosed = resolve));
    await world.origin((_request, response) => {
      response.write("first");
      response.once("close", () => noteClosed("closed"));
    });
    const stream = session.request({ ":path": "/" });
    await once(stream, "data");
    stream.close(8);
    expect(await closed).toBe("closed");
  });

  test("HEAD, 204 and 304 have no body", async () => {
    await world.origin((request, response) => {
      response.statusCode = Number(request.url?.slice(1));
      response.setHeader("etag", '"x"');
      response.end(response.statusCode === 200 ? "body" : undefined);
    });
    expect((await ask({ ":path": "/200", ":method": "HEAD" })).text).toBe("");
    for (const status of [204, 304]) {
      const { head, text } = await ask({ ":path": `/${status}` });
      expect([head[":status"], head["etag"], text]).toEqual([status, '"x"', ""]);
    }
  });
});

describe("certificates", () => {
  test("curl trusts every host by the local authority, over HTTP/2, without /etc/hosts", async () => {
    await world.origin(echo);
    const { stdout } = await run("curl", [
      ...[
        "-sS",
        "--http2",
        "--cacert",
        world.edge.authority.certificateFile,
        "-w",
        "\n%{http_version} %{http_code}",
      ],
      world.url("https", api, "/x"),
    ]);
    expect(stdout).toMatch(/"url":"\/x".*\n2 200$/s);
  });

  test("a client that names no host gets one for localhost, a plain HTTP one a 400", async () => {
    const tls = connectTls({
      port: world.edge.httpsPort,
      host: "127.0.0.1",
      ca: world.edge.authority.certificatePem,
    });
    await once(tls, "secureConnect");
    expect(tls.getPeerCertificate().subjectaltname).toBe("DNS:localhost, IP Address:127.0.0.1");
    tls.destroy();
    const { stdout } = await run("curl", ["-sS", `http://${api}:${world.edge.httpsPort}/`]);
    expect(stdout).toContain("plain HTTP request was sent to an HTTPS port");
  });

  test.each([
    { setting: "1.0", offered: "TLSv1", accepted: true },
    { setting: "1.2", offered: "TLSv1.1", accepted: false },
    { setting: "1.2", offered: "TLSv1.2", accepted: true },
    { setting: "1.3", offered: "TLSv1.2", accepted: false },
    { setting: "1.3", offered: "TLSv1.3", accepted: true },
  ] as const)(
    "min_tls_version $setting and a client of $offered: accepted $accepted",
    async ({ setting, offered, accepted }) => {
      world.account.settings["min_tls_version"] = setting;
      const socket = connectTls({
        port: world.edge.httpsPort,
        host: "127.0.0.1",
        servername: api,
        ca: world.edge.authority.certificatePem,
        minVersion: offered,
        maxVersion: offered,
        ciphers: "DEFAULT:@SECLEVEL=0",
      });
      const outcome = await new Promise((resolve) => {
        socket.once("secureConnect", () => resolve(socket.getProtocol()));
        socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      });
      socket.destroy();
      expect(outcome).toBe(accepted ? offered : "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
    },
  );

  test("broken greetings are dropped and the next client is served", async () => {
    await world.origin(echo);
    const garbage = Buffer.concat([Buffer.from([22, 3, 1, 0, 100, 1, 0, 0, 96]), Buffer.alloc(96, 0xff)]);
    for (const bytes of [garbage, garbage.subarray(0, 7)]) {
      const socket = connectTcp(world.edge.httpsPort, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.resume();
      socket.end(bytes);
      await once(socket, "close");
    }
    expect((await world.fetch("https", api)).status).toBe(200);
  });
});

describe("the origin by the zone's ssl setting", () => {
  const https = `${originAddress}:443`;

  test("flexible speaks HTTP, full HTTPS with any certificate, http visitors stay on http", async () => {
    await world.origin((_request, response) => response.end("plain"));
    const selfMade = await world.edge.authority.issue({ hostnames: ["other.example"] });
    await world.origin((_request, response) => response.end("secure"), { where: https, tls: selfMade });
    expect((await world.fetch("https", api)).text).toBe("plain");
    world.account.settings["ssl"] = "full";
    expect((await world.fetch("https", api)).text).toBe("secure");
    expect((await world.fetch("http", api)).text).toBe("plain");
    world.account.settings["ssl"] = "off";
    expect((await world.fetch("http", api)).text).toBe("plain");
    expect((await world.fetch("https", api)).status).toBe(403);
  });

  test("strict takes a certificate of the Origin CA for this host only", async () => {
    world.account.settings["ssl"] = "strict";
    const port = await world.origin((_request, response) => response.end("trusted"), {
      where: https,
      tls: await world.originCa.issue({ hostnames: [api] }),
    });
    expect(await world.fetch("https", api)).toMatchObject({ status: 200, text: "trusted" });

    await world.origin(echo, {
      where: https,
      tls: await world.originCa.issue({ hostnames: ["other.example"] }),
    });
    const wrongName = await world.fetch("https", api);
    expect(wrongName.status).toBe(526);
    expect(wrongName.text).toContain("Error 526: Invalid SSL certificate");

    await world.origin(echo, { where: https, tls: await world.edge.authority.issue({ hostnames: [api] }) });
    expect((await world.fetch("https", api)).status).toBe(526);
    // The first origin again: nothing of the refused ones is remembered.
    world.originPorts.set(https, port);
    expect((await world.fetch("https", api)).text).toBe("trusted");
  });

  test("strict takes a certificate for the name that a CNAME leads to", async () => {
    world.account.settings["ssl"] = "strict";
    world.account.records.push({
      type: "CNAME",
      name: "app.streampai.localhost",
      content: "app.fly.example",
      proxied: true,
    });
    const tls = await world.originCa.issue({ hostnames: ["app.fly.example"] });
    await world.origin((_request, response) => response.end("fly"), { where: "app.fly.example:443", tls });
    expect((await world.fetch("https", "app.streampai.localhost")).text).toBe("fly");
  });

  test("full with an origin that speaks no TLS is 525", async () => {
    world.account.settings["ssl"] = "full";
    await world.origin(echo, { where: https });
    expect((await world.fetch("https", api)).status).toBe(525);
  });
});

describe("Cloudflare's errors", () => {
  const page = async (host: string) => {
    const answer = await world.fetch("http", host, "/");
    expect(answer.headers["content-type"]).toMatch(/^text\/html/);
    expect(answer.headers["server"]).toBe("cloudflare");
    expect(answer.text).toContain(String(answer.headers["cf-ray"]));
    return { status: answer.status, title: /<h1>(.*)<\/h1>/.exec(answer.text)?.[1] };
  };

  test("a host of no zone, and one without a record", async () => {
    expect(await page("example.com")).toEqual({ status: 409, title: "Error 1001: DNS resolution error" });
    expect(await page("nothing.streampai.localhost")).toEqual({
      status: 409,
      title: "Error 1001: DNS resolution error",
    });
  });

  test("a DNS-only record does not pass here, and a TXT record is none", async () => {
    const host = "direct.streampai.localhost";
    world.account.records.push({ type: "TXT", name: host, content: "hello", proxied: false });
    expect((await page(host)).title).toContain("1001");
    world.account.records.push({ type: "A", name: host, content: originAddress, proxied: false });
    expect((await page(host)).title).toContain("does not pass Cloudflare");
  });

  test("521 for a refused connection, 523 for an address nobody knows, 530 for a name nobody knows", async () => {
    const port = await world.origin(echo);
    world.originPorts.set(`${originAddress}:80`, await freePort());
    expect(await page(api)).toEqual({ status: 521, title: "Error 521: Web server is down" });
    world.originPorts.clear();
    expect(await page(api)).toEqual({ status: 523, title: "Error 523: Origin is unreachable" });
    world.account.records.push({
      type: "CNAME",
      name: "x.streampai.localhost",
      content: "gone.example",
      proxied: true,
    });
    expect(await page("x.streampai.localhost")).toEqual({
      status: 530,
      title: "Error 1016: Origin DNS error",
    });
    world.originPorts.set(`${originAddress}:80`, port);
    expect((await world.fetch("http", api)).status).toBe(200);
  });

  test("530/1033 for a tunnel without a connector", async () => {
    const host = "tunnel.streampai.localhost";
    world.account.records.push({
      type: "CNAME",
      name: host,
      content: "0f0e0d0c-0000-4000-8000-000000000001.cfargotunnel.com",
      proxied: true,
    });
    expect(await page(host)).toEqual({ status: 530, title: "Error 1033: Cloudflare Tunnel error" });
  });

  test("520 for an origin that closes without an answer or answers nonsense", async () => {
    await world.origin((request) => request.socket.destroy());
    expect((await page(api)).status).toBe(520);
    await world.origin((request) => request.socket.end("what?\r\n\r\n"));
    expect((await page(api)).status).toBe(520);
  });

  test("an origin's own 502 passes as it is", async () => {
    await world.origin((_request, response) => {
      response.statusCode = 502;
      response.end("mine");
    });
    expect(await world.fetch("http", api)).toMatchObject({ status: 502, text: "mine" });
  });

  test("an origin that dies in the middle breaks the connection: no client takes the part for the whole", async () => {
    await world.origin((request, response) => {
      response.write("part");
      setTimeout(() => request.socket.destroy(), 20);
    });
    await expect(world.fetch("http", api)).rejects.toThrow();
    await expect(world.fetch("https", api)).rejects.toThrow();
  });

  test("host names are escaped in pages", async () => {
    const socket = connectTcp(world.edge.httpPort, "127.0.0.1");
    socket.end("GET / HTTP/1.1\r\nHost: <script>\r\nConnection: close\r\n\r\n");
    expect((await bodyOf(socket as never)).toString()).not.toContain("<script>");
  });
});

describe("limits", () => {
  beforeEach(async () => {
    await world.close();
    world = await World.start({ limits: { connectMs: 500, idleMs: 700, bodyBytes: 1000 } });
  });

  test("524 where the origin accepts and never answers", async () => {
    await world.origin(() => undefined);
    expect((await world.fetch("http", api)).status).toBe(524);
  });

  test("522 where the connection is never accepted", async () => {
    const deaf = await deafServer();
    try {
      world.originPorts.set(`${originAddress}:80`, deaf.port);
      expect((await world.fetch("http", api)).status).toBe(522);
    } finally {
      deaf.close();
    }
  });

  test("525 where the handshake never ends", async () => {
    world.account.settings["ssl"] = "full";
    await world.serve(createTcpServer(), `${originAddress}:443`);
    expect((await world.fetch("https", api)).status).toBe(525);
  });

  test.each([
    { how: "said by content-length", chunked: false },
    { how: "found while streaming", chunked: true },
  ])("413 for a body that is too large, $how", async ({ chunked }) => {
    await world.origin((request, response) => {
      void bodyOf(request).then(
        () => response.end("ok"),
        () => undefined,
      );
    });
    const header = chunked ? ["-H", "transfer-encoding: chunked"] : [];
    const url = world.url("http", api);
    const { stdout } = await run("curl", [
      "-sS",
      "-w",
      " %{http_code}",
      ...header,
      "-d",
      "x".repeat(5000),
      url,
    ]);
    expect(stdout).toMatch(/ 413$/);
    const { stdout: small } = await run("curl", [
      "-sS",
      "-w",
      " %{http_code}",
      ...header,
      "-d",
      "x".repeat(500),
      url,
    ]);
    expect(small).toBe("ok 200");
  });
});

describe("zone settings and rules", () => {
  test("always_use_https redirects, to the edge's own https port where the client uses ports", async () => {
    world.account.settings["always_use_https"] = "on";
    await world.origin(echo);
    const answer = await world.fetch("http", api, "/a?b=1");
    expect([answer.status, answer.headers["location"]]).toEqual([301, world.url("https", api, "/a?b=1")]);
    expect((await world.fetch("https", api)).status).toBe(200);
    const { stdout } = await run("curl", [
      ...["-sS", "-o", "/dev/null", "-w", "%{redirect_url}"],
      ...["--connect-to", `${api}:80:127.0.0.1:${world.edge.httpPort}`, `http://${api}/a`],
    ]);
    expect(stdout).toBe(`https://${api}/a`);
  });

  test("HSTS goes with https answers, errors included, and never with http", async () => {
    world.account.settings["security_header"] = {
      strict_transport_security: {
        enabled: true,
        max_age: 31536000,
        include_subdomains: true,
        preload: true,
        nosniff: true,
      },
    };
    await world.origin(echo);
    const secure = await world.fetch("https", api);
    expect(secure.headers).toMatchObject({
      "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
      "x-content-type-options": "nosniff",
    });
    expect(
      (await world.fetch("https", "no.streampai.localhost")).headers["strict-transport-security"],
    ).toBeDefined();
    expect((await world.fetch("http", api)).headers["strict-transport-security"]).toBeUndefined();
  });

  test.each([
    { accept: "gzip, br", brotli: "on", encoding: "br" },
    { accept: "gzip, br", brotli: "off", encoding: "gzip" },
    { accept: "gzip;q=0, identity", brotli: "on", encoding: undefined },
    { accept: undefined, brotli: "on", encoding: undefined },
  ])(
    "text for a client of $accept with brotli $brotli is encoded as $encoding",
    async ({ accept, brotli, encoding }) => {
      world.account.settings["brotli"] = brotli;
      const text = "Hello, world. ".repeat(100);
      await world.origin((_request, response) => {
        response.writeHead(200, {
          "content-type": "text/plain",
          etag: '"tag"',
          "content-length": text.length,
        });
        response.end(text);
      });
      const answer = await world.fetch(
        "https",
        api,
        "/",
        accept === undefined ? {} : { headers: { "accept-encoding": accept } },
      );
      expect(answer.headers["content-encoding"]).toBe(encoding);
      const plain =
        encoding === "br"
          ? brotliDecompressSync(answer.bytes)
          : encoding === "gzip"
            ? gunzipSync(answer.bytes)
            : answer.bytes;
      expect(plain.toString()).toBe(text);
      expect(answer.headers["etag"]).toBe(encoding === undefined ? '"tag"' : 'W/"tag"');
      expect(answer.headers["vary"]).toBe(encoding === undefined ? undefined : "accept-encoding");
    },
  );

  test.each([
    ["small", "text/plain", {}, "tiny"],
    ["an image", "image/png", {}, "x".repeat(1000)],
    ["encoded already", "text/plain", { "content-encoding": "zstd" }, "x".repeat(1000)],
    ["not to be transformed", "text/plain", { "cache-control": "no-transform" }, "x".repeat(1000)],
    ["an event stream", "text/event-stream", {}, "x".repeat(1000)],
  ])("what is %s is not compressed", async (_what, type, headers, body) => {
    await world.origin((_request, response) => {
      response.writeHead(200, { "content-type": type, "content-length": body.length, ...headers });
      response.end(body);
    });
    const answer = await world.fetch("https", api, "/", { headers: { "accept-encoding": "br, gzip" } });
    expect(answer.text).toBe(body);
  });

  test("a redirect rule sends www to the apex, path and query kept", async () => {
    const www = "www.streampai.localhost";
    world.account.records.push({ type: "AAAA", name: www, content: "100::", proxied: true });
    world.account.rules["http_request_dynamic_redirect"] = [
      {
        ref: "www",
        action: "redirect",
        expression: `http.host eq "${www}"`,
        action_parameters: {
          from_value: {
            status_code: 301,
            preserve_query_string: true,
            target_url: { expression: 'concat("https://streampai.localhost", http.request.uri.path)' },
          },
        },
      },
    ];
    const answer = await world.fetch("https", www, "/a/b?c=d");
    expect([answer.status, answer.headers["location"]]).toEqual([
      301,
      `https://streampai.localhost:${world.edge.httpsPort}/a/b?c=d`,
    ]);
  });

  test("response and request header rules, the firewall, origin port and ssl by rule", async () => {
    await world.origin(echo, { where: `${originAddress}:8080` });
    world.account.settings["ssl"] = "strict";
    const always = { expression: "true" };
    Object.assign(world.account.rules, {
      http_response_headers_transform: [
        {
          ...always,
          action: "rewrite",
          action_parameters: {
            headers: {
              "X-Frame-Options": { operation: "set", value: "DENY" },
              "Set-Cookie": { operation: "remove" },
              "X-Path": { operation: "set", expression: "http.request.uri.path" },
            },
          },
        },
      ],
      http_request_late_transform: [
        {
          ...always,
          action: "rewrite",
          action_parameters: {
            headers: { "X-Secret": { operation: "set", value: "s" }, Cookie: { operation: "remove" } },
          },
        },
      ],
      http_request_firewall_custom: [
        { action: "block", expression: 'starts_with(http.request.uri.path, "/wp-")' },
      ],
      http_request_origin: [{ ...always, action: "route", action_parameters: { origin: { port: 8080 } } }],
      http_config_settings: [{ ...always, action: "set_config", action_parameters: { ssl: "flexible" } }],
    });
    const answer = await world.fetch("https", api, "/p", { headers: { cookie: "a=b" } });
    expect(answer.headers).toMatchObject({ "x-frame-options": "DENY", "x-path": "/p" });
    expect(answer.headers["set-cookie"]).toBeUndefined();
    const seen = JSON.parse(answer.text) as Echo;
    expect(seen.headers["x-secret"]).toBe("s");
    expect(seen.headers["cookie"]).toBeUndefined();
    const blocked = await world.fetch("https", api, "/wp-login.php");
    expect([blocked.status, blocked.text.includes("Error 1020")]).toEqual([403, true]);
  });

  test("a rule that the sandbox cannot evaluate is said in the answer", async () => {
    await world.origin(echo);
    world.account.rules["http_request_dynamic_redirect"] = [
      { ref: "odd", action: "redirect", expression: "cf.threat_score gt 5", action_parameters: {} },
    ];
    const answer = await world.fetch("https", api);
    expect(answer.status).toBe(200);
    expect(answer.headers["x-groundwork-sandbox"]).toBe(
      "rule-not-evaluated: odd: the sandbox does not know the field cf.threat_score",
    );
  });

  test("/cdn-cgi/trace tells how the edge sees a client", async () => {
    const answer = await world.fetch("https", api, "/cdn-cgi/trace");
    expect(answer.text).toMatch(/^h=api\.streampai\.localhost\nip=127\.0\.0\.1\n[^]*visit_scheme=https\n/);
  });
});

describe("hooks", () => {
  test("access, buckets and tunnels can answer in the edge's place", async () => {
    await world.close();
    world = await World.start({
      hooks: {
        access: ({ path, answerHeaders }) => {
          answerHeaders.push(["set-cookie", "CF_Authorization=x"]);
          return path === "/private"
            ? { kind: "reply", reply: { status: 302, headers: { location: "/login" } } }
            : undefined;
        },
        tunnels: () => ({
          kind: "reply",
          reply: { status: 200, headers: { "content-type": "text/plain" }, body: "by tunnel" },
        }),
      },
    });
    await world.origin(echo);
    expect((await world.fetch("https", api, "/private")).headers["location"]).toBe("/login");
    expect((await world.fetch("https", api, "/")).headers["set-cookie"]).toEqual([
      "a=1; Path=/",
      "b=2; Path=/",
      "CF_Authorization=x",
    ]);
    world.account.records.push({
      type: "CNAME",
      name: "t.streampai.localhost",
      content: "id.cfargotunnel.com",
      proxied: true,
    });
    expect((await world.fetch("https", "t.streampai.localhost")).text).toBe("by tunnel");
  });
});

test("a port that is taken by somebody else: another one is used", async () => {
  const options = {
    view: makeView(world.account, world.originCa.certificatePem),
    directory: world.directory,
    resolveOrigin: () => undefined,
  };
  const edge = await startEdge({ ...options, httpsPort: world.edge.httpsPort });
  expect(edge.httpsPort).not.toBe(world.edge.httpsPort);
  await edge.close();
});

/** A port that listens in a process that never accepts: once its queue is full, connections just wait. */
async function deafServer(): Promise<{ port: number; close(): void }> {
  const script = `const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    require("node:fs").writeSync(1, String(server.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    process.exit();
  });`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  const waiting: Socket[] = [];
  for (let connected = true; connected && waiting.length < 50;) {
    const socket = connectTcp(Number(port.toString()), "127.0.0.1").on("error", () => undefined);
    waiting.push(socket);
    connected = await Promise.race([
      once(socket, "connect").then(() => true),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 1000)),
    ]);
  }
  return {
    port: Number(port.toString()),
    close() {
      for (const socket of waiting) socket.destroy();
      child.kill("SIGKILL");
    },
  };
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
