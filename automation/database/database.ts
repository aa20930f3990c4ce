/** A database of an environment: reached where it is, as whom it has, and asked as its administrator. */
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { Client, type ClientConfig } from "pg";
import { UserError, type UserErrorParts } from "../../common/user-error";
import { historyTables } from "../../components/database/names";
import { hostAccess, resolveOverrides } from "../../platform/host-access";
import type { Settings } from "../../platform/settings";
import { completeRoles } from "../../platform/settings/rules/databases";
import { resolvePlace } from "../../remote/host";
import { SshConnection, SshFailure } from "../../remote/ssh-client";
import type { StackConfig } from "../stack-config";
import type { Frames } from "../../remote/framing";
import type { RemoteStep } from "../../remote/scripts";
import { type AttackReport, attackDatabase } from "./attack/attack";
import type { AttackTarget } from "./attack/connect";
import type { BackupAccess } from "./backups";
import { openTunnel, type Tunnel } from "./tunnel";

export type { AttackReport } from "./attack/attack";

type DatabaseSettings = Settings["databases"][string];
type Contained = Extract<DatabaseSettings, { kind: "container" }>;

/** The roles of a database that log in. */
export type DatabaseRole = "app" | "migrator" | "readOnly" | "backup" | "monitor" | "replication";

/** The stack's output `connections`: addresses by database and role. Secret. */
export type DatabaseConnections = Readonly<Record<string, Readonly<Partial<Record<DatabaseRole, string>>>>>;

/** Who logs in where. */
export interface DatabaseLogin {
  readonly user: string;
  readonly password: string;
}

/** Where one reaches a database from here. */
export interface DatabasePlace {
  readonly host: string;
  readonly port: number;
  readonly ssl: ClientConfig["ssl"];
  /** The name in the server's certificate. Undefined without TLS. */
  readonly serverName?: string;
  /** The authorities that it may be of, PEM. Undefined without TLS. */
  readonly authorities?: string;
}

/** An answer to {@link EnvironmentDatabase.ask}. */
export interface AdminAnswer<T> {
  readonly rows: readonly T[];
  /** KiB of the host's disk that the data lie on. Undefined where that is not ours to see. */
  readonly disk?: { readonly size: number; readonly free: number };
}

interface DatabaseOptions {
  /** Where backups are, by database: the stack's output `backups`. */
  readonly backups?: Readonly<Record<string, BackupAccess>> | undefined;
  /** PEM file with further certificate authorities. */
  readonly authoritiesFile?: string | undefined;
}

/**
 * Finds a database by its name.
 *
 * @throws UserError where there is none of that name, several to choose from, or none was brought up yet
 */
export function openDatabase(
  config: StackConfig,
  connections: DatabaseConnections | undefined,
  name: string | undefined,
  options: DatabaseOptions = {},
): EnvironmentDatabase {
  const { settings, stack } = config;
  const names = Object.keys(settings.databases);
  const chosen = name ?? (names.length === 1 ? names[0] : undefined);
  const database = chosen === undefined ? undefined : settings.databases[chosen];
  if (chosen === undefined || database === undefined) {
    throw new UserError({
      what:
        names.length === 0
          ? `${stack} has no database`
          : name === undefined
            ? `${stack} has several databases`
            : `${stack} has no database of that name`,
      ...(name === undefined ? {} : { value: name }),
      allowed: names.length === 0 ? "a stack with groundwork:databases" : names.join(", "),
      next:
        names.length === 0
          ? "add groundwork:databases: docs/settings.md says how"
          : `name one: --database ${names[0] ?? ""}`,
    });
  }
  const urls = connections?.[chosen];
  if (urls?.app === undefined) {
    throw new UserError({
      what: `${stack} was not brought up yet with this database`,
      value: chosen,
      next: `npx groundwork up -s ${stack}`,
    });
  }
  return new EnvironmentDatabase(config, chosen, database, urls, options);
}

/** A step on a host ended with an exit code of remote/lib.sh. */
export class HostStepError extends UserError {
  /** @param code undefined where a signal ended it */
  constructor(
    readonly code: number | undefined,
    parts: UserErrorParts,
  ) {
    super(parts);
  }
}

/** A database of an environment. Close it when done: it may hold a connection to its host. */
export class EnvironmentDatabase {
  private connection: SshConnection | undefined;
  private tunnel: Tunnel | undefined;

  constructor(
    private readonly config: StackConfig,
    readonly name: string,
    readonly settings: DatabaseSettings,
    private readonly urls: Readonly<Partial<Record<DatabaseRole, string>>>,
    private readonly options: DatabaseOptions = {},
  ) {}

  get stack(): string {
    return this.config.stack;
  }

