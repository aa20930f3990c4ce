import { once } from "node:events";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect as connectTcp } from "node:net";
import { setTimeout } from "node:timers/promises";
import { WebSocket, WebSocketServer } from "ws";
import { loopback, originAddress, World } from "./fixture";

const api = "api.streampai.localhost";
let world: World;

beforeEach(async () => {
  world = await World.start();
});

afterEach(async () => {
  await world.close();
});

function open(scheme: "ws" | "wss", path = "/socket", protocols: string[] = []): WebSocket {
  const url = world.url(scheme === "ws" ? "http" : "https", api, path).replace(/^http/, "ws");
  return new WebSocket(url, protocols, {
    ca: world.edge.authority.certificatePem,
    lookup: loopback,
  });
}

/** An origin whose sockets repeat what they get. @returns the requests it saw */
async function echoOrigin(tls = false): Promise<IncomingMessage[]> {
  const seen: IncomingMessage[] = [];
  const issued = await world.originCa.issue({ hostnames: [api] });
  const plain: RequestListener = (_request, response) => void response.end("plain");
  const server = tls
    ? createHttpsServer({ cert: issued.certificatePem, key: issued.keyPem }, plain)
    : createServer(plain);
  const sockets = new WebSocketServer({ server, handleProtocols: (protocols) => [...protocols][0] ?? false });
  sockets.on("connection", (socket, request) => {
    seen.push(request);
    socket.send("welcome");
    socket.on("message", (data, isBinary) => socket.send(data as Buffer, { binary: isBinary }));
  });
  await world.serve(server, `${originAddress}:${tls ? 443 : 80}`);
  return seen;
}

/** What a socket ends with, if it never opens. */
async function refusal(socket: WebSocket): Promise<number | undefined> {
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
  socket.on("error", () => undefined);
  socket.terminate();
  return response.statusCode;
}

test.each([
  ["ws", false],
  ["wss", false],
  ["wss", true],
] as const)("%s to an origin (TLS: %s): messages pass both ways, whole and in order", async (scheme, tls) => {
  world.account.settings["ssl"] = tls ? "strict" : "flexible";
  const seen = await echoOrigin(tls);
  const socket = open(scheme, "/socket?token=1", ["phoenix"]);
  const received: (string | Buffer)[] = [];
  socket.on("message", (data, isBinary) =>
    received.push(isBinary ? (data as Buffer) : (data as Buffer).toString()),
  );
  await once(socket, "open");
  const large = Buffer.alloc(3_000_000, "large");
  socket.send("one");
  socket.send(large);
  socket.send("last");
  while (received.at(-1) !== "last") await once(socket, "message");
  expect(received.map((part) => part.length)).toEqual([7, 3, 3_000_000, 4]);
  expect(large.equals(received[2] as Buffer)).toBe(true);
  expect(socket.protocol).toBe("phoenix");
  expect(seen[0]?.url).toBe("/socket?token=1");
  expect(seen[0]?.headers).toMatchObject({
    host: `${api}:${scheme === "ws" ? world.edge.httpPort : world.edge.httpsPort}`,
    "cf-connecting-ip": "127.0.0.1",
    "x-forwarded-proto": scheme === "ws" ? "http" : "https",
  });
  socket.close(1000, "done");
  expect(await once(socket, "close")).toEqual([1000, Buffer.from("done")]);
});

test("the answer 101 carries the edge's headers", async () => {
  await echoOrigin();
  const socket = open("wss");
  const [response] = (await once(socket, "upgrade")) as [IncomingMessage];
  expect(response.headers).toMatchObject({ server: "cloudflare", upgrade: "websocket" });
  expect(response.headers["cf-ray"]).toMatch(/-SBX$/);
  socket.terminate();
});

test("with the zone's setting off, no socket opens, and ordinary requests still pass", async () => {
  await echoOrigin();
  world.account.settings["websockets"] = "off";
  expect(await refusal(open("wss"))).toBe(403);
  expect((await world.fetch("https", api)).text).toBe("plain");
});

