import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { hydratePostgres } from "../../sandbox/host/postgres/binaries";

/** A throwaway PostgreSQL server on loopback, with SCRAM for everybody. */
export interface TestPostgres {
  readonly port: number;
  /** The superuser's password. */
  readonly password: string;
  /** Address of a database of this server; of the superuser's unless told. Default: database `postgres`. */
  url(database?: string, user?: string, password?: string): string;
  /** Makes an empty database and returns its address for the superuser. */
  createDatabase(): Promise<string>;
  /** Runs statements as the superuser. */
  query<T extends object>(database: string, sql: string, values?: unknown[]): Promise<T[]>;
  /** What the server has written to its log. */
  log(): string;
  /** Stops the server and keeps its data; {@link TestPostgres.start} brings it back on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops the server and removes its data. */
  remove(): Promise<void>;
}

/** PostgreSQL installations to test with: the newest, from npm, and 15 where Debian's is installed. */
export const postgresVersions: readonly (readonly [version: string, installation: string | undefined])[] = [
  ["18", undefined],
  ...["/usr/lib/postgresql/15"]
    .filter((folder) => existsSync(join(folder, "bin", "initdb")))
    .map((folder) => ["15", folder] as const),
];

/** PostgreSQL refuses to run as root: as `nobody` then. */
const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;

/**
 * Starts a server, in about two seconds.
 * @param settings such as `{ wal_level: "logical" }`
 * @param installation the folder of another PostgreSQL, with `bin` in it. Default: the one from npm
 */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
  installation?: string,
): Promise<TestPostgres> {
  // Below the folder for temporary files: a home folder may be closed to `nobody`.
  const binaries = join(
    installation ?? hydratePostgres(join(tmpdir(), `groundwork-test-${process.getuid?.() ?? 0}`)),
    "bin",
  );
  const directory = mkdtempSync(join(tmpdir(), "groundwork-pg-"));
  const data = join(directory, "data");
  const password = randomBytes(18).toString("base64url");
  const passwordFile = join(directory, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  chmodSync(directory, 0o700);
  if (user !== undefined) [directory, passwordFile].forEach((path) => chownSync(path, user.uid, user.gid));
  const init = spawnSync(
    join(binaries, "initdb"),
    [
      "-D",
      data,
      "-U",
      "postgres",
      "-A",
      "scram-sha-256",
      `--pwfile=${passwordFile}`,
      "-N",
      "--locale=C",
      "-E",
      "UTF8",
    ],
    { ...user, cwd: directory, encoding: "utf8" },
  );
  if (init.status !== 0) throw new Error(`initdb failed: ${init.stderr}`);
  const server = new Server(
    join(binaries, "postgres"),
    directory,
    data,
    await freePort(),
    password,
    settings,
  );
  await server.start();
  return server;
}

class Server implements TestPostgres {
  private process: ChildProcess | undefined;
  private databases = 0;
  private output = "";

  constructor(
    private readonly program: string,
    private readonly directory: string,
    private readonly data: string,
    readonly port: number,
    readonly password: string,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  url(database = "postgres", name = "postgres", password = this.password): string {
    return `postgresql://${name}:${encodeURIComponent(password)}@127.0.0.1:${this.port}/${database}`;
  }

  async createDatabase(): Promise<string> {
    const name = `test_${(this.databases += 1)}`;
    await this.query("postgres", `create database ${name}`);
    return this.url(name);
  }

  async query<T extends object>(database: string, sql: string, values?: unknown[]): Promise<T[]> {
    const client = new Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return (await client.query<T>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  log(): string {
    return this.output;
  }

  async start(): Promise<void> {
    const settings = {
      fsync: "off",
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      ...this.settings,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const child = spawn(this.program, ["-D", this.data, "-p", String(this.port), ...args], {
      ...user,
      cwd: this.directory,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.process = child;
    child.stderr.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
    const deadline = Date.now() + 20_000;
    for (;;) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(`postgres did not start: ${this.output.slice(-4000)}`);
      try {
        await this.query("postgres", "select 1");
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async stop(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // "Fast" shutdown: sessions are ended, data is written.
    child.kill("SIGINT");
    await ended;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A port that was free a moment ago, on loopback. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
