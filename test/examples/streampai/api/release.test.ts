import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect as connectTcp, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { projectRoot } from "../../../../common/project-root";
import { migrate, readMigrations } from "../../../../examples/streampai/api/migrations";
import { startPostgres, type TestPostgres } from "../../../support/postgres";

const source = join(projectRoot(), "examples", "streampai", "api");
let postgres: TestPostgres;
let folder: string;
let databaseUrl: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "groundwork-release-"));
  buildSync({
    entryPoints: { server: join(source, "server.ts") },
    outdir: folder,
    bundle: true,
    platform: "node",
    target: "node20",
    external: ["pg-native"],
    logLevel: "error",
  });
  postgres = await startPostgres();
  databaseUrl = await postgres.createDatabase();
  await migrate({ databaseUrl, migrations: readMigrations(join(source, "migrations")) });
});

afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
  await postgres?.remove();
  rmSync(folder, { recursive: true, force: true });
});

interface Running {
  readonly port: number;
  readonly output: () => string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** The API as its container runs it: node, one file, variables. */
function run(env: Record<string, string>): {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
} {
  const child = spawn(process.execPath, [join(folder, "server.js")], {
    cwd: tmpdir(),
    env: { PATH: process.env["PATH"], ...env },
  });
  children.push(child);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output, ended: new Promise((resolve) => child.on("close", resolve)) };
}

async function start(release: string, more: Record<string, string> = {}): Promise<Running> {
  const { child, output, ended } = run({
    PORT: "0",
    HOST: "127.0.0.1",
    DATABASE_URL: databaseUrl,
    SECRET_KEY_BASE: randomBytes(32).toString("hex"),
    PHX_HOST: "streampai.com",
    RELEASE_ID: release,
    DRAIN_SECONDS: "8",
    ...more,
  });
  for (let tries = 0; tries < 500; tries += 1) {
    const port = /"event":"listening","port":(\d+)/.exec(output())?.[1];
    if (port !== undefined) {
      return {
        port: Number(port),
        output,
        stop: (signal = "SIGTERM") => {
          child.kill(signal);
          return ended;
        },
      };
    }
    if (child.exitCode !== null) break;
    await pause(20);
  }
  throw new Error(`the API did not start: ${output()}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What stands in front in a rollout: new connections go to the active copy, open ones stay where they are. */
async function startSwitch(
  first: number,
): Promise<{ port: number; switchTo(port: number): void; server: Server }> {
  let active = first;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connectTcp(active, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
    }
    client.pipe(upstream).pipe(client);
  });
  server.on("close", () => sockets.forEach((socket) => socket.destroy()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, switchTo: (port) => (active = port), server };
}

interface Outcome {
  status: number | string;
  release: string | undefined;
}

function send(port: number, agent: Agent, body: string | undefined): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = {
      host: "127.0.0.1",
      port,
      path: "/api/messages?limit=5",
      agent,
      method: body === undefined ? "GET" : "POST",
      headers: body === undefined ? {} : { "content-type": "application/json" },
    };
    const outgoing = request(options, (response) => {
      response.resume();
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, release: String(response.headers["x-release"]) }),
      );
      response.on("error", (error) => resolve({ status: error.message, release: undefined }));
    });
    outgoing.on("error", (error) => resolve({ status: error.message, release: undefined }));
    outgoing.end(body);
  });
}

describe("a release", () => {
  it("replaces a copy under load without losing a request or a message", async () => {
    const [old, fresh] = await Promise.all([start("old"), start("new")]);
    const front = await startSwitch(old.port);
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const outcomes: Outcome[] = [];
    const written: string[] = [];
    let loading = true;
    const client = async (name: number) => {
      for (let count = 0; loading; count += 1) {
        const text = count % 2 === 0 ? undefined : `${name}-${count}`;
        const body = text === undefined ? undefined : JSON.stringify({ author: "load", body: text });
        const outcome = await send(front.port, agent, body);
        outcomes.push(outcome);
        if (text !== undefined && outcome.status === 201) written.push(text);
        await pause(10);
      }
    };
    const clients = Array.from({ length: 8 }, (_, index) => client(index));
    await pause(700);
    front.switchTo(fresh.port);
    await pause(200);
    const exitCode = await old.stop();
    await pause(400);
    loading = false;
    await Promise.all(clients);
    agent.destroy();
    front.server.close();

    expect(exitCode).toBe(0);
    expect(old.output()).toContain('"event":"drained","complete":true');
    expect(outcomes.filter(({ status }) => status !== 200 && status !== 201)).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(100);
    expect(new Set(outcomes.map(({ release }) => release))).toEqual(new Set(["old", "new"]));
    const stored = await postgres.query<{ body: string }>(
      new URL(databaseUrl).pathname.slice(1),
      "select body from messages where author = 'load'",
    );
    expect(stored.map(({ body }) => body).sort()).toEqual([...written].sort());
    expect(await fresh.stop()).toBe(0);
  });

  it("leaves at once on a second signal", async () => {
    const api = await start("impatient");
    const stuck = connectTcp(api.port, "127.0.0.1");
    stuck.on("error", () => undefined);
    stuck.write(
      "POST /api/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
    );
    await pause(200);
    void api.stop("SIGTERM");
    await pause(200);
    expect(await api.stop("SIGINT")).toBe(1);
    stuck.destroy();
  });

  it("refuses to start without its variables, naming all of them and no value", async () => {
    const { ended, output } = run({ DATABASE_URL: "postgresql://app:canary@db" });
    expect(await ended).toBe(1);
    expect(output()).toBe(
      [
        "the API cannot start:",
        "  - DATABASE_URL is not a PostgreSQL address: postgresql://user:password@host:5432/database",
        "  - SECRET_KEY_BASE is missing: it signs session cookies",
        "  - CORS_ORIGIN is missing (and PHX_HOST to derive it from): https://streampai.com",
        "",
      ].join("\n"),
    );
  });

  it("says in one line that its port is taken", async () => {
    const first = await start("first");
    const { ended, output } = run({
      PORT: String(first.port),
      HOST: "127.0.0.1",
      DATABASE_URL: databaseUrl,
      SECRET_KEY_BASE: randomBytes(32).toString("hex"),
      PHX_HOST: "streampai.com",
    });
    expect(await ended).toBe(1);
    expect(output()).toMatch(/"event":"start_failed","error":"listen EADDRINUSE/);
    await first.stop();
  });
});
