import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { request as secureRequest } from "node:https";
import { connect } from "node:net";
import { WebSocketServer } from "ws";
import { Connector } from "../../../sandbox/tunnel/connector";
import { accountId, root, TunnelWorld, until } from "./world";

const api = `api.${root}`;
const account = { account_id: accountId };

let world: TunnelWorld;
beforeEach(async () => {
  world = await TunnelWorld.start();
});
afterEach(() => world.close());

const status = async (id: string): Promise<string | undefined> =>
  (await world.client.zeroTrust.tunnels.cloudflared.get(id, account)).status;

describe("requests", () => {
  test("reach the service of their host name, as the visitor sent them, and others get the catch-all", async () => {
    const seen: unknown[] = [];
    const cloud = await world.serve((request) => {
      seen.push([request.method, request.url, request.headers.host, request.headers["x-forwarded-proto"]]);
      return { body: "cloud" };
    });
    const web = await world.serve(() => ({ status: 201, body: "web" }));
    const { id, token } = await world.tunnel({ [api]: cloud.url, [root]: web.url, [`x.${root}`]: cloud.url });
    await world.connect(token);
    expect(await world.get(api, "/a/b?c=1")).toMatchObject({ status: 200, body: "cloud" });
    expect(await world.get(root)).toMatchObject({
      status: 201,
      body: "web",
      headers: { server: "cloudflare" },
    });
    expect(seen).toEqual([["GET", "/a/b?c=1", api, "https"]]);
    await world.configure(id, { [api]: cloud.url });
    await until(async () => (await world.get(root)).status === 404);
  });

  test("bodies stream both ways while both are open", async () => {
    const { server, url } = await world.serve();
    server.on("request", (request, response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      request.pipe(response);
    });
    const { token } = await world.tunnel({ [api]: url });
    await world.connect(token);
    const asked = secureRequest({ ...world.options(api, "/echo"), method: "POST" });
    asked.write("one");
    const [answer] = (await once(asked, "response")) as [NodeJS.ReadableStream];
    expect(String((await once(answer, "data"))[0])).toBe("one");
    asked.write("two");
    expect(String((await once(answer, "data"))[0])).toBe("two");
    const large = randomBytes(8 * 1024 * 1024);
    const hash = createHash("sha256");
    let size = 0;
    answer.on("data", (chunk: Buffer) => {
      hash.update(chunk);
      size += chunk.length;
    });
    asked.end(large);
    await once(answer, "end");
    expect([size, hash.digest("hex")]).toEqual([
      large.length,
      createHash("sha256").update(large).digest("hex"),
    ]);
  });

  test("a service that is not there is 502, and says which; one that breaks off breaks off", async () => {
    const gone = await world.serve();
    const { server, url } = await world.serve();
    server.on("request", (_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("part");
      setTimeout(() => response.destroy(), 20);
    });
    const { token } = await world.tunnel({ [api]: gone.url, [root]: url });
    await world.connect(token);
    await new Promise((resolve) => gone.server.close(resolve));
    const refused = await world.get(api);
    expect(refused.status).toBe(502);
    expect(refused.body).toContain(`the connector cannot reach the origin service ${gone.url}`);
    await expect(world.get(root)).rejects.toThrow(/aborted|hang up/);
  });

  test("200 at once each get their own answer", async () => {
    const { url } = await world.serve((request) => ({ body: String(request.url) }));
    const { token } = await world.tunnel({ [api]: url });
    await world.connect(token);
    const paths = Array.from({ length: 200 }, (_, index) => `/${index}`);
    const answers = await Promise.all(paths.map(async (path) => (await world.get(api, path)).body));
    expect(answers).toEqual(paths);
  });
});

describe("WebSockets", () => {
  test("pass with their subprotocol, large messages and close frames", async () => {
    const { server, url } = await world.serve();
    const sockets = new WebSocketServer({ server, maxPayload: 8 * 1024 * 1024 });
    sockets.on("connection", (socket, request) => {
      socket.send(request.url ?? "");
      socket.on("message", (data, isBinary) => {
        if ((data as Buffer).toString() === "bye") socket.close(4001, "as asked");
        else socket.send(data, { binary: isBinary });
      });
    });
    const { token } = await world.tunnel({ [api]: url });
    await world.connect(token);
    const socket = world.socket(api, "/ws?room=1");
    const received: Buffer[] = [];
    socket.on("message", (data) => received.push(data as Buffer));
    await once(socket, "open");
    const large = randomBytes(3_000_000);
    socket.send(large);
    await until(() => received.length === 2);
    expect(received[0]!.toString()).toBe("/ws?room=1");
    expect(received[1]!.equals(large)).toBe(true);
    socket.send("bye");
    const [code, reason] = (await once(socket, "close")) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4001, "as asked"]);
  });

  test("a service's refusal reaches the visitor", async () => {
    const { url } = await world.serve(() => ({ status: 401, body: "who are you?" }));
    const { token } = await world.tunnel({ [api]: url });
    await world.connect(token);
    const socket = world.socket(api, "/ws");
    const [, answer] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
    expect(answer.statusCode).toBe(401);
    socket.on("error", () => undefined).terminate();
  });
});

