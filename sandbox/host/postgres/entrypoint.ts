/**
 * Starts PostgreSQL as the official image does, in a container and as a plain process: an empty data folder is
 * initialised from POSTGRES_PASSWORD, POSTGRES_USER and POSTGRES_DB (each also as …_FILE). Every TCP connection needs
 * SCRAM (the official image trusts those from 127.0.0.1); the local socket is trusted, as there, unless
 * POSTGRES_INITDB_ARGS says otherwise. Never as root: from root it changes to GROUNDWORK_UID.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const environment = process.env;
const home = environment["GROUNDWORK_POSTGRES"] ?? "/usr/local/postgres";
const data = environment["PGDATA"] ?? "/var/lib/postgresql/data";
const sockets = environment["GROUNDWORK_SOCKETS"] ?? "/var/run/postgresql";
const isRoot = process.getuid?.() === 0;
const uid = Number(environment["GROUNDWORK_UID"] ?? 999);
const gid = Number(environment["GROUNDWORK_GID"] ?? uid);
const identity = isRoot ? { uid, gid } : {};
/** Where a new cluster is made before it is moved into place whole. */
const staging = join(data, ".initialising");
const complete = join(staging, ".complete");

const program = (name: string): string => join(home, "bin", name);
const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

class StartError extends Error {}

/** `NAME`, or the content of the file that `NAME_FILE` names. */
function setting(name: string, fallback: string): string {
  const direct = environment[name];
  const file = environment[`${name}_FILE`];
  if (direct !== undefined && file !== undefined) {
    throw new StartError(`error: both ${name} and ${name}_FILE are set (but are exclusive)`);
  }
  if (file === undefined) return direct ?? fallback;
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw new StartError(`error: cannot read ${name}_FILE: ${(error as Error).message}`);
  }
}

function own(path: string): void {
  if (!isRoot) return;
  const { uid: owner } = statSync(path);
  if (owner === uid && existsSync(join(path, "PG_VERSION"))) return;
  const visit = (full: string): void => {
    lchownSync(full, uid, gid);
    if (statSync(full, { throwIfNoEntry: false })?.isDirectory() === true) {
      for (const entry of readdirSync(full)) visit(join(full, entry));
    }
  };
  visit(path);
}

function run(name: string, args: readonly string[], input = ""): void {
  const result = spawnSync(program(name), args, {
    ...identity,
    input,
    encoding: "utf8",
    cwd: "/",
    env: { PATH: environment["PATH"], TZ: environment["TZ"] ?? "UTC", LC_ALL: "C" },
  });
  if (result.status !== 0) {
    throw new StartError(
      `${name} failed (${result.error?.message ?? String(result.status)}):\n${result.stdout}${result.stderr}`,
    );
  }
}

/** A crash in the middle leaves the staging folder: the next start throws a half one away and moves on with a whole one. */
function initialise(): void {
  if (!existsSync(complete)) makeCluster();
  // PG_VERSION last: it is what says that the folder holds a cluster.
  const entries = readdirSync(staging).filter((name) => name !== "PG_VERSION" && name !== ".complete");
  for (const name of [...entries, "PG_VERSION"]) renameSync(join(staging, name), join(data, name));
  rmSync(staging, { recursive: true, force: true });
  say("PostgreSQL init process complete; ready for start up.");
  if (existsSync("/docker-entrypoint-initdb.d") && readdirSync("/docker-entrypoint-initdb.d").length > 0) {
    say("sandbox: scripts in /docker-entrypoint-initdb.d are not run by this image");
  }
}

