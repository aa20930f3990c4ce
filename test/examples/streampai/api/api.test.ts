import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { projectRoot } from "../../../../common/project-root";
import { startApi, type RunningApi } from "../../../../examples/streampai/api/api";
import type { ApiConfig } from "../../../../examples/streampai/api/config";
import { createLog, secretsOf } from "../../../../examples/streampai/api/log";
import type { Message } from "../../../../examples/streampai/api/messages";
import { migrate, readMigrations } from "../../../../examples/streampai/api/migrations";
import { startPostgres, type TestPostgres } from "../../../support/postgres";

const site = "https://streampai.com";
const migrationsFolder = join(projectRoot(), "examples", "streampai", "api", "migrations");
const secretKeyBase = randomBytes(32).toString("hex");
const appPassword = randomBytes(12).toString("hex");
const logLines: string[] = [];
let postgres: TestPostgres;
let appUrl: string;
let database: string;
const running: RunningApi[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
  const url = await postgres.createDatabase();
  database = new URL(url).pathname.slice(1);
  await migrate({ databaseUrl: url, migrations: readMigrations(migrationsFolder) });
  // What the application's role has, and nothing else.
  await postgres.query(
    database,
    `create role app login password '${appPassword}';
     grant select, insert, update, delete on all tables in schema public to app;
     revoke insert, update, delete on schema_migrations from app`,
  );
  appUrl = postgres.url(database, "app", appPassword);
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

afterAll(() => postgres?.remove());

async function start(overrides: Partial<ApiConfig> = {}): Promise<RunningApi & { base: string }> {
  const config: ApiConfig = {
    port: 0,
    tls: undefined,
    host: "127.0.0.1",
    databaseUrl: appUrl,
    secretKeyBase,
    corsOrigins: [site],
    cookieDomain: ".streampai.com",
    release: "test-release",
    drainSeconds: 3,
    ...overrides,
  };
  const api = await startApi(
    config,
    createLog(secretsOf(config), (line) => logLines.push(line)),
  );
  running.push(api);
  return Object.assign(api, { base: `http://127.0.0.1:${api.port}` });
}

function post(base: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${base}/api/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
}

interface SocketEvent {
  type: string;
  message?: Message;
  release?: string;
  code?: string;
}

/** A socket that keeps what it was sent; `next` waits for the first event that fits. */
async function connect(base: string, path = "/api/socket", origin = site) {
  const socket = new WebSocket(base.replace(/^http/, "ws") + path, { origin });
  const events: SocketEvent[] = [];
  socket.on("message", (data: Buffer) => events.push(JSON.parse(data.toString()) as SocketEvent));
  await new Promise<void>((resolve, reject) => {
    socket.once("open", () => resolve());
    socket.once("error", reject);
  });
  const next = (fits: (event: SocketEvent) => boolean) =>
    until(
      () => events.find(fits),
      () => `no such event among ${JSON.stringify(events)}`,
    );
  return { socket, events, next };
}

async function until<T>(
  read: () => T | undefined | Promise<T | undefined>,
  problem: () => string,
): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(problem());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("health", () => {
  it("tells the release and that the database answers, to the application's own role", async () => {
    const { base } = await start();
    const health = await fetch(`${base}/api/health`);
    expect(health.status).toBe(200);
    expect(health.headers.get("x-release")).toBe("test-release");
    expect(health.headers.get("cache-control")).toBe("no-store");
    expect(await health.json()).toEqual({
      status: "ok",
      service: "streampai-api",
      release: "test-release",
      database: "ok",
      sockets: 0,
      uptimeSeconds: expect.any(Number) as number,
    });
    const ready = await fetch(`${base}/api/ready`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, release: "test-release" }]);
    const db = await fetch(`${base}/api/db-health`);
    expect([db.status, await db.json()]).toEqual([
      200,
      { database: "ok", now: expect.any(String) as string, role: "app" },
    ]);
  });

  it("stays up when the database goes away, says so, and recovers with it, sockets included", async () => {
    const { base } = await start();
    const { next, socket } = await connect(base);
    await next(({ type }) => type === "hello");
    await postgres.stop();
    try {
      const health = await until(
        async () => {
          const body = (await (await fetch(`${base}/api/health`)).json()) as { database: string };
          return body.database === "ko" ? body : undefined;
        },
        () => "health never noticed",
      );
      expect(health).toMatchObject({ status: "ok", database: "ko" });
      expect((await fetch(`${base}/api/health`)).status).toBe(200);
      expect((await fetch(`${base}/api/ready`)).status).toBe(503);
      expect((await fetch(`${base}/api/db-health`)).status).toBe(503);
      const refused = await post(base, { author: "a", body: "b" });
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);
      expect(await refused.json()).toEqual({
        error: { code: "database_unavailable", message: "the database does not answer" },
      });
    } finally {
      await postgres.start();
    }
    await until(
      async () => ((await fetch(`${base}/api/ready`)).ok ? true : undefined),
      () => "never ready again",
    );
    // The socket stayed open all along; the listening connection is back by itself.
    await until(
      async () => {
        const body = randomBytes(4).toString("hex");
        await post(base, { author: "after", body });
        await new Promise((resolve) => setTimeout(resolve, 200));
        return next(({ message }) => message?.author === "after");
      },
      () => "nothing was announced",
    );
    expect(socket.readyState).toBe(WebSocket.OPEN);
    expect(logLines.join("\n")).not.toContain(appPassword);
  });

  it("says that migrations are missing", async () => {
    const empty = await postgres.createDatabase();
    const { base } = await start({ databaseUrl: empty });
    const response = await fetch(`${base}/api/messages`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: "not_migrated" } });
  });
});

