import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { chmod, chown, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { UserError } from "../../common/user-error";
import type { Authority } from "../certificates";
import { toolFile } from "../host/bundle-names";
import { readHostConfig } from "../host/config";
import { hostLayout } from "../host/layout";
import { freePort } from "../host/ports";
import { hydratePostgres } from "../host/postgres/binaries";
import { outsideFolder, reachableFolder, unprivilegedUser } from "../host/reachable";
import { writeWhole } from "../kept-files";

/** A database that somebody else runs, as a stack file names it. */
export interface ExternalDatabase {
  /** Its name in `groundwork:databases`. */
  readonly name: string;
  readonly host: string;
  /** Further names of it, such as a pooler's. */
  readonly aliases: readonly string[];
  readonly port: number;
  readonly adminUser: string;
  readonly adminDatabase: string;
  /** The secret that is the administrator's password. */
  readonly adminPasswordSecret: string;
}

/** What stands in for it: a PostgreSQL of the sandbox's own on 127.0.0.1. */
export interface DatabasePlace {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly localPort: number;
  readonly adminUser: string;
  readonly adminPasswordSecret: string;
  readonly passwordFile: string;
}

/** A running one. */
export interface RunningDatabase {
  readonly place: DatabasePlace;
  /** Ends the server; its data stays. */
  close(): Promise<void>;
  /** Ends it and removes everything of it that lies outside of its folder. */
  destroy(): Promise<void>;
}

/**
 * Starts a PostgreSQL in place of one that somebody else runs: TLS only, by a certificate of the given authority for the
 * names in the stack file, and an administrator who may make roles and databases but is no superuser, as providers
 * have it.
 *
 * @param hostDirectory the sandbox's host, whose programs are used.
 * @throws UserError with the end of its log when it does not come up.
 */
export async function startExternalDatabase(
  database: ExternalDatabase,
  { directory, hostDirectory, authority }: { directory: string; hostDirectory: string; authority: Authority },
): Promise<RunningDatabase> {
  const layout = hostLayout(directory);
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const { directory: reachable } = reachableFolder(layout);
  const user = unprivilegedUser();
  const data = join(reachable, "data");
  const sockets = join(reachable, "run");
  const files = { certificate: join(reachable, "tls.pem"), key: join(reachable, "tls.key") };
  const hba = join(reachable, "pg_hba.conf");
  const superuserPassword = await kept(join(directory, "superuser-password"), secret);
  const passwordFile = join(directory, "admin-password");
  const password = await kept(passwordFile, secret);
  const issued = await authority.issue({
    hostnames: [...new Set([database.host, ...database.aliases, "localhost"])],
  });
  const owned: readonly (readonly [string, string])[] = [
    [files.certificate, issued.certificatePem],
    [files.key, issued.keyPem],
    // As at a provider: nobody comes in without TLS; the socket is the sandbox's own way in.
    [
      hba,
      "local all all trust\nhostssl all all all scram-sha-256\nhostssl replication all all scram-sha-256\n",
    ],
  ];
  for (const [file, text] of owned) {
    await rm(file, { force: true });
    await writeFile(file, text, { mode: 0o600 });
    if (user !== undefined) await chown(file, user.uid, user.gid);
    await chmod(file, 0o600);
  }
  await endLeftOver(data);

  const portFile = join(directory, "port");
  const localPort = Number(await kept(portFile, async () => String(await freePort())));
  const logFile = join(directory, "database.log");
  const log = openSync(logFile, "w", 0o600);
  const { layout: hostFolders, config } = readHostConfig(hostDirectory);
  const server = spawn(
    process.execPath,
    [
      toolFile(hostFolders.tools, "postgres-entrypoint"),
      "postgres",
      ...["-c", `port=${localPort}`, "-c", `hba_file=${hba}`, "-c", "wal_level=logical", "-c", "ssl=on"],
      ...["-c", `ssl_cert_file=${files.certificate}`, "-c", `ssl_key_file=${files.key}`],
    ],
    {
      stdio: ["ignore", log, log],
      env: {
        PATH: process.env["PATH"],
        PGDATA: data,
        GROUNDWORK_POSTGRES: config.postgres?.directory ?? hydratePostgres(reachable),
        GROUNDWORK_SOCKETS: sockets,
        GROUNDWORK_ADDRESS: "127.0.0.1",
        POSTGRES_PASSWORD: superuserPassword,
        ...(user && { GROUNDWORK_UID: String(user.uid), GROUNDWORK_GID: String(user.gid) }),
      },
    },
  );
  closeSync(log);
  const close = (): Promise<void> => ended(server);
  try {
    const client = await connected(server, sockets, localPort, logFile);
    try {
      await makeAdministrator(client, database, password);
    } finally {
      await client.end();
    }
  } catch (error) {
    await close();
    // Another port at the next start, in case this one was taken by somebody else.
    await rm(portFile, { force: true });
    throw error;
  }
  const { name, host, port, adminUser, adminPasswordSecret } = database;
  return {
    place: { name, host, port, localPort, adminUser, adminPasswordSecret, passwordFile },
    close,
    destroy: async () => {
      await close();
      await rm(outsideFolder(layout), { recursive: true, force: true });
    },
  };
}

/** As providers give it: roles and databases may be made, the server is not his. */
async function makeAdministrator(
  client: Client,
  { adminUser, adminDatabase }: ExternalDatabase,
  password: string,
): Promise<void> {
  const role = client.escapeIdentifier(adminUser);
  const known = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [adminUser]);
  if (known.rowCount === 0) await client.query(`CREATE ROLE ${role}`);
  await client.query(
    `ALTER ROLE ${role} LOGIN CREATEDB CREATEROLE BYPASSRLS REPLICATION PASSWORD ${client.escapeLiteral(password)}`,
  );
  await client.query(
    `GRANT pg_read_all_data, pg_write_all_data, pg_monitor, pg_signal_backend TO ${role} WITH ADMIN OPTION`,
  );
  const there = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [adminDatabase]);
  if (there.rowCount === 0) {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(adminDatabase)} OWNER ${role}`);
  }
}

/** Connects as the superuser over the socket, as soon as the server takes connections. */
async function connected(
  server: ChildProcess,
  sockets: string,
  port: number,
  logFile: string,
): Promise<Client> {
  const patience = Date.now() + 60_000;
  for (;;) {
    const client = new Client({ host: sockets, port, user: "postgres", database: "postgres" });
    // A connection that breaks later must not end the sandbox.
    client.on("error", () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (server.exitCode !== null || server.signalCode !== null || Date.now() > patience) {
        throw new UserError({
          what: "the sandbox's PostgreSQL for a database elsewhere does not come up",
          value: readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-5).join("\n"),
          next: "run the same command again",
          cause: error,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** A daemon that was killed leaves its database behind: it is ended, as its folder is ours alone. */
async function endLeftOver(data: string): Promise<void> {
  const file = join(data, "postmaster.pid");
  if (!existsSync(file)) return;
  const pid = Number((await readFile(file, "utf8")).split("\n")[0]);
  const belongs = (): boolean => {
    try {
      return pid > 1 && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(data);
    } catch {
      return false;
    }
  };
  if (belongs()) process.kill(pid, "SIGINT");
  for (let waited = 0; belongs() && waited < 200; waited++)
    await new Promise((resolve) => setTimeout(resolve, 50));
}

function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.kill("SIGKILL"), 20_000);
    server.once("exit", () => {
      clearTimeout(cut);
      resolve();
    });
    server.kill("SIGTERM");
  });
}

function secret(): string {
  return randomBytes(24).toString("base64url");
}

/** The content of a file, made once. */
async function kept(file: string, make: () => string | Promise<string>): Promise<string> {
  if (!existsSync(file)) await writeWhole(file, await make());
  return (await readFile(file, "utf8")).trim();
}