test("an origin's refusal reaches the client with its body", async () => {
  await world.origin((_request, response) => {
    response.writeHead(401, { "content-type": "text/plain" });
    response.end("who are you?");
  });
  const socket = open("wss");
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
  let body = "";
  for await (const part of response) body += String(part);
  expect([response.statusCode, body, response.headers["server"]]).toEqual([
    401,
    "who are you?",
    "cloudflare",
  ]);
  socket.on("error", () => undefined);
  socket.terminate();
});

test("errors and redirects of the edge answer an upgrade like any request", async () => {
  expect(await refusal(open("wss"))).toBe(523);
  world.account.settings["always_use_https"] = "on";
  expect(await refusal(open("ws"))).toBe(301);
});

test("either side going away ends the other", async () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  await world.serve(server);

  const byClient = open("wss");
  const [atOrigin] = (await once(sockets, "connection")) as [WebSocket];
  if (byClient.readyState !== WebSocket.OPEN) await once(byClient, "open");
  byClient.terminate();
  expect(await once(atOrigin, "close")).toEqual([1006, Buffer.alloc(0)]);

  const byOrigin = open("wss");
  const [dying] = (await once(sockets, "connection")) as [WebSocket];
  if (byOrigin.readyState !== WebSocket.OPEN) await once(byOrigin, "open");
  dying.terminate();
  expect((await once(byOrigin, "close"))[0]).toBe(1006);
});

test("a socket on which nothing passes is closed", async () => {
  await world.close();
  world = await World.start({ limits: { idleMs: 500 } });
  await echoOrigin();
  const socket = open("wss");
  expect((await once(socket, "close"))[0]).toBe(1006);
});

test("two hundred sockets at once each get their own answers", async () => {
  await echoOrigin();
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const socket = open("wss");
      const received: string[] = [];
      socket.on("message", (data) => received.push((data as Buffer).toString()));
      await once(socket, "open");
      socket.send(String(index));
      while (received.length < 2) await once(socket, "message");
      socket.terminate();
      return received[1];
    }),
  );
  expect(answers).toEqual(Array.from({ length: 200 }, (_, index) => String(index)));
});

test("an offer of anything but a WebSocket is an ordinary request, with its body, and another may follow", async () => {
  await world.origin((request, response) => {
    let body = "";
    request.on("data", (part) => (body += String(part)));
    request.on("end", () => response.end(`${body} upgrade: ${request.headers.upgrade ?? "none"};`));
  });
  const socket = connectTcp(world.edge.httpPort, "127.0.0.1");
  const offer = "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
  const ask = (method: string, connection: string, length: number): string =>
    `${method} / HTTP/1.1\r\nHost: ${api}\r\nConnection: ${connection}\r\n${offer}Content-Length: ${length}\r\n\r\n`;
  let text = "";
  socket.on("data", (part) => (text += String(part)));
  socket.write(`${ask("POST", "Upgrade, HTTP2-Settings", 6)}abc`);
  socket.write("def");
  await expectSoon(() => text, /^HTTP\/1\.1 200 OK[^]*abcdef upgrade: none;/);
  text = "";
  socket.write(ask("GET", "Upgrade, HTTP2-Settings, close", 0));
  await once(socket, "close");
  expect(text).toMatch(/^HTTP\/1\.1 200 OK[^]* upgrade: none;/);
});

async function expectSoon(read: () => string, wanted: RegExp): Promise<void> {
  for (const end = Date.now() + 10_000; !wanted.test(read()) && Date.now() < end;) await setTimeout(20);
  expect(read()).toMatch(wanted);
}

test("closing the edge ends its sockets", async () => {
  await echoOrigin();
  const socket = open("wss");
  await once(socket, "message");
  const port = (await import("node:net")).createServer();
  await world.edge.close();
  expect(socket.readyState === WebSocket.OPEN ? (await once(socket, "close"))[0] : 1006).toBe(1006);
  // Its port is free again.
  await new Promise<void>((resolve) => port.listen(world.edge.httpsPort, "127.0.0.1", resolve));
  expect((port.address() as AddressInfo).port).toBe(world.edge.httpsPort);
  port.close();
});
