/** Settings of one part -> arguments of its component. Pure, but for the values that components make. */
import type * as pulumi from "@pulumi/pulumi";
import type {
  AccessProtectedEnvArgs,
  ComposeDeploymentArgs,
  DatabaseBackupsArgs,
  ExternalOriginArgs,
  OriginCertificateArgs,
  PagesSiteArgs,
  PostgresCommonArgs,
  R2BucketSpec,
  ScopedTokenArgs,
  TunnelRoute,
  ZoneBaselineArgs,
} from "../components";
import type {
  AccessSettings,
  BucketSettings,
  ComposeOriginSettings,
  ExternalOriginSettings,
  Settings,
  SiteSettings,
  TokenSettings,
  TunnelOriginSettings,
  TunnelSettings,
  ZoneSettings,
} from "./settings";
import { tunnelPattern } from "./tunnel-path";
import type { Secrets, Values } from "./values";

type DatabaseSettings = Settings["databases"][string];

export function zoneArgs({ hsts, ...rest }: ZoneSettings): Omit<ZoneBaselineArgs, "zoneId" | "zoneName"> {
  return { ...rest, hsts };
}

export function databaseArgs(database: DatabaseSettings): PostgresCommonArgs {
  const { logicalReplication: replication } = database;
  return {
    database: database.database,
    roles: database.roles,
    schemas: database.schemas,
    extensions: database.extensions,
    readOnlyTables: database.readOnlyTables,
    hiddenRelations: database.hiddenRelations,
    connectionLimit: database.connectionLimit,
    statementTimeout: database.statementTimeoutSeconds * 1000,
    lockTimeout: database.lockTimeoutSeconds * 1000,
    idleInTransactionTimeout: database.idleInTransactionTimeoutSeconds * 1000,
    migratorLockTimeout: database.migratorLockTimeoutSeconds * 1000,
    furtherMigrators: database.furtherMigrators,
    reduceRoles: database.reduceRoles,
    passwordVersion: database.passwordVersion,
    passwordOverlap: database.passwordOverlap,
    replication: typeof replication === "object" ? replication : replication ? {} : undefined,
  };
}

/** Backups as their component takes them, but for host, project and bucket. */
export function backupsArgs(
  backups: NonNullable<DatabaseSettings["backups"]>,
  secrets: Secrets,
): Pick<DatabaseBackupsArgs, "schedule" | "keep" | "alert" | "lateAfterHours"> {
  const { alertSecret, keep, lateAfterHours, schedule } = backups;
  return {
    schedule,
    keep,
    alert: alertSecret === undefined ? undefined : secrets(alertSecret),
    lateAfterHours,
  };
}

/** Who has the key of the buckets that hold backups. */
export const backupsConsumer = "backups";

/** The buckets with the key for backups among their consumers, where they hold any. */
export function withBackupsConsumer({
  buckets,
  databases,
}: Pick<Settings, "buckets" | "databases">): Settings["buckets"] {
  const holding = Object.values(databases).map(({ backups }) => backups?.bucket);
  return mapValues(buckets, (bucket, name) =>
    holding.includes(name)
      ? { ...bucket, consumers: { ...bucket.consumers, [backupsConsumer]: "write" as const } }
      : bucket,
  );
}

export function bucketArgs({
  minTlsVersion,
  public: developmentUrl,
  ...bucket
}: BucketSettings): R2BucketSpec {
  return { ...bucket, public: developmentUrl, minTlsVersion };
}

export function tokenArgs(
  { permissions, permissionGroupIds, scope, allowedIps, expiresOn }: TokenSettings,
  zoneId: pulumi.Input<string>,
): Pick<ScopedTokenArgs, "grants" | "allowedNetworks" | "expiresOn"> {
  const grants = [...permissions, ...permissionGroupIds].map((permission) =>
    scope === "zone" ? { permission, zoneId } : { permission },
  );
  return { grants, allowedNetworks: allowedIps, expiresOn };
}

/**
 * Routes of a tunnel. A service that starts beside its predecessor is reached by the proxy, which knows which of the two has
 * the traffic and answers at the service's own port.
 *
 * @param origin the origin whose connector the tunnel ends at
 */