  /** Where its backups are; undefined where it was not brought up with any. */
  get backups(): BackupAccess | undefined {
    return this.options.backups?.[this.name];
  }

  /** The roles that can log in. */
  get roles(): DatabaseRole[] {
    return Object.keys(this.urls) as DatabaseRole[];
  }

  /** The addresses of its roles. Secret. */
  get addresses(): string[] {
    return Object.values(this.urls);
  }

  /** @throws UserError for a role that the database has not got */
  login(role: DatabaseRole): DatabaseLogin {
    const url = this.urls[role];
    if (url === undefined) {
      throw new UserError({
        what: "the database has no such role",
        value: role,
        allowed: this.roles.join(", "),
        next: `add it to groundwork:databases.${this.name}.roles`,
      });
    }
    const { password, username } = new URL(url);
    return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
  }

  /**
   * Where the database is for a program on this machine. A container's has no port to the outside: it is reached from
   * where the application is, through its host, by a port of this machine's loopback that stays until {@link close}.
   *
   * @param port of this machine. @default any free one
   */
  async place(role: DatabaseRole = "app", port = 0): Promise<DatabasePlace> {
    if (this.settings.kind === "container") {
      const address = await this.address(this.settings);
      const connection = await this.host(this.settings);
      this.tunnel ??= await openTunnel(connection, { address, port: this.settings.port }, port);
      return { host: "127.0.0.1", port: this.tunnel.port, ssl: false };
    }
    const { host, poolerHost, port: serverPort, tls } = this.settings;
    const server = role === "app" || role === "readOnly" ? (poolerHost ?? host) : host;
    const place = resolvePlace(server, serverPort, resolveOverrides(this.config.settings));
    const address = { host: place.address, port: place.port };
    if (tls === "disable") return { ...address, ssl: false };
    const authorities = this.authorities();
    const ssl = { servername: server, rejectUnauthorized: true, ca: authorities };
    return { ...address, ssl, serverName: server, authorities };
  }

  /** Tries what the application's user must not be able to do, and what it must. */
  async attack(): Promise<AttackReport> {
    const { settings } = this;
    const [own, direct] = [await this.place("app"), await this.place("migrator")];
    const target: AttackTarget = {
      ...own,
      migratorPlace: direct,
      database: settings.database,
      app: this.login("app"),
      migrator: this.login("migrator"),
      group: completeRoles(settings).app,
      schemas: settings.schemas,
      readOnlyTables: settings.readOnlyTables ?? historyTables,
      hiddenRelations: settings.hiddenRelations,
      bySuperuser: settings.kind === "container",
      ...(settings.kind === "container" ? {} : { otherDatabases: this.neighbours() }),
    };
    return attackDatabase(target);
  }

  /**
   * Asks as the administrator: the container's superuser through its own socket, or the one that a provider gave.
   *
   * @param query a SELECT, without a semicolon
   */
  async ask<T extends object>(query: string): Promise<AdminAnswer<T>> {
    const statements = `SELECT coalesce(jsonb_agg(to_jsonb(q)), '[]'::jsonb)::text AS rows FROM (${query}) q`;
    const { settings } = this;
    if (settings.kind === "container") {
      const answer = await this.step<{ rows: T[]; disk?: { size: number; free: number } | null }>(
        "database-query",
        {
          service: settings.service,
          admin_user: settings.adminUser,
          database: settings.database,
          statements,
        },
      );
      return {
        rows: answer.rows,
        ...(answer.disk === undefined || answer.disk === null ? {} : { disk: answer.disk }),
      };
    }
    return this.asAdmin(async (client) => {
      const { rows } = await client.query<{ rows: string }>(statements);
      return { rows: JSON.parse(rows[0]?.rows ?? "[]") as T[] };
    });
  }