describe("messages", () => {
  it("are stored, listed in order, and paged backwards", async () => {
    const { base } = await start();
    await postgres.query(database, "delete from messages");
    const bodies = ["first", "second", "third"];
    const ids: number[] = [];
    for (const body of bodies) {
      const response = await post(base, { author: "Ada", body });
      expect(response.status).toBe(201);
      ids.push(((await response.json()) as { message: Message }).message.id);
    }
    const list = async (query: string) =>
      ((await (await fetch(`${base}/api/messages${query}`)).json()) as { messages: Message[] }).messages;
    expect((await list("")).map(({ body }) => body)).toEqual(bodies);
    expect((await list("?limit=2")).map(({ body }) => body)).toEqual(["second", "third"]);
    expect((await list(`?limit=1&before=${ids[1]!}`)).map(({ body }) => body)).toEqual(["first"]);
  });

  it("keeps hostile text as text", async () => {
    const { base } = await start();
    const body = `'); drop table messages; --<script>alert("x")</script> \\ % $1 ${"é".repeat(10)}`;
    const { message } = (await (await post(base, { author: "O'Brien", body })).json()) as {
      message: Message;
    };
    expect(message).toMatchObject({ author: "O'Brien", body });
  });

  it.each([
    ["broken JSON", "{", {}, 400, "invalid_json"],
    ["bytes that are not UTF-8", Buffer.from([0x22, 0xff, 0x22]), {}, 400, "invalid_json"],
    [
      "a form",
      "author=a",
      { "content-type": "application/x-www-form-urlencoded" },
      415,
      "unsupported_media_type",
    ],
    ["a body of 20 kB", JSON.stringify({ author: "a", body: "x".repeat(20_000) }), {}, 413, "too_large"],
    ["a missing field", '{"author":"a"}', {}, 422, "invalid_message"],
    [
      "a stranger's page",
      '{"author":"a","body":"b"}',
      { origin: "https://evil.com" },
      403,
      "origin_not_allowed",
    ],
  ])("refuses %s", async (_name, body, headers: Record<string, string>, status, code) => {
    const { base } = await start();
    const response = await post(base, body, headers);
    expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
      status,
      code,
    ]);
  });

  it("names the wrong fields", async () => {
    const { base } = await start();
    const response = await post(base, { author: "", body: "x".repeat(501), extra: 1 });
    expect(await response.json()).toEqual({
      error: {
        code: "invalid_message",
        message: "the message was not accepted",
        fields: {
          author: "must not be empty",
          body: "must be at most 500 characters, is 501",
          extra: "is not known: author and body are",
        },
      },
    });
  });

  it.each([
    ["GET", "/", 404],
    ["GET", "/api/messages/1", 404],
    ["GET", "/__proto__", 404],
    ["DELETE", "/api/messages", 405],
    ["POST", "/api/health", 405],
    ["GET", "/api/socket", 426],
    ["GET", "/api/messages?limit=all", 400],
  ])("answers %s %s with %d", async (method, path, status) => {
    const { base } = await start();
    expect((await fetch(base + path, { method })).status).toBe(status);
  });
});

