import { isIP, isIPv6 } from "node:net";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { resolvePlace, type RemoteHost, type ResolveOverride } from "../remote/host";
import { roleStatements } from "./database/roles";
import { roleSalt, scramVerifier } from "./database/scram";
import { localStep } from "./shared/local-step";
import { componentType } from "./shared/names";
import { isHostname, isPort, isVariableName, Issues, refuse } from "./shared/validation";

/** Names of the roles in a database. */
export interface PostgresRoleNames {
  /** Owns the database's objects; for migrations only. @default `<database>_migrator` */
  readonly migrator?: string;
  /** Holds the application's grants; its logins are `<app>_a` and `<app>_b`. @default `<database>_app` */
  readonly app?: string;
  /** A login that reads everything in the schemas. @default no such role */
  readonly readOnly?: string;
  /** A login for dumps (`pg_read_all_data`). @default no such role */
  readonly backup?: string;
  /** A login for statistics (`pg_monitor`). @default no such role */
  readonly monitor?: string;
  /** A login for logical replication. @default `<database>_repl` with `replication`, else no such role */
  readonly replication?: string;
}

/** What both kinds of database have in common. */
export interface PostgresCommonArgs {
  /** Name of the application's database; made if it is missing. */
  readonly database: string;
  /** Names of the roles. @default `<database>_migrator`, `<database>_app`, and no optional ones */
  readonly roles?: PostgresRoleNames;
  /** Schemas the application works in; the first one is where new tables go. @default ["public"] */
  readonly schemas?: readonly string[];
  /** Extensions installed by the administrator, so that migrations need no superuser. @default [] */
  readonly extensions?: readonly string[];
  /** Tables that the application may read but never write, as `schema.table`. @default the usual migration-history tables */
  readonly readOnlyTables?: readonly string[];
  /** Relations that the application may not touch at all, as `schema.name`. @default [] */
  readonly hiddenRelations?: readonly string[];
  /** Connections that each login of the application may hold. @default 50 */
  readonly connectionLimit?: number;
  /** Milliseconds after which a statement of the application is ended; 0 = never. @default 30000 */
  readonly statementTimeout?: number;
  /** Milliseconds the application waits for a lock; 0 = for ever. @default 5000 */
  readonly lockTimeout?: number;
  /** Milliseconds a transaction may idle. @default 60000 */
  readonly idleInTransactionTimeout?: number;
  /** Milliseconds a migration waits for a lock before it fails. @default 5000 */
  readonly migratorLockTimeout?: number;
  /** Raise it by one to rotate all passwords. The application changes to its other login, so nothing is interrupted. @default 1 */
  readonly passwordVersion?: number;
  /** A login with REPLICATION and SELECT for logical consumers such as Electric; makes the publication. @default none */
  readonly replication?: {
    /** @default `<database>_publication` */
    readonly publication?: string;
    /** Tables, as `schema.table`. @default every table */
    readonly tables?: readonly string[];
  };
  /** Takes CONNECT and TEMPORARY on all other databases from PUBLIC. @default true in a container, false elsewhere */
  readonly isolateDatabases?: boolean;
  /** Appended to the URLs as the query, such as `{ sslmode: "verify-full" }`. @default {}, with `sslmode=verify-full` for external ones */
  readonly urlParameters?: Readonly<Record<string, string>>;
}

/** PostgreSQL in a container of a compose project; administered through the container's own socket. */
export interface ContainerPostgresArgs extends PostgresCommonArgs {
  readonly kind: "container";
  readonly host: RemoteHost;
  /** The compose project that holds the service: an {@link AppOrigin}'s `project`. */
  readonly project: string;
  /** The service in the compose file. @default "db" */
  readonly service?: string;
  /** Superuser of the container. @default "postgres" */
  readonly adminUser?: string;
  /** Variable of the compose file that holds the superuser's password. @default "POSTGRES_PASSWORD" */
  readonly adminPasswordVariable?: string;
  /** Host name of the database on the containers' network. @default the service's name */
  readonly networkHost?: string;
  /** @default 5432 */
  readonly port?: number;
}