describe("connections", () => {
  test("the API tells the truth about them: inactive, healthy, down", async () => {
    const { url } = await world.serve(() => ({ body: "ok" }));
    const { id, token } = await world.tunnel({ [api]: url });
    expect(await status(id)).toBe("inactive");
    expect((await world.get(api)).status).toBe(530);
    const connector = await world.connect(token);
    expect(await status(id)).toBe("healthy");
    const { cloudflared } = world.client.zeroTrust.tunnels;
    const listed = [];
    for await (const each of cloudflared.connections.get(id, account)) listed.push(each);
    expect(listed).toMatchObject([{ id: connector.id, version: "2025.8.1-test" }]);
    expect(listed[0]!.conns).toHaveLength(4);
    await connector.stop(1000);
    await until(async () => (await status(id)) === "down");
    const answer = await world.get(api);
    expect(answer.status).toBe(530);
    expect(answer.body).toContain("Error 1033");
  });

  test("a token that is not the tunnel's is refused, and the connector gives up", async () => {
    const { id, token } = await world.tunnel({ [api]: "http://127.0.0.1:1" });
    const parts = JSON.parse(Buffer.from(token, "base64").toString()) as object;
    const encode = (change: object): string =>
      Buffer.from(JSON.stringify({ ...parts, ...change })).toString("base64");
    const attempts: [string, string][] = [
      [encode({ s: randomBytes(32).toString("base64") }), "Unauthorized: Invalid tunnel secret"],
      [encode({ t: "11111111-1111-4111-8111-111111111111" }), "Unauthorized: Tunnel not found"],
      [encode({ a: "0".repeat(32) }), "Unauthorized: Tunnel not found"],
      ["nonsense", "the token is not one of a tunnel"],
    ];
    for (const [wrong, reason] of attempts) {
      const connector = new Connector({
        edge: world.tunnels.socket,
        token: wrong,
        version: "1",
        connections: 1,
        waitMs: 1,
      });
      expect(await connector.run()).toBe(reason);
      await connector.stop(0);
    }
    expect(await status(id)).toBe("inactive");
    expect(world.said.join("\n")).not.toContain(token);
  });

  test("replicas share the requests, and one that goes takes none of them with it", async () => {
    const first = await world.serve(() => ({ body: "ok" }));
    const { id, token } = await world.tunnel({ [api]: first.url });
    const one = await world.connect(token);
    await world.connect(token);
    const answers: string[] = [];
    let asking = true;
    const visitors = Array.from({ length: 8 }, async () => {
      while (asking) answers.push((await world.get(api)).body);
    });
    await until(() => answers.length > 40);
    await one.stop(5000);
    const before = answers.length;
    await until(() => answers.length > before + 40);
    asking = false;
    await Promise.all(visitors);
    expect(new Set(answers)).toEqual(new Set(["ok"]));
    expect(await status(id)).toBe("healthy");
  });

  test("a request under way is finished by a connector that stops", async () => {
    const { server, url } = await world.serve();
    let isUnderWay = false;
    server.on("request", (_request, response) => {
      isUnderWay = true;
      setTimeout(() => response.end("late"), 400);
    });
    const { token } = await world.tunnel({ [api]: url });
    const connector = await world.connect(token);
    const answer = world.get(api);
    await until(() => isUnderWay);
    // Far below the grace: it ends with its last request, not after a time.
    const begun = Date.now();
    await connector.stop(60_000);
    expect(await answer).toMatchObject({ status: 200, body: "late" });
    expect(Date.now() - begun).toBeLessThan(20_000);
  });

  test("a connector comes back by itself when the edge was away, and has the newest configuration", async () => {
    const old = await world.serve(() => ({ body: "old" }));
    const fresh = await world.serve(() => ({ body: "new" }));
    const { id, token } = await world.tunnel({ [api]: old.url });
    const connector = await world.connect(token);
    await world.tunnels.close();
    await until(() => connector.ready === 0);
    expect((await world.get(api)).status).toBe(530);
    await world.configure(id, { [api]: fresh.url });
    world.tunnels = await world.listen();
    await until(() => connector.ready === 4);
    expect((await world.get(api)).body).toBe("new");
  });

  test("dropped through the API, it reconnects; of a deleted tunnel, it is let in no more", async () => {
    const { url } = await world.serve(() => ({ body: "ok" }));
    const { id, token } = await world.tunnel({ [api]: url });
    const connector = await world.connect(token);
    const { cloudflared } = world.client.zeroTrust.tunnels;
    await cloudflared.connections.delete(id, account);
    await until(() => connector.ready < 4);
    await until(() => connector.ready === 4);
    expect((await world.get(api)).status).toBe(200);
    await fetch(`${world.api.url}/accounts/${accountId}/cfd_tunnel/${id}?cascade=true`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${world.client.apiToken ?? ""}` },
    });
    await until(() => connector.ready === 0);
    expect((await world.get(api)).status).toBe(530);
  });

  test("whoever connects and says nothing has no tunnel, and harms nobody", async () => {
    const { url } = await world.serve(() => ({ body: "ok" }));
    const { token } = await world.tunnel({ [api]: url });
    const silent = connect(world.tunnels.socket);
    await once(silent, "connect");
    silent.write("GET / HTTP/1.1\r\n\r\n");
    await world.connect(token);
    expect((await world.get(api)).status).toBe(200);
    silent.destroy();
  });
});

test("a stuck connector is let go of, and the others take its requests", async () => {
  await world.close();
  world = await TunnelWorld.start({ heartbeatMs: 100 });
  const { url } = await world.serve(() => ({ body: "ok" }));
  const { id, token } = await world.tunnel({ [api]: url });
  await world.connect(token);
  const frozen = connect(world.tunnels.socket);
  frozen.pause();
  await once(frozen, "connect");
  await once(frozen.resume(), "close");
  expect(await status(id)).toBe("healthy");
  expect((await world.get(api)).status).toBe(200);
});