describe("CORS and cookies", () => {
  it("lets the site call with credentials and remembers who called", async () => {
    const { base } = await start();
    const first = await post(base, { author: "a", body: "b" }, { origin: site });
    expect(first.headers.get("access-control-allow-origin")).toBe(site);
    expect(first.headers.get("access-control-allow-credentials")).toBe("true");
    expect(first.headers.get("vary")).toBe("Origin");
    const cookie = first.headers.get("set-cookie")!;
    expect(cookie).toMatch(
      /^streampai_session=[\w-]{24}\.[\w-]{43}; Domain=\.streampai\.com; Path=\/; Max-Age=2592000; HttpOnly; Secure; SameSite=None$/,
    );
    const { you } = (await first.json()) as { you: string };
    const pair = cookie.split(";")[0]!;
    const second = await fetch(`${base}/api/messages`, { headers: { cookie: pair, origin: site } });
    expect(second.headers.get("set-cookie")).toBeNull();
    expect(((await second.json()) as { you: string }).you).toBe(you);
    const forged = await fetch(`${base}/api/messages`, { headers: { cookie: `${pair}x`, origin: site } });
    expect(forged.headers.get("set-cookie")).toContain("streampai_session=");
  });

  it("answers a preflight of the site and gives a stranger nothing", async () => {
    const { base } = await start();
    const preflight = (origin: string) =>
      fetch(`${base}/api/messages`, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST" },
      });
    const allowed = await preflight(site);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-methods")).toBe("GET, POST, OPTIONS");
    expect(allowed.headers.get("access-control-allow-headers")).toBe("content-type");
    const stranger = await preflight("https://evil.com");
    expect(stranger.headers.get("access-control-allow-origin")).toBeNull();
    expect(stranger.headers.get("access-control-allow-methods")).toBeNull();
  });
});

describe("the WebSocket", () => {
  it("brings a message of one copy of the API to the sockets of every copy", async () => {
    const [one, two] = [await start(), await start({ release: "other" })];
    const sockets = [await connect(one.base), await connect(one.base), await connect(two.base)];
    const hellos = await Promise.all(sockets.map(({ next }) => next(({ type }) => type === "hello")));
    expect(hellos.map(({ release }) => release)).toEqual(["test-release", "test-release", "other"]);
    const body = randomBytes(4).toString("hex");
    await post(two.base, { author: "Ada", body });
    const seen = await Promise.all(sockets.map(({ next }) => next(({ message }) => message?.body === body)));
    expect(seen.map(({ message }) => message?.author)).toEqual(["Ada", "Ada", "Ada"]);
  });

  it("replays what a client has missed, each message once", async () => {
    const { base } = await start();
    const { message } = (await (await post(base, { author: "a", body: "seen" })).json()) as {
      message: Message;
    };
    await post(base, { author: "a", body: "missed 1" });
    await post(base, { author: "a", body: "missed 2" });
    const { events, next } = await connect(base, `/api/socket?after=${message.id}`);
    await next((event) => event.message?.body === "missed 2");
    expect(events.map((event) => event.message?.body ?? event.type)).toEqual([
      "hello",
      "missed 1",
      "missed 2",
    ]);
  });

  it("answers a ping, refuses what it does not know, and closes on binary data", async () => {
    const { base } = await start();
    const { socket, next } = await connect(base);
    socket.send('{"type":"ping"}');
    expect(await next(({ type }) => type === "pong")).toMatchObject({ at: expect.any(String) as string });
    socket.send("not json");
    expect(await next(({ type }) => type === "error")).toMatchObject({ code: "unknown_type" });
    const closed = new Promise<number>((resolve) => socket.once("close", resolve));
    socket.send(Buffer.from([1]));
    expect(await closed).toBe(1003);
  });

  it.each([
    ["/api/socket", "https://evil.com", 403],
    ["/api/else", site, 404],
    ["/api/socket?after=x", site, 400],
  ])("refuses %s from %s with %d", async (path, origin, status) => {
    const { base } = await start();
    await expect(connect(base, path, origin)).rejects.toThrow(`Unexpected server response: ${status}`);
  });
});