/** PostgreSQL run by somebody else: Neon, RDS, Cloud SQL. Reached over TLS, its certificate verified. */
export interface ExternalPostgresArgs extends PostgresCommonArgs {
  readonly kind: "external";
  readonly address: pulumi.Input<string>;
  /** @default 5432 */
  readonly port?: number;
  /** A role that may create roles; need not be superuser. */
  readonly adminUser: pulumi.Input<string>;
  readonly adminPassword: pulumi.Input<string>;
  /** Database the administrator connects to first. @default "postgres" */
  readonly adminDatabase?: string;
  /** Certificate authority of the server, PEM. @default the system's */
  readonly certificateAuthority?: pulumi.Input<string>;
  /** `require` encrypts without checking the certificate; it and `disable` are for private networks. @default "verify-full" */
  readonly tls?: "verify-full" | "require" | "disable";
  /** Host in the URLs, where applications go through a pooler. @default `address` */
  readonly applicationAddress?: pulumi.Input<string>;
  /** Where the server really is, as curl's `--resolve`. @default [] */
  readonly resolve?: readonly ResolveOverride[];
}

/** Arguments of {@link PostgresWithAppUser}. */
export type PostgresWithAppUserArgs = ContainerPostgresArgs | ExternalPostgresArgs;

/** What an {@link AppOrigin} needs of a database in one of its containers. */
export interface OriginDatabase {
  /** The compose service to start and wait for. */
  readonly service: string;
  /** Variables for `${…}` in the compose file: the superuser's password of a new volume. Secret. */
  readonly composeEnvironment: Readonly<Record<string, pulumi.Input<string>>>;
  /** Makes the step that creates roles and grants, to run after the given ones; migrations wait for what it returns. */
  provision(after: readonly pulumi.Resource[]): pulumi.Resource;
  /** Makes the step that does the same again after migrations, for what they made; it runs when `trigger` changes. */
  provisionAgain(after: readonly pulumi.Resource[], trigger: pulumi.Input<string>): pulumi.Resource;
}

/** Tables in which migration tools remember what they did: the application may read them. */
const historyTables = [
  "schema_migrations",
  "alembic_version",
  "_prisma_migrations",
  "__drizzle_migrations",
  "flyway_schema_history",
  "knex_migrations",
  "goose_db_version",
];

/**
 * A PostgreSQL database with an owner for migrations and an application user that can read and write rows and nothing
 * else. Works on a volume that exists already: roles and grants are made what they should be at each change, in one
 * transaction. The server is only given verifiers, never a password.
 *
 * With `kind: "container"` the {@link AppOrigin} that has the database in its `databases` starts the container and calls
 * `provision`; where no origin does, call it yourself.
 *
 * @example
 * // The smallest: a container of an origin's compose file.
 * import { PostgresWithAppUser, RemoteHost } from "groundwork/components";
 *
 * declare const host: RemoteHost;
 * export const database = new PostgresWithAppUser("main", {
 *   kind: "container",
 *   host,
 *   project: "streampai",
 *   database: "streampai",
 * });
 * export const url = database.appUrl;
 *
 * @example
 * // Everything, at a provider.
 * import { PostgresWithAppUser } from "groundwork/components";
 * import * as pulumi from "@pulumi/pulumi";
 *
 * export const database = new PostgresWithAppUser("main", {
 *   kind: "external",
 *   address: "ep-example.eu-central-1.aws.example.com",
 *   port: 5432,
 *   adminUser: "owner",
 *   adminPassword: new pulumi.Config().requireSecret("databaseAdminPassword"),
 *   adminDatabase: "postgres",
 *   applicationAddress: "ep-example-pooler.eu-central-1.aws.example.com",
 *   tls: "verify-full",
 *   database: "plyr",
 *   roles: { migrator: "plyr_migrator", app: "plyr_app", readOnly: "plyr_reports", backup: "plyr_backup" },
 *   schemas: ["public", "audit"],
 *   extensions: ["citext"],
 *   readOnlyTables: ["alembic_version"],
 *   hiddenRelations: ["audit.log"],
 *   connectionLimit: 40,
 *   statementTimeout: 30_000,
 *   lockTimeout: 5_000,
 *   idleInTransactionTimeout: 60_000,
 *   migratorLockTimeout: 5_000,
 *   passwordVersion: 1,
 *   replication: { publication: "electric", tables: ["messages"] },
 *   isolateDatabases: false,
 *   urlParameters: { application_name: "plyr" },
 * });
 */
