import { z } from "zod";
import { parseCron } from "../../../common/cron";
import { isLoopback } from "../addresses";
import { parseListen } from "../listen";
import { checked, field } from "./field";
import { addressOrHostname, amount, composeName, entryName, hostname, port, secretName } from "./values";

const IDENTIFIER = "lower-case letters, digits and underscores, at most 63, starting with a letter";

/** A name that PostgreSQL takes without quoting. */
const identifier = (description: string, examples: readonly string[]) =>
  field(
    checked(z.string(), (value) => {
      if (!/^[a-z_][a-z0-9_]{0,62}$/.test(value))
        return { what: "PostgreSQL needs quotes for this name", allowed: IDENTIFIER };
      if (value.startsWith("pg_"))
        return { what: "names that start with pg_ belong to PostgreSQL itself", allowed: IDENTIFIER };
      if (["public", "none", "current_user", "session_user", "user"].includes(value)) {
        return { what: "this name has a meaning of its own in PostgreSQL", allowed: IDENTIFIER };
      }
      return undefined;
    }),
    { description, examples, allowed: IDENTIFIER, pattern: "^[a-z_][a-z0-9_]{0,62}$" },
  );

const roles = z.strictObject({
  migrator: identifier("Owns the schema; used by migrations only. Default: `<database>_migrator`.", [
    "streampai_migrator",
  ]).optional(),
  app: identifier(
    "The application: SELECT, INSERT, UPDATE, DELETE and nothing else. Default: `<database>_app`.",
    ["streampai_app"],
  ).optional(),
  readOnly: identifier("Reports: SELECT only. Default: no such role.", ["streampai_ro"]).optional(),
  backup: identifier("Dumps: reads everything. Default: no such role.", ["streampai_backup"]).optional(),
  monitor: identifier("Statistics only (pg_monitor). Default: no such role.", [
    "streampai_monitor",
  ]).optional(),
  replication: identifier(
    "Logical replication (Electric). Default: `<database>_repl` with `logicalReplication`.",
    ["streampai_repl"],
  ).optional(),
});

const tables = (description: string, examples: readonly string[]) =>
  field(
    z
      .array(
        field(
          checked(z.string(), (value) =>
            // Any name that PostgreSQL takes in quotes: tools write "AuditLog".
            /^[^."\p{Cc}]{1,63}\.[^."\p{Cc}]{1,63}$/u.test(value)
              ? undefined
              : { what: "this is not schema.table", allowed: "schema and table with a dot: public.messages" },
          ),
          {
            description: "A table, as schema.table.",
            allowed: "schema and table with a dot: public.messages",
          },
        ),
      )
      .max(500),
    {
      description: `${description} Names as they are in the database, without quotes.`,
      examples: [examples],
    },
  );

const replication = z.strictObject({
  publication: identifier("The publication's name. Default: `<database>_publication`.", [
    "streampai_publication",
  ]).optional(),
  tables: tables("The tables that are published. Default: all.", ["public.messages"]).optional(),
});

const EXTENSION =
  "the extension's name in PostgreSQL, such as timescaledb, pgcrypto, citext, pg_trgm; with @ and a version where that matters";
const KNOWN_DANGER = /^(plpython\d?u|plperlu|pltclu|file_fdw|adminpack|plsh|dblink|lo)$/;

const extension = field(
  checked(z.string(), (value) => {
    const allowed = EXTENSION;
    if (!/^[a-z][a-z0-9_-]{0,62}(@[A-Za-z0-9._-]{1,40})?$/.test(value))
      return { what: "this is not the name of an extension", allowed };
    if (KNOWN_DANGER.test(value.split("@")[0] ?? value))
      return { what: "this extension lets a role out of the database", allowed };
    return undefined;
  }),
  {
    description: "The name of an extension; `name@version` for one version of it.",
    examples: ["timescaledb", "pgcrypto", "citext@1.6"],
    allowed: EXTENSION,
  },
);

const CRON = "five fields: minute hour day month weekday, such as `15 3 * * *`";

const ENDPOINT = "https:// and a host name, without a path";

