import * as pulumi from "@pulumi/pulumi";
import type { RemoteHost, ResolveOverride } from "../remote/host";

/** What both kinds of database have in common. */
export interface PostgresCommonArgs {
  /** Name of the application's database; made if it is missing. */
  readonly database: string;
  /** Start of all role names: `<prefix>_migrator`, `<prefix>_rw_a` … @default the database's name */
  readonly rolePrefix?: string;
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
  /** Which of the two logins the application uses; switch it to rotate without downtime. @default "a" */
  readonly activeLogin?: "a" | "b";
  /** Raise a number by one to get a new password for that role. Never the active login's. @default all 1 */
  readonly passwordVersions?: Readonly<Partial<Record<PostgresRole, number>>>;
  /** A login that reads everything in the schemas. @default false */
  readonly readOnlyLogin?: boolean;
  /** A login for dumps (`pg_read_all_data`). @default true */
  readonly backupLogin?: boolean;
  /** A login for monitoring (`pg_monitor`). @default false */
  readonly monitorLogin?: boolean;
  /** A login with REPLICATION and SELECT for logical consumers such as Electric; makes the publication. @default none */
  readonly replication?: {
    /** @default `<prefix>_publication` */
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
  /** `disable` is for a server on loopback only. @default "verify-full" */
  readonly tls?: "verify-full" | "disable";
  /** Host in the URLs, where applications go through a pooler. @default `address` */
  readonly applicationAddress?: pulumi.Input<string>;
  /** Where the server really is, as curl's `--resolve`. @default [] */
  readonly resolve?: readonly ResolveOverride[];
}

/** Arguments of {@link PostgresWithAppUser}. */
export type PostgresWithAppUserArgs = ContainerPostgresArgs | ExternalPostgresArgs;

/** A role with a password of its own. */
export type PostgresRole = "migrator" | "rw_a" | "rw_b" | "ro" | "backup" | "monitor" | "repl";

/** What an {@link AppOrigin} needs of a database in one of its containers. */
export interface OriginDatabase {
  /** The compose service to start and wait for. */
  readonly service: string;
  /** Variables for `${…}` in the compose file: the superuser's password of a new volume. Secret. */
  readonly composeEnvironment: Readonly<Record<string, pulumi.Input<string>>>;
  /** Makes the step that creates roles and grants, to run after the given ones; migrations wait for what it returns. */
  provision(after: readonly pulumi.Resource[]): pulumi.Resource;
}

/** A database with an owner for migrations and an application user that can only read and write rows. */
export class PostgresWithAppUser extends pulumi.ComponentResource implements OriginDatabase {
  readonly service!: string;
  readonly composeEnvironment!: Readonly<Record<string, pulumi.Output<string>>>;
  /** `postgresql://…` for the application. Secret. */
  readonly appUrl!: pulumi.Output<string>;
  /** `postgresql://…` for migrations. Secret. */
  readonly migratorUrl!: pulumi.Output<string>;
  /** Secret. Undefined unless `readOnlyLogin`. */
  readonly readOnlyUrl!: pulumi.Output<string> | undefined;
  /** Secret. Undefined with `backupLogin: false`. */
  readonly backupUrl!: pulumi.Output<string> | undefined;
  /** Secret. Undefined unless `monitorLogin`. */
  readonly monitorUrl!: pulumi.Output<string> | undefined;
  /** Secret. Undefined without `replication`. */
  readonly replicationUrl!: pulumi.Output<string> | undefined;
  /** Role the application logs in as. */
  readonly appUser!: pulumi.Output<string>;
  readonly migratorUser!: pulumi.Output<string>;
  readonly databaseName!: pulumi.Output<string>;
  /** The step that makes roles and grants, once `provision` was called (external: always). */
  readonly provisioned!: pulumi.Resource | undefined;

  constructor(name: string, args: PostgresWithAppUserArgs, opts?: pulumi.ComponentResourceOptions) {
    super("groundwork:index:PostgresWithAppUser", name, args, opts);
  }

  provision(_after: readonly pulumi.Resource[]): pulumi.Resource {
    throw new Error("not built yet");
  }
}