export class PostgresWithAppUser extends pulumi.ComponentResource implements OriginDatabase {
  readonly service: string;
  readonly composeEnvironment: Readonly<Record<string, pulumi.Output<string>>>;
  /** `postgresql://…` for the application. Secret. */
  readonly appUrl: pulumi.Output<string>;
  /** `postgresql://…` for migrations. Secret. */
  readonly migratorUrl: pulumi.Output<string>;
  /** Secret. Undefined without such a role. */
  readonly readOnlyUrl: pulumi.Output<string> | undefined;
  /** Secret. Undefined without such a role. */
  readonly backupUrl: pulumi.Output<string> | undefined;
  /** Secret. Undefined without such a role. */
  readonly monitorUrl: pulumi.Output<string> | undefined;
  /** Secret. Undefined without such a role. */
  readonly replicationUrl: pulumi.Output<string> | undefined;
  /** The superuser's password of a new volume. Secret. Undefined for external databases. */
  readonly adminPassword: pulumi.Output<string> | undefined;
  /** Role the application logs in as. */
  readonly appUser: pulumi.Output<string>;
  readonly migratorUser: pulumi.Output<string>;
  readonly databaseName: pulumi.Output<string>;
  /** The application's password by itself. Secret. */
  readonly appPassword: pulumi.Output<string>;

  private readonly name: string;
  private readonly args: PostgresWithAppUserArgs;
  private readonly statements: pulumi.Output<string>;
  private provisioned: pulumi.Resource | undefined;

  constructor(name: string, args: PostgresWithAppUserArgs, opts?: pulumi.ComponentResourceOptions) {
    super(componentType("PostgresWithAppUser"), name, {}, opts);
    refuse(this, "PostgresWithAppUser", name, postgresIssues(args));
    this.name = name;
    this.args = args;
    const { database, passwordVersion: version = 1 } = args;
    const names = roleNames(args);
    const seed = new random.RandomBytes(`${name}-salt`, { length: 32 }, { parent: this }).base64;
    const role = (suffix: string, roleName: string, generation: number): Login => {
      const password = pulumi.secret(
        new random.RandomPassword(
          `${name}-${suffix}-password`,
          {
            length: 40,
            special: true,
            overrideSpecial: "_-",
            keepers: { version: String(generation) },
          },
          { parent: this },
        ).result,
      );
      return {
        name: roleName,
        password,
        verifier: pulumi.secret(
          pulumi
            .all([password, seed])
            .apply(([text, salt]) => scramVerifier(text, roleSalt(salt, roleName, generation))),
        ),
      };
    };
    const optional = (suffix: string, roleName: string | undefined) =>
      roleName === undefined ? undefined : role(suffix, roleName, version);

    // Odd generations are login a's, even ones b's: a rotation only writes the login that is not in use.
    const generations = {
      a: version % 2 === 1 ? version : version - 1,
      b: version % 2 === 0 ? version : version - 1,
    };
    const a = role("app-a", `${names.app}_a`, generations.a);
    const b = generations.b === 0 ? undefined : role("app-b", `${names.app}_b`, generations.b);
    const active = version % 2 === 1 ? a : (b ?? a);
    const migrator = role("migrator", names.migrator, version);
    const readOnly = optional("read-only", names.readOnly);
    const backup = optional("backup", names.backup);
    const monitor = optional("monitor", names.monitor);
    const replicating = optional("replication", names.replication);

    this.statements = pulumi.secret(
      pulumi
        .all([
          migrator.verifier,
          a.verifier,
          b?.verifier,
          readOnly?.verifier,
          backup?.verifier,
          monitor?.verifier,
          replicating?.verifier,
        ])
        .apply(([ofMigrator, ofA, ofB, ofReadOnly, ofBackup, ofMonitor, ofReplication]) =>
          roleStatements({
            database,
            schemas: args.schemas ?? ["public"],
            extensions: args.extensions ?? [],
            migrator: { name: names.migrator, verifier: ofMigrator },
            appGroup: names.app,
            appLogins: [
              { name: `${names.app}_a`, verifier: ofA },
              { name: `${names.app}_b`, verifier: ofB },
            ],
            readOnly:
              names.readOnly === undefined ? undefined : { name: names.readOnly, verifier: ofReadOnly },
            backup: names.backup === undefined ? undefined : { name: names.backup, verifier: ofBackup },
            monitor: names.monitor === undefined ? undefined : { name: names.monitor, verifier: ofMonitor },
            replication:
              names.replication === undefined
                ? undefined
                : {
                    role: { name: names.replication, verifier: ofReplication },
                    publication: args.replication?.publication ?? `${database}_publication`,
                    tables: args.replication?.tables,
                  },
            readOnlyTables: args.readOnlyTables ?? historyTables,
            hiddenRelations: args.hiddenRelations ?? [],
            connectionLimit: args.connectionLimit ?? 50,
            statementTimeout: args.statementTimeout ?? 30_000,
            lockTimeout: args.lockTimeout ?? 5_000,
            idleInTransactionTimeout: args.idleInTransactionTimeout ?? 60_000,
            migratorLockTimeout: args.migratorLockTimeout ?? 5_000,
            isolateDatabases: args.isolateDatabases ?? args.kind === "container",
          }),
        ),
    );

    const direct = args.kind === "container" ? (args.networkHost ?? args.service ?? "db") : args.address;
    const pooled = args.kind === "container" ? direct : (args.applicationAddress ?? direct);
    const url = (login: Login, address: pulumi.Input<string>) =>
      pulumi.secret(
        pulumi.all([address, login.password]).apply(([host, password]) =>
          postgresUrl({
            host,
            port: args.port ?? 5432,
            user: login.name,
            password,
            database,
            parameters: urlParameters(args),
          }),
        ),
      );
    this.appUrl = url(active, pooled);
    this.migratorUrl = url(migrator, direct);
    this.readOnlyUrl = readOnly && url(readOnly, pooled);
    this.backupUrl = backup && url(backup, direct);
    this.monitorUrl = monitor && url(monitor, direct);
    this.replicationUrl = replicating && url(replicating, direct);
    this.appUser = pulumi.output(active.name);
    this.appPassword = active.password;
    this.migratorUser = pulumi.output(migrator.name);
    this.databaseName = pulumi.output(database);
    this.service = args.kind === "container" ? (args.service ?? "db") : "";
    if (args.kind === "container") {
      this.adminPassword = pulumi.secret(
        new random.RandomPassword(
          `${name}-admin-password`,
          { length: 40, special: true, overrideSpecial: "_-" },
          { parent: this },
        ).result,
      );
      this.composeEnvironment = { [args.adminPasswordVariable ?? "POSTGRES_PASSWORD"]: this.adminPassword };
    } else {
      this.adminPassword = undefined;
      this.composeEnvironment = {};
      this.provision([]);
    }
    this.registerOutputs({
      appUrl: this.appUrl,
      migratorUrl: this.migratorUrl,
      readOnlyUrl: this.readOnlyUrl,
      backupUrl: this.backupUrl,
      monitorUrl: this.monitorUrl,
      replicationUrl: this.replicationUrl,
      appUser: this.appUser,
      migratorUser: this.migratorUser,
      databaseName: this.databaseName,
    });
  }