const backups = z.strictObject({
  schedule: field(
    checked(z.string(), (value) =>
      parseCron(value) !== undefined ? undefined : { what: "this is not a schedule", allowed: CRON },
    ),
    {
      description: "When a backup is made, in UTC, as a cron line.",
      examples: ["15 3 * * *"],
      allowed: CRON,
    },
  ),
  bucket: entryName
    .meta({
      description: "The entry of groundwork:buckets that holds the backups. Default: they stay on the host.",
    })
    .optional(),
  keep: field(
    z.strictObject({
      daily: amount("backups", 0, 366, "How many daily ones stay.", [7]).default(7),
      weekly: amount("backups", 0, 260, "How many weekly ones stay.", [5]).default(5),
      monthly: amount("backups", 0, 120, "How many monthly ones stay.", [12]).default(12),
    }),
    { description: "Which backups stay." },
  ).prefault({}),
  s3: field(
    z.strictObject({
      endpoint: field(
        checked(z.string(), (value) =>
          /^https?:\/\/[^/\s@?#]+$/.test(value)
            ? undefined
            : { what: "this is not the address of an S3 service", allowed: ENDPOINT },
        ),
        {
          description: "The service's address.",
          examples: ["https://s3.eu-central-1.amazonaws.com"],
          allowed: ENDPOINT,
        },
      ),
      bucket: field(
        checked(z.string(), (value) =>
          /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(value)
            ? undefined
            : {
                what: "S3 does not take this name",
                allowed: "3 to 63 lower-case letters, digits, dots, hyphens",
              },
        ),
        {
          description: "The bucket, which is there already.",
          examples: ["srq-hpn-backups"],
          allowed: "3 to 63 lower-case letters, digits, dots, hyphens",
        },
      ),
      region: field(z.string().min(1).max(60), {
        description: "Its region. Default: what the address says.",
        examples: ["eu-central-1"],
      }).optional(),
      accessKeyIdSecret: secretName("The entry of groundwork:secrets that holds the access key's id."),
      secretAccessKeySecret: secretName("The entry of groundwork:secrets that holds the secret access key."),
    }),
    { description: "A bucket elsewhere that speaks S3. Excludes `bucket`." },
  ).optional(),
  alertSecret: secretName(
    "The entry of groundwork:secrets that holds commands for the host's `sh` that tell somebody of a failed or late " +
      "backup; the text is in `$GROUNDWORK_ALERT`. Default: nobody is told, and `groundwork db backups` fails.",
  ).optional(),
  lateAfterHours: amount(
    "hours",
    1,
    2000,
    "How old the newest may get before the host tells that it is late. Default: the longest time between two by the schedule, and two hours.",
    [26],
  ).optional(),
  restoreTestDays: amount(
    "days",
    1,
    92,
    "A backup is restored as a test at least this often: quarterly or more.",
    [30],
  ).default(30),
});

const common = {
  database: identifier("The database's name.", ["streampai"]),
  schemas: field(
    z
      .array(identifier("A schema.", ["streampai"]).or(z.literal("public")))
      .min(1)
      .max(20),
    {
      description: "The schemas in which the application's tables are.",
    },
  ).default(["public"]),
  roles: field(roles, { description: "Names of the roles." }).prefault({}),
  extensions: field(z.array(extension).max(50), {
    description:
      "Extensions that may be there; provisioning installs them. Migrations cannot install others.",
    examples: [["timescaledb", "citext"]],
  }).default([]),
  furtherMigrators: field(z.array(identifier("A role.", ["streampai_colleague"])).max(20), {
    description:
      "Roles that exist and make tables as well, beside the migrator: what they make is granted by itself, too.",
    examples: [["streampai_colleague"]],
  }).default([]),
  reduceRoles: field(z.boolean(), {
    description:
      "Takes away what a role that exists already has beyond what it may. Without it such roles are named in an error.",
  }).default(false),
  logicalReplication: field(z.union([z.boolean(), replication]), {
    description:
      "Makes the replication role and a publication, for Electric; needs `wal_level=logical`. `true` publishes all tables.",
    allowed: "true, false, or {publication: …, tables: […]}",
    examples: [true, { tables: ["public.messages"] }],
  }).default(false),
  readOnlyTables: tables(
    "Tables that the application reads but never writes. Default: the usual migration-history tables.",
    ["public.schema_migrations"],
  ).optional(),
  hiddenRelations: tables("Tables and views that the application may not touch.", ["public.audit"]).default(
    [],
  ),
  connectionLimit: amount(
    "connections",
    1,
    10_000,
    "How many connections the application may hold.",
    [50],
  ).default(50),
  statementTimeoutSeconds: amount(
    "seconds",
    0,
    86_400,
    "Ends the application's slow statements; 0 never.",
    [30],
  ).default(30),
  lockTimeoutSeconds: amount(
    "seconds",
    0,
    3600,
    "How long the application waits for a lock; 0 for ever.",
    [5],
  ).default(5),
  idleInTransactionTimeoutSeconds: amount(
    "seconds",
    0,
    86_400,
    "Ends idle transactions of the application; 0 never.",
    [60],
  ).default(60),
  migratorLockTimeoutSeconds: amount(
    "seconds",
    0,
    3600,
    "How long a migration waits for a lock before it fails.",
    [5],
  ).default(5),
  allowReset: field(z.boolean(), {
    description: "May the database be emptied by `groundwork db reset`? Refused in production.",
  }).default(false),
  backups: field(backups, {
    description: "Scheduled backups, made on the host by restic, encrypted. Default: none.",
  }).optional(),
  passwordVersion: amount(
    "rotations",
    1,
    10_000,
    "Raise it by one to rotate all passwords: the application changes to its other login, without downtime.",
    [1],
  ).default(1),
  passwordOverlap: field(z.boolean(), {
    description:
      "Leaves the login of before a rotation usable, for what still runs with it and for a rollback; `false` ends it.",
  }).default(true),
  rotateAfterDays: amount(
    "days",
    1,
    3650,
    "`groundwork db rotate --if-due` rotates passwords that are older. Default: never.",
    [90],
  ).optional(),
  attackAfterUp: field(z.boolean(), {
    description:
      "Runs `groundwork db attack` after every `groundwork up`, which fails where it finds something.",
  }).default(false),
};

export const containerDatabase = z.strictObject({
  kind: field(z.literal("container"), { description: "A container on a host, started by a compose file." }),
  ...common,
  origin: entryName
    .meta({ description: "The origin whose compose project has the service. Excludes `host` and `project`." })
    .optional(),
  host: entryName
    .meta({
      description:
        "The host, for a compose project that no origin of this stack deploys, but another stack's: it runs there already.",
    })
    .optional(),
  project: composeName("The compose project, with `host`.", ["streampai-data"]).optional(),
  service: composeName("The service in the compose file.", ["db"]),
  port: port("The port inside the container.", [5432]).default(5432),
  adminUser: field(z.string().min(1).max(63), {
    description: "The container's superuser (POSTGRES_USER), for provisioning.",
    examples: ["postgres"],
  }).default("postgres"),
  listen: field(
    checked(z.string(), (value) => {
      const allowed = "a loopback address and a port: 127.0.0.1:5433 or [::1]:5433";
      const parsed = parseListen(value);
      if (parsed === undefined) return { what: "this is not address:port", allowed };
      if (!isLoopback(parsed.address)) {
        return {
          what: "the database would listen on an address that others can reach",
          allowed,
          fix: `write 127.0.0.1:${parsed.port}, and an SSH tunnel from elsewhere`,
        };
      }
      return undefined;
    }),
    {
      description:
        "Where the compose file publishes it on the host itself, so that nothing else is given that port; publishes nothing " +
        "by itself. `groundwork db tunnel` needs none. Default: containers only.",
      examples: ["127.0.0.1:5433"],
      allowed: "a loopback address and a port: 127.0.0.1:5433 or [::1]:5433",
    },
  ).optional(),
});

export const externalDatabase = z.strictObject({
  kind: field(z.literal("external"), { description: "A PostgreSQL service elsewhere (Neon, RDS)." }),
  ...common,
  host: addressOrHostname("The server's host name (not a connection string).", [
    "ep-cool-darkness-123456.eu-central-1.aws.neon.tech",
  ]),
  poolerHost: hostname("A pooled host name for the application's connections. Default: `host`.", [
    "ep-cool-darkness-123456-pooler.eu-central-1.aws.neon.tech",
  ]).optional(),
  port: port("The server's port.", [5432]).default(5432),
  adminUser: field(z.string().min(1).max(63), {
    description: "A user that may create roles, for provisioning.",
    examples: ["neondb_owner"],
  }),
  adminPasswordSecret: secretName("The entry of groundwork:secrets that holds that user's password."),
  adminDatabase: field(z.string().min(1).max(63), {
    description: "The database that provisioning connects to first.",
    examples: ["neondb"],
  }).default("postgres"),
  tls: field(z.enum(["verify-full", "disable"]), {
    description: "`verify-full` checks certificate and name; `disable` is for a server on this machine only.",
    allowed: "verify-full, or disable for a server on loopback",
  }).default("verify-full"),
});

export const database = field(z.discriminatedUnion("kind", [containerDatabase, externalDatabase]), {
  description: "A PostgreSQL database: `container` or `external`.",
  allowed: "kind: container or external",
});

export type ContainerDatabaseSettings = z.output<typeof containerDatabase>;
export type ExternalDatabaseSettings = z.output<typeof externalDatabase>;
export type DatabaseSettings = z.output<typeof database>;