function makeCluster(): void {
  const password = setting("POSTGRES_PASSWORD", "");
  const user = setting("POSTGRES_USER", "postgres");
  const database = setting("POSTGRES_DB", user);
  if (password === "") {
    throw new StartError(
      "Error: Database is uninitialized and superuser password is not specified.\n" +
        "       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser.",
    );
  }
  const foreign = readdirSync(data).filter((name) => name !== ".initialising" && name !== "lost+found");
  if (foreign.length > 0) {
    throw new StartError(
      `initdb: error: directory "${data}" exists but is not empty (${foreign.slice(0, 3).join(", ")})`,
    );
  }
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { mode: 0o700 });
  if (isRoot) chownSync(staging, uid, gid);
  const folder = mkdtempSync(join(tmpdir(), "password-"));
  const passwordFile = join(folder, "password");
  try {
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    if (isRoot) {
      chownSync(folder, uid, gid);
      chownSync(passwordFile, uid, gid);
    }
    const extra = (environment["POSTGRES_INITDB_ARGS"] ?? "").split(/\s+/).filter((word) => word !== "");
    run("initdb", [
      ...["-D", staging, "-U", user, "--pwfile", passwordFile, "--encoding=UTF8", "--locale=C"],
      ...["--auth-local=trust", "--auth-host=scram-sha-256", ...extra],
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  appendFileSync(join(staging, "pg_hba.conf"), "\nhost all all all scram-sha-256\n");
  if (database !== "postgres") {
    run(
      "postgres",
      ["--single", "-D", staging, "postgres"],
      `CREATE DATABASE "${database.replace(/"/g, '""')}";\n`,
    );
  }
  writeFileSync(complete, "");
}

/** Takes libraries out of shared_preload_libraries that this PostgreSQL does not have, and says so. */
function withKnownLibraries(args: readonly string[]): string[] {
  return args.map((argument) => {
    const match = /^(--|)shared_preload_libraries=(.*)$/.exec(argument);
    if (match === null) return argument;
    const [, dashes = "", list = ""] = match;
    const names = list
      .replace(/'/g, "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
    const known = names.filter((name) => existsSync(join(home, "lib", "postgresql", `${name}.so`)));
    const missing = names.filter((name) => !known.includes(name));
    if (missing.length > 0)
      say(`sandbox: this PostgreSQL has no library ${missing.join(", ")}; started without`);
    return `${dashes}shared_preload_libraries=${known.join(",")}`;
  });
}

function serve(args: readonly string[]): void {
  // As a plain process: its own loopback address, and a socket that nobody else reaches.
  const address = environment["GROUNDWORK_ADDRESS"];
  mkdirSync(sockets, { recursive: true });
  if (isRoot) chownSync(sockets, uid, gid);
  if (address !== undefined) chmodSync(sockets, 0o700);
  const server = spawn(
    program("postgres"),
    [
      "-D",
      data,
      "-c",
      `listen_addresses=${address ?? "*"}`,
      "-c",
      `unix_socket_directories=${sockets}`,
      ...withKnownLibraries(args),
    ],
    { ...identity, stdio: ["ignore", "inherit", "inherit"], cwd: "/", env: serverEnvironment() },
  );
  // A stop is a fast shutdown: clients are sent away, nothing is lost.
  const signals: readonly (readonly [NodeJS.Signals, NodeJS.Signals])[] = [
    ["SIGTERM", "SIGINT"],
    ["SIGINT", "SIGINT"],
    ["SIGQUIT", "SIGQUIT"],
    ["SIGHUP", "SIGHUP"],
  ];
  for (const [received, sent] of signals) process.on(received, () => server.kill(sent));
  server.once("error", (error) => {
    say(`cannot start postgres: ${error.message}`);
    process.exit(1);
  });
  server.once("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 128 + 9)));
}

/** The server never sees the superuser's password. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith("POSTGRES_") && name !== "NODE_OPTIONS"),
  );
}

function main(): void {
  const args = process.argv.slice(2);
  if (args[0] !== undefined && args[0] !== "postgres" && !args[0].startsWith("-")) {
    const other = spawn(args[0], args.slice(1), { stdio: "inherit" });
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => other.kill(signal));
    other.once("error", (error) => {
      say(error.message);
      process.exit(127);
    });
    other.once("exit", (code) => process.exit(code ?? 1));
    return;
  }
  mkdirSync(data, { recursive: true });
  own(data);
  chmodSync(data, 0o700);
  if (!existsSync(join(data, "PG_VERSION"))) initialise();
  serve(args[0] === "postgres" ? args.slice(1) : args);
}

try {
  main();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