  /** Makes the step that creates roles and grants, once; of an external database it is there already. */
  provision(after: readonly pulumi.Resource[]): pulumi.Resource {
    this.provisioned ??= this.step(`${this.name}-roles`, after);
    return this.provisioned;
  }

  /** Makes the step that covers what migrations made; it runs again whenever `trigger` changes. */
  provisionAgain(after: readonly pulumi.Resource[], trigger: pulumi.Input<string>): pulumi.Resource {
    return this.step(`${this.name}-roles-after-migrations`, after, trigger);
  }

  private step(
    name: string,
    after: readonly pulumi.Resource[],
    trigger?: pulumi.Input<string>,
  ): pulumi.Resource {
    const { args, statements } = this;
    const opts = { parent: this, dependsOn: [...after] };
    if (args.kind === "container") {
      return args.host.step(
        name,
        {
          step: "postgres-roles",
          project: args.project,
          input: pulumi.all([statements, trigger]).apply(([text, changed]) => ({
            service: args.service ?? "db",
            admin_user: args.adminUser ?? "postgres",
            database: args.database,
            statements: text,
            ...(changed === undefined ? {} : { trigger: changed }),
          })),
        },
        opts,
      );
    }
    const { adminDatabase = "postgres", port = 5432, tls = "verify-full" } = args;
    const input = pulumi
      .all([args.address, args.adminUser, args.adminPassword, args.certificateAuthority, statements, trigger])
      .apply(([address, adminUser, adminPassword, certificateAuthority, text, changed]) => {
        const place = resolvePlace(address, port, args.resolve);
        return {
          host: place.address,
          port: place.port,
          serverName: address,
          tls,
          ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
          adminUser,
          adminPassword,
          adminDatabase,
          database: args.database,
          statements: text,
          ...(changed === undefined ? {} : { trigger: changed }),
        };
      });
    return localStep(name, { program: "postgres-provision.js", input }, opts);
  }
}