export function tunnelRoutes({ ingress }: TunnelSettings, origin?: TunnelOriginSettings): TunnelRoute[] {
  const place = (written: string): string => {
    const [, target = "", port] = /^http:\/\/([^:/]+)(?::(\d+))?$/.exec(written) ?? [];
    const service =
      origin !== undefined && Object.hasOwn(origin.services, target) ? origin.services[target] : undefined;
    return service?.strategy === "start-first" ? `http://caddy:${port ?? "80"}` : written;
  };
  return Object.entries(ingress).map(([hostname, rule]) => {
    if (typeof rule === "string") return { hostname, service: place(rule) };
    const { service, path, connectTimeoutSeconds: connectTimeout, ...originRequest } = rule;
    return {
      hostname,
      service: place(service),
      path: path === undefined ? undefined : tunnelPattern(path),
      originRequest: { ...originRequest, connectTimeout },
    };
  });
}

export function siteArgs(name: string, site: SiteSettings, values: Values): Omit<PagesSiteArgs, "accountId"> {
  const production = values.variables(
    ["sites", name, "environment", "production"],
    site.environment.production,
    undefined,
  );
  const preview = values.variables(
    ["sites", name, "environment", "preview"],
    site.environment.preview,
    undefined,
  );
  const { build, source } = site;
  return {
    projectName: site.project,
    productionBranch: site.productionBranch,
    domains: site.hostnames,
    environment: production.plain,
    secrets: production.secret,
    previewEnvironment: preview.plain,
    previewSecrets: preview.secret,
    compatibilityDate: site.compatibilityDate,
    compatibilityFlags: site.compatibilityFlags,
    build: build && {
      command: build.command,
      outputDirectory: build.output,
      rootDirectory: build.root,
      cache: build.caching,
    },
    source: source && {
      type: source.type,
      owner: source.owner,
      repository: source.repository,
      deployProduction: source.deployProduction,
      pullRequestComments: source.comments,
      previewBranches: Array.isArray(source.previews) ? { include: source.previews } : source.previews,
    },
  };
}

/** How an external origin's variables are handed over, and how it is released. */
export function externalRelease(
  origin: ExternalOriginSettings,
): Pick<ExternalOriginArgs, "deliver" | "release" | "checkCertificate" | "certificateHint"> {
  const { platform, target, deliverCommand, releaseCommand, probe, healthPath } = origin;
  const app = origin.app ?? target.split(".")[0] ?? target;
  // Staged ones wait for the release; without it they would restart the application at once.
  const staged = releaseCommand === undefined ? [] : ["--stage"];
  const flyImport = ["flyctl", "secrets", "import", ...staged, "--app", app];
  const deliver = deliverCommand ?? (platform === "fly" ? flyImport : undefined);
  return {
    deliver: deliver && { command: deliver },
    checkCertificate: origin.checkCertificate,
    ...(platform === "fly"
      ? { certificateHint: `flyctl certs add ${origin.hostnames[0] ?? ""} --app ${app}` }
      : {}),
    release: releaseCommand && {
      command: releaseCommand,
      image: origin.image,
      version: origin.version,
      migrate: origin.migrateCommand,
      rollback: origin.rollbackCommand,
      downgrade: origin.downgradeCommand,
      timeoutSeconds: origin.releaseTimeoutSeconds,
      healthTimeoutSeconds: origin.healthTimeoutSeconds,
      probe:
        probe === false || (probe === undefined && healthPath === undefined)
          ? undefined
          : {
              path: probe?.path,
              websocketPath: probe?.websocketPath,
              intervalMs: probe?.intervalMilliseconds,
              abortAfter: probe?.abortAfterFailures,
            },
    },
  };
}

