import * as pulumi from "@pulumi/pulumi";
import type { OriginDatabase, PostgresWithAppUserArgs } from "./database/args";
import { postgresIssues } from "./database/issues";
import { generatedPassword, type Login, makeLogins, secretVersions } from "./database/logins";
import { provisionStep } from "./database/provision-step";
import { statementsOf } from "./database/statements";
import { postgresUrl, urlParameters } from "./database/url";
import { componentType } from "./shared/names";
import { refuse } from "./shared/validation";

export type * from "./database/args";
export { postgresIssues } from "./database/issues";
export { postgresUrl } from "./database/url";

/**
 * A PostgreSQL database with an owner for migrations and an application user that can read and write rows and nothing
 * else. Works on a volume that exists already: roles and grants are made what they should be at each change, in one
 * transaction. The server is only given verifiers, never a password.
 *
 * With `kind: "container"` the {@link AppOrigin} that has the database in its `databases` starts the container and calls
 * `provision`; where no origin does, call it yourself. With `kind: "external"`, or `running`, the roles are made at once, and
 * who uses one of the addresses waits for them; an origin that migrates it has it in its `migratedDatabases`.
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
 *   extensions: ["citext", "pg_trgm@1.6"],
 *   readOnlyTables: ["alembic_version"],
 *   hiddenRelations: ["audit.log"],
 *   connectionLimit: 40,
 *   statementTimeout: 30_000,
 *   lockTimeout: 5_000,
 *   idleInTransactionTimeout: 60_000,
 *   migratorLockTimeout: 5_000,
 *   passwordVersion: 1,
 *   passwordOverlap: true,
 *   furtherMigrators: ["plyr_colleague"],
 *   reduceRoles: false,
 *   replication: { publication: "electric", tables: ["messages"] },
 *   isolateDatabases: false,
 *   urlParameters: { application_name: "plyr" },
 * });
 */
export class PostgresWithAppUser extends pulumi.ComponentResource implements OriginDatabase {
  readonly service: string;
  readonly adminUser: string;
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
  /** Version of each role's password, such as `2-1f0c9a3e`: changes whenever the password does, and tells nothing of it. */
  readonly secretVersions: pulumi.Output<Record<string, string>>;

  private readonly name: string;
  private readonly args: PostgresWithAppUserArgs;
  private readonly statements: pulumi.Output<string>;
  private provisioned: pulumi.Resource | undefined;
  private timesAgain = 0;

  constructor(name: string, args: PostgresWithAppUserArgs, opts?: pulumi.ComponentResourceOptions) {
    super(componentType("PostgresWithAppUser"), name, {}, opts);
    refuse(this, "PostgresWithAppUser", name, postgresIssues(args));
    this.name = name;
    this.args = args;
    const logins = makeLogins(this, name, args);
    this.statements = statementsOf(args, logins);

    const { active, backup, migrator, monitor, readOnly, replication } = logins;
    // What no origin has to start first can have its logins before anybody is told of them.
    const runs = args.kind === "external" || args.running === true;
    const roles = runs ? this.provision([]) : undefined;
    const direct = args.kind === "container" ? (args.networkHost ?? args.service ?? "db") : args.address;
    const pooled = args.kind === "container" ? direct : (args.applicationAddress ?? direct);
    const url = (login: Login, address: pulumi.Input<string>) => loginUrl(args, login, address, roles);
    this.appUrl = url(active, pooled);
    this.migratorUrl = url(migrator, direct);
    this.readOnlyUrl = readOnly && url(readOnly, pooled);
    this.backupUrl = backup && url(backup, direct);
    this.monitorUrl = monitor && url(monitor, direct);
    this.replicationUrl = replication && url(replication, direct);
    this.appUser = pulumi.output(active.name);
    this.appPassword = active.password;
    this.migratorUser = pulumi.output(migrator.name);
    this.secretVersions = secretVersions(logins);
    this.databaseName = pulumi.output(args.database);
    this.service = args.kind === "container" ? (args.service ?? "db") : "";
    this.adminUser = args.kind === "container" ? (args.adminUser ?? "postgres") : "";
    if (args.kind === "container") {
      this.adminPassword = generatedPassword(this, `${name}-admin-password`);
      this.composeEnvironment = { [args.adminPasswordVariable ?? "POSTGRES_PASSWORD"]: this.adminPassword };
    } else {
      this.adminPassword = undefined;
      this.composeEnvironment = {};
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
      secretVersions: this.secretVersions,
    });
  }

  /** Makes the step that creates roles and grants, once; of a database that runs by itself it is there already. */
  provision(after: readonly pulumi.Resource[]): pulumi.Resource {
    this.provisioned ??= this.step(`${this.name}-roles`, after);
    return this.provisioned;
  }

  /** Makes the step that covers what migrations made, one for each that migrates; it runs again whenever `trigger` changes. */
  provisionAgain(after: readonly pulumi.Resource[], trigger: pulumi.Input<string>): pulumi.Resource {
    this.timesAgain += 1;
    const number = this.timesAgain === 1 ? "" : `-${this.timesAgain}`;
    return this.step(`${this.name}-roles-after-migrations${number}`, after, trigger);
  }

  private step(
    name: string,
    after: readonly pulumi.Resource[],
    trigger?: pulumi.Input<string>,
  ): pulumi.Resource {
    const { args } = this;
    const hasNone = args.kind === "container" && args.scheduledBackups === false;
    // Once is enough: with the first of the steps.
    const unscheduled = hasNone && trigger === undefined ? this.name : undefined;
    const told = { statements: this.statements, trigger, unscheduled };
    return provisionStep(name, this.args, told, { parent: this, dependsOn: [...after] });
  }
}

/**
 * The address of a login. Secret, as the password is in it.
 *
 * @param roles the step that makes the login: who uses the address waits for it
 */
function loginUrl(
  args: PostgresWithAppUserArgs,
  { name, password }: Login,
  address: pulumi.Input<string>,
  roles: pulumi.Resource | undefined,
): pulumi.Output<string> {
  // Of all that a resource has, its URN is known in a preview as well, so that the address is, too.
  const url = pulumi.all([address, password, roles?.urn]).apply(([host, secret]) =>
    postgresUrl({
      host,
      port: args.port ?? 5432,
      user: name,
      password: secret,
      database: args.database,
      parameters: urlParameters(args),
    }),
  );
  return pulumi.secret(url);
}