  /** Drops the database with everything in it and makes it anew, empty and without roles' rights. */
  async empty(): Promise<void> {
    const { settings } = this;
    if (settings.kind === "container") {
      const { adminUser: admin_user, database, service } = settings;
      await this.step("database-empty", { service, admin_user, database });
      return;
    }
    await this.asAdmin(async (client) => {
      const database = client.escapeIdentifier(settings.database);
      await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${database}`);
    }, settings.adminDatabase);
  }

  /**
   * psql in the container, as one of the roles.
   *
   * @param input its standard input
   * @param print told each line that it prints
   * @returns its exit code
   */
  async shell(
    role: DatabaseRole,
    args: readonly string[],
    input: string,
    print: (line: string) => void,
  ): Promise<number> {
    const { settings } = this;
    if (settings.kind !== "container") throw new Error("a shell needs a container");
    const connection = await this.host(settings);
    const access = hostAccess(this.config.settings, this.config.secrets, settings.host);
    const words = Object.fromEntries(args.map((word, index) => [`argument_${index + 1}`, word]));
    const { database, service } = settings;
    const frames = { service, role: this.login(role).user, database, arguments: args.length, ...words };
    const { code } = await connection.step("database-shell", access, settings.project, frames, {
      input,
      onStdout: print,
      onStderr: (line) => process.stderr.write(`${line}\n`),
    });
    return code ?? 1;
  }

  /**
   * Runs a step on the container's host and returns its line of JSON.
   *
   * @param frames over those that name the database
   * @param redact texts that must not be shown
   * @throws HostStepError with what the step says
   */
  async hostStep<T>(step: RemoteStep, frames: Frames, redact: readonly string[] = []): Promise<T> {
    const { settings } = this;
    if (settings.kind !== "container") throw new Error(`${step} needs a container's host`);
    const connection = await this.host(settings);
    const access = hostAccess(this.config.settings, this.config.secrets, settings.host);
    const { adminUser: admin_user, database, project, service } = settings;
    const all = { service, admin_user, database, ...frames };
    const { code, stdout, stderr } = await connection.step(step, access, project, all, { redact });
    if (code === 0) return JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as T;
    throw new HostStepError(code, {
      what: `${step} on ${settings.host} did not succeed (exit code ${code ?? "none"})`,
      value: stderr.trim().replace(new RegExp(`^${step}: `), ""),
      next: `mend what it says, then run the same again; npx groundwork db status -s ${this.stack} shows the database`,
    });
  }

  /** Ends what is open. */
  async close(): Promise<void> {
    await this.tunnel?.close();
    this.connection?.close();
  }

  /** Other databases of the same server that this stack has: they must be closed to this one's application. */
  private neighbours(): string[] {
    const { settings } = this;
    if (settings.kind === "container") return [];
    return Object.entries(this.config.settings.databases).flatMap(([name, other]) =>
      name !== this.name &&
      other.kind === "external" &&
      other.host === settings.host &&
      other.port === settings.port
        ? [other.database]
        : [],
    );
  }

  /** Those that the user trusts besides, and everybody's. */
  private authorities(): string {
    const { authoritiesFile } = this.options;
    const further = authoritiesFile === undefined ? [] : [readFileSync(authoritiesFile, "utf8")];
    return [...further, ...rootCertificates].join("\n");
  }

  private async asAdmin<T>(
    work: (client: Client) => Promise<T>,
    database = this.settings.database,
  ): Promise<T> {
    const { settings } = this;
    if (settings.kind === "container") throw new Error("a container's administrator is asked on its host");
    const { host, port, ssl } = await this.place("migrator");
    const client = new Client({
      host,
      port,
      ssl,
      database,
      user: settings.adminUser,
      password: this.config.secrets[settings.adminPasswordSecret],
      connectionTimeoutMillis: 15_000,
      application_name: "groundwork",
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return await work(client);
    } catch (error) {
      throw new UserError({
        what: `the database's administrator ${settings.adminUser} was refused`,
        value: error instanceof Error ? error.message : String(error),
        next: `see that the server runs, and what groundwork:secrets has as ${settings.adminPasswordSecret}`,
        cause: error,
      });
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  private async address({ service }: Contained): Promise<string> {
    const { address } = await this.step<{ address: string }>("database-address", { service });
    return address;
  }

  /** Runs a step on the container's host and returns its line of JSON. */
  private async step<T>(
    step: "database-address" | "database-query" | "database-empty",
    frames: Readonly<Record<string, string>>,
  ): Promise<T> {
    const { settings } = this;
    if (settings.kind !== "container") throw new Error(`${step} needs a container's host`);
    const connection = await this.host(settings);
    const access = hostAccess(this.config.settings, this.config.secrets, settings.host);
    const { code, stdout, stderr } = await connection.step(step, access, settings.project, frames);
    if (code === 0) return JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as T;
    throw new UserError({
      what: `the database ${this.name} of ${this.stack} does not answer on ${settings.host}`,
      value: stderr.trim(),
      next: `see what runs there: npx groundwork releases -s ${this.stack}; npx groundwork up -s ${this.stack} brings it back`,
    });
  }

  private async host({ host }: Contained): Promise<SshConnection> {
    if (this.connection?.isOpen === true) return this.connection;
    const access = hostAccess(this.config.settings, this.config.secrets, host);
    try {
      this.connection = await SshConnection.open(access);
      return this.connection;
    } catch (error) {
      if (!(error instanceof SshFailure)) throw error;
      throw new UserError({
        what: `the host ${host} of the database ${this.name} cannot be reached`,
        value: error.message,
        next: error.next,
        cause: error,
      });
    }
  }
}