/** What a compose origin and a tunnel's origin have in common, but for host and databases. */
export function deploymentArgs(
  name: string,
  origin: ComposeOriginSettings | TunnelOriginSettings,
  {
    values,
    secrets,
    databases,
    cloudflareNetworks,
  }: {
    values: Values;
    secrets: Secrets;
    databases: Readonly<Record<string, { readonly kind: "container" | "external" }>>;
    cloudflareNetworks: readonly string[] | undefined;
  },
): Omit<ComposeDeploymentArgs, "host" | "databases"> & {
  environment: Record<string, pulumi.Input<string>>;
  secrets: Record<string, pulumi.Input<string>>;
} {
  const at = ["origins", name];
  const { plain, secret } = values.variables([...at, "environment"], origin.environment, name);
  const { registry, migrations, services, proxy, probe, verify, closedPorts } = origin;
  const migrated = migrations?.database ?? onlyOne(Object.keys(databases));
  return {
    project: origin.project,
    composeFile: origin.composeFile,
    files: origin.files,
    environment: { ...plain },
    secrets: { ...secret },
    services: mapValues(services, ({ environment, ...service }, key) => ({
      port: service.port,
      publish: service.publish,
      tls: service.tls,
      healthPath: service.healthPath,
      drainSeconds: service.drainSeconds,
      strategy: service.strategy,
      replicas: service.replicas,
      image: service.image,
      environment: values.merged([...at, "services", key], environment, name),
    })),
    healthTimeoutSeconds: Math.max(
      ...Object.values(services).map((service) => service.healthTimeoutSeconds),
      1,
    ),
    proxy: proxy && { ...proxy, cloudflareNetworks },
    probe: probe && {
      path: probe.path,
      websocketPath: probe.websocketPath,
      intervalMs: probe.intervalMilliseconds,
      abortAfter: probe.abortAfterFailures,
    },
    verify,
    closedPorts,
    pull: origin.pull,
    keepReleases: origin.keepReleases,
    registries: registry && [
      { server: registry.server, username: registry.username, password: secrets(registry.passwordSecret) },
    ],
    migrations: migrations && {
      service: migrations.service,
      command: migrations.command === undefined ? undefined : wordsOf(migrations.command),
      timeoutSeconds: migrations.timeoutSeconds,
      versionCommand: migrations.versionCommand,
      breaking: migrations.breaking,
      lockUrls:
        migrated !== undefined && databases[migrated]?.kind === "external"
          ? Object.values(migratorUrl(migrated, values))
          : undefined,
      lockImage: migrations.lockImage,
      environment: {
        ...migratorUrl(migrated, values),
        ...values.merged([...at, "migrations"], migrations.environment, name),
      },
    },
  };
}

/** Migrations are run by the user who owns the schema, unless the stack file says otherwise. */
function migratorUrl(database: string | undefined, values: Values): Record<string, pulumi.Input<string>> {
  return database === undefined ? {} : { DATABASE_URL: values.named(`databases.${database}.migratorUrl`) };
}

function onlyOne(names: readonly string[]): string | undefined {
  return names.length === 1 ? names[0] : undefined;
}

export function certificateArgs({
  originCertificate: wanted,
}: Pick<ComposeOriginSettings, "originCertificate">): OriginCertificateArgs | undefined {
  return wanted && { validityDays: wanted.days, keyMode: wanted.keyMode };
}

/**
 * @param own names of service tokens that the stack needs itself; nobody renews them, and a stack that could not get in could
 *   neither count nor verify a release
 */
export function accessArgs(
  access: AccessSettings,
  secrets: Secrets,
  own: readonly string[],
): Omit<AccessProtectedEnvArgs, "accountId" | "displayName"> {
  const { github, oneTimePinProviderId: pinProvider } = access;
  return {
    hostnames: access.hostnames,
    publicPaths: access.publicPaths,
    pathsPerApplication: access.pathsPerApplication,
    sessionDuration: `${access.sessionHours}h`,
    serviceTokens: {
      ...access.serviceTokens,
      ...Object.fromEntries(
        own.map((name) => [name, { duration: "forever", ...access.serviceTokens[name] }]),
      ),
    },
    allow: {
      emails: access.emails,
      emailDomains: access.emailDomains,
      githubOrganizations: github && organizations(github),
    },
    oneTimePin: access.oneTimePin ? (pinProvider === undefined ? "create" : { id: pinProvider }) : undefined,
    github:
      github &&
      (github.identityProviderId === undefined
        ? { clientId: github.clientId ?? "", clientSecret: secrets(github.clientSecretSecret) }
        : { id: github.identityProviderId }),
  };
}

function organizations({ organization, teams }: NonNullable<AccessSettings["github"]>) {
  return teams.length === 0 ? [{ name: organization }] : teams.map((team) => ({ name: organization, team }));
}

/** A command written as one text is for the image's shell. */
function wordsOf(command: string | readonly string[]): readonly string[] {
  return typeof command === "string" ? ["sh", "-c", command] : command;
}

export function mapValues<T, R>(
  map: Readonly<Record<string, T>>,
  change: (value: T, key: string) => R,
): Record<string, R> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}