interface Login {
  readonly name: string;
  readonly password: pulumi.Output<string>;
  readonly verifier: pulumi.Output<string>;
}

function roleNames(args: PostgresWithAppUserArgs): PostgresRoleNames & { migrator: string; app: string } {
  const { database, roles = {}, replication } = args;
  const replicationName = roles.replication ?? (replication === undefined ? undefined : `${database}_repl`);
  return {
    ...roles,
    migrator: roles.migrator ?? `${database}_migrator`,
    app: roles.app ?? `${database}_app`,
    ...(replicationName === undefined ? {} : { replication: replicationName }),
  };
}

function urlParameters(args: PostgresWithAppUserArgs): Readonly<Record<string, string>> {
  if (args.kind === "container") return args.urlParameters ?? {};
  return { sslmode: args.tls ?? "verify-full", ...args.urlParameters };
}

/** A `postgresql://` URL; every part is percent-encoded, an IPv6 address stands in brackets. */
export function postgresUrl(parts: {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly parameters?: Readonly<Record<string, string>>;
}): string {
  const { host, port, user, password, database, parameters = {} } = parts;
  const place = isIPv6(host) ? `[${host}]` : host;
  const query = Object.entries(parameters)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .join("&");
  return (
    `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${place}:${port}` +
    `/${encodeURIComponent(database)}${query === "" ? "" : `?${query}`}`
  );
}

/** Every mistake in the arguments. */
export function postgresIssues(args: PostgresWithAppUserArgs): Issues {
  const issues = new Issues();
  const plain = /^[a-z_][a-z0-9_]*$/;
  const nameRule = "lower-case letters, digits and underscores, at most 63, not starting with pg_";
  const isName = (value: string) => plain.test(value) && value.length <= 63 && !value.startsWith("pg_");
  issues.check("database", args.database, isName, "is not a name", nameRule);
  const names = roleNames(args);
  const used = new Map<string, string>();
  for (const [role, value] of Object.entries({ ...names, appA: `${names.app}_a`, appB: `${names.app}_b` })) {
    if (value === undefined) continue;
    issues.check(`roles.${role}`, value, isName, "is not a name", nameRule);
    const other = used.get(value);
    if (other !== undefined) issues.add(`roles.${role}`, `is the name of roles.${other} as well`, { value });
    used.set(value, role);
  }
  const { schemas = ["public"] } = args;
  if (schemas.length === 0) issues.add("schemas", "is empty");
  schemas.forEach((schema, index) =>
    issues.check(`schemas[${index}]`, schema, isName, "is not a name", nameRule),
  );
  (args.extensions ?? []).forEach((extension, index) =>
    issues.check(
      `extensions[${index}]`,
      extension,
      (value) => /^[a-z_][a-z0-9_-]*$/.test(value),
      "is not an extension",
    ),
  );
  for (const kind of ["readOnlyTables", "hiddenRelations"] as const) {
    (args[kind] ?? []).forEach((table, index) =>
      issues.check(
        `${kind}[${index}]`,
        table,
        (value) => value.split(".").length <= 2 && value !== "",
        "is not schema.table or table",
      ),
    );
  }
  const whole = (least: number) => (value: number) => Number.isInteger(value) && value >= least;
  issues.check("connectionLimit", args.connectionLimit, whole(1), "is not a whole number from 1");
  issues.check("passwordVersion", args.passwordVersion, whole(1), "is not a whole number from 1");
  for (const kind of [
    "statementTimeout",
    "lockTimeout",
    "idleInTransactionTimeout",
    "migratorLockTimeout",
  ] as const) {
    issues.check(kind, args[kind], whole(0), "is not a number of milliseconds");
  }
  issues.check("port", args.port, isPort, "is not a port", "1 to 65535");
  if (args.kind === "container") {
    issues.check(
      "project",
      args.project,
      (value) => /^[a-z0-9][a-z0-9_-]*$/.test(value),
      "is not a compose project",
    );
    issues.check(
      "service",
      args.service,
      (value) => /^[A-Za-z0-9._-]+$/.test(value),
      "is not a compose service",
    );
    issues.check(
      "adminPasswordVariable",
      args.adminPasswordVariable,
      isVariableName,
      "is not the name of a variable",
    );
  } else {
    issues.check(
      "address",
      args.address,
      (value) => isIP(value) !== 0 || isHostname(value),
      "is not a host name or address (not a connection string)",
    );
  }
  return issues;
}