describe("TLS", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-tls-"));
    const made = spawnSync("openssl", [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=api.test".split(
        " ",
      ),
      ...["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")],
    ]);
    expect(made.status).toBe(0);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("is spoken beside plain HTTP, 1.2 or newer", async () => {
    const files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") };
    const api = await start({ tls: { port: 0, ...files } });
    const status = (maxVersion: "TLSv1.1" | "TLSv1.3") =>
      new Promise<number | string>((resolve) => {
        const options = {
          port: api.tlsPort,
          host: "127.0.0.1",
          path: "/api/health",
          rejectUnauthorized: false,
          maxVersion,
          minVersion: "TLSv1" as const,
        };
        httpsRequest(options, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
          .on("error", () => resolve("refused"))
          .end();
      });
    expect(await status("TLSv1.3")).toBe(200);
    expect(await status("TLSv1.1")).toBe("refused");
    expect((await fetch(`${api.base}/api/health`)).status).toBe(200);
  });

  it("is an error at the start where a file is missing", async () => {
    const files = { certFile: join(folder, "absent.pem"), keyFile: join(folder, "key.pem") };
    await expect(start({ tls: { port: 0, ...files } })).rejects.toThrow("absent.pem");
  });
});

describe("drain", () => {
  it("turns readiness off, closes connections by header, takes no new socket, and ends the old ones late, with 1012", async () => {
    const api = await start();
    const { socket } = await connect(api.base);
    const many = await Promise.all(Array.from({ length: 7 }, () => connect(api.base)));
    const closes: { code: number; at: number }[] = [];
    for (const each of [socket, ...many.map((other) => other.socket)]) {
      each.once("close", (code) => closes.push({ code, at: Date.now() }));
    }
    // Started before, answered during the drain: its body arrives late.
    const slow = httpRequest(`${api.base}/api/messages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
    });
    const answered = new Promise<{ status: number | undefined; connection: string | undefined }>(
      (resolve, reject) => {
        slow.once("response", (response) => {
          response.resume();
          resolve({ status: response.statusCode, connection: response.headers.connection });
        });
        slow.once("error", reject);
      },
    );
    slow.write('{"author":"slow",');
    await new Promise((resolve) => setTimeout(resolve, 100));

    const began = Date.now();
    const done = api.drain();
    const health = await fetch(`${api.base}/api/health`);
    expect([health.status, health.headers.get("connection")]).toEqual([503, "close"]);
    expect(await health.json()).toMatchObject({ status: "draining" });
    expect((await fetch(`${api.base}/api/ready`)).status).toBe(503);
    // Traffic that has not moved yet is still served.
    expect((await fetch(`${api.base}/api/messages?limit=1`)).status).toBe(200);
    await expect(connect(api.base)).rejects.toThrow("Unexpected server response: 503");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    slow.end('"body":"late"}');
    expect(await answered).toEqual({ status: 201, connection: "close" });
    expect(await done).toBe(true);
    expect(closes.map(({ code }) => code)).toEqual(Array(8).fill(1012));
    // Of 3 s, and not all at once.
    expect(closes[0]!.at - began).toBeGreaterThan(1000);
    expect(closes.at(-1)!.at - closes[0]!.at).toBeGreaterThan(400);
    await expect(fetch(`${api.base}/api/health`)).rejects.toThrow();
  });

  it("says so when something had to be cut", async () => {
    const api = await start({ drainSeconds: 1 });
    const stuck = httpRequest(`${api.base}/api/messages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
    });
    stuck.on("error", () => undefined);
    stuck.write("{");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await api.drain()).toBe(false);
  });
});
