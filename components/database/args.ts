import type * as pulumi from "@pulumi/pulumi";
import type { RemoteHost, ResolveOverride } from "../../remote/host";

/** Names of the roles in a database. */
export interface PostgresRoleNames {
  /** Owns the database's objects; for migrations only. @default `<database>_migrator` */
  readonly migrator?: string;
  /** Holds the application's grants; its logins are `<app>_a` and `<app>_b`. @default `<database>_app` */
  readonly app?: string;
  /** A login that reads everything in the schemas. @default no such role */
  readonly readOnly?: string;
  /** A login for dumps (`pg_read_all_data`, and BYPASSRLS where the administrator may give that). @default no such role */
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
  /**
   * Names of the roles. One that is no longer named can log in no more; the application's once `passwordOverlap` is false.
   * @default `<database>_migrator`, `<database>_app`, and no optional ones
   */
  readonly roles?: PostgresRoleNames;
  /** Schemas the application works in; the first one is where new tables go. @default ["public"] */
  readonly schemas?: readonly string[];
  /**
   * Roles that exist and make tables in the schemas as well, such as a colleague's: what they make is granted by itself,
   * too. No superusers. One that is taken out can make nothing more. @default []
   */
  readonly furtherMigrators?: readonly string[];
  /**
   * Takes away what a role that exists has beyond what it may: attributes, memberships, ownership, rights elsewhere.
   * @default false: such roles are named in an error, and nothing is changed
   */
  readonly reduceRoles?: boolean;
  /**
   * Extensions installed by the administrator, so that migrations need no superuser; `name@version` asks for a version.
   * @default []
   */
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
  /**
   * Leaves the application's login of before a rotation usable, for what still runs with it and for a rollback; `false`
   * ends it. @default true
   */
  readonly passwordOverlap?: boolean;
  /**
   * A login with REPLICATION and SELECT for logical consumers such as Electric; makes the publication, of exactly these
   * tables. One without a usable key gets REPLICA IDENTITY FULL, without which nobody could change its rows.
   * @default none
   */
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
  /**
   * The container runs already, in a project that somebody else deploys: its roles are made at once, and who uses one of the
   * addresses waits for them. @default false: an {@link AppOrigin} starts it and calls `provision`
   */
  readonly running?: boolean;
  /** Superuser of the container. @default "postgres" */
  readonly adminUser?: string;
  /** Variable of the compose file that holds the superuser's password. @default "POSTGRES_PASSWORD" */
  readonly adminPasswordVariable?: string;
  /**
   * Whether {@link DatabaseBackups} of this component's name are there. `false` takes their schedule from the host, where one
   * was left behind; the backups themselves stay. @default true: schedules are left alone
   */
  readonly scheduledBackups?: boolean;
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

/** What an {@link AppOrigin} needs of a database: all of it of one in its containers, `provisionAgain` of one elsewhere. */
export interface OriginDatabase {
  /** The compose service to start and wait for. */
  readonly service: string;
  /** The superuser in its container. */
  readonly adminUser: string;
  /** The database whose lock migrations hold. */
  readonly databaseName: pulumi.Output<string>;
  /** Variables for `${…}` in the compose file: the superuser's password of a new volume. Secret. */
  readonly composeEnvironment: Readonly<Record<string, pulumi.Input<string>>>;
  /** Makes the step that creates roles and grants, to run after the given ones; migrations wait for what it returns. */
  provision(after: readonly pulumi.Resource[]): pulumi.Resource;
  /** Makes the step that does the same again after migrations, for what they made; it runs when `trigger` changes. */
  provisionAgain(after: readonly pulumi.Resource[], trigger: pulumi.Input<string>): pulumi.Resource;
}
