import { resolve as resolvePath } from "node:path";
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import {
  AccessCheck,
  AccessProtectedEnv,
  AppOrigin,
  type BackupBucket,
  DatabaseBackups,
  PagesSite,
  PostgresWithAppUser,
  R2Buckets,
  RemoteHost,
  type ResolveOverride,
  ScopedToken,
  SecretsVault,
  Tunnel,
  ZoneBaseline,
} from "../components";
import { accessHeaders, type HeadersByHost, headersByHost } from "../components/shared/access-headers";
import { checksToken } from "./checks-token";
import { type ImportList, importing, readImportList } from "./imports";
import { type Settings, loadSettings, type TunnelOriginSettings } from "./settings";
import { onHost } from "./settings/on-host";
import { hostnamesOf } from "./settings/references";
import { type Secrets, Values } from "./values";
import {
  accessArgs,
  backupsArgs,
  backupsConsumer,
  bucketArgs,
  certificateArgs,
  databaseArgs,
  deploymentArgs,
  externalRelease,
  mapValues,
  siteArgs,
  tokenArgs,
  tunnelRoutes,
  withBackupsConsumer,
  zoneArgs,
} from "./wiring";

/** What a stack gives to those who use it. Passwords only in what is secret as a whole. */
export interface PlatformOutputs {
  /** `https://` addresses by part: `origins.api`, `sites.web`. */
  readonly addresses: Record<string, pulumi.Input<string[]>>;
  /** Names, and the version of each role's password. */
  readonly databases: Record<string, object>;
  /** Addresses of the databases by role (`app`, `migrator` …), for `groundwork db`. Secret. */
  readonly connections: pulumi.Output<Record<string, Record<string, string>>>;
  /** Where the backups of the databases are, and what opens them, for `groundwork db`. Secret. */
  readonly backups: pulumi.Output<Record<string, object>>;
  readonly buckets: Record<string, object>;
  /** S3 keys by consumer. Secret. */
  readonly s3Credentials: pulumi.Output<Record<string, Record<string, string>>>;
  /** Pages projects by site, for deployments. */
  readonly sites: Record<string, object>;
  /** Identity of what runs, by origin. */
  readonly releases: Record<string, pulumi.Input<string>>;
  /** What the last release of an origin lost, as the requests say that were made meanwhile; left out where none were. */
  readonly ledgers: Record<string, pulumi.Input<object | undefined>>;
  /** Service tokens of Access by name; their client secrets are secret. */
  readonly accessTokens: Record<string, object>;
  /** Of an environment that does not stay: what it was made from, and when it may be removed. */
  readonly lifetime?: object;
  /** What is paid elsewhere, as the settings say; left out where nothing is. US dollars a month. */
  readonly costs?: Readonly<Record<string, number>>;
}

/**
 * The program: reads the running stack's settings and deploys what they describe. `export = deployFromConfig` is a whole
 * project.
 *
 * @param directory the project's folder, where relative paths of its stack files begin. Default: the working directory,
 * which is that folder wherever the engine runs the program by itself.
 */
export function deployFromConfig(directory: string = process.cwd()): Promise<PlatformOutputs> {
  const { settings, secrets } = loadSettings(directory);
  const imports = readImportList(directory, settings.stack, settings.cloudflare);
  return Promise.resolve(new Platform(settings, secrets, directory, imports).outputs);
}

/**
 * One environment: the components that a stack's settings describe, wired to each other. They are made in an order in
 * which each can name what the earlier ones publish.
 */
export class Platform {
  readonly outputs: PlatformOutputs;

  private readonly values: Values;
  private readonly opts: pulumi.ComponentResourceOptions;
  private readonly accountId: string;
  private readonly zoneId: pulumi.Input<string>;
  private readonly resolve: readonly ResolveOverride[];
  private readonly vault: SecretsVault | undefined;
  /** What lets the prober and the checks in where Access is in front, by host name. */
  private publicHeaders: pulumi.Output<HeadersByHost> | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly secrets: Secrets,
    private readonly directory: string = process.cwd(),
    private readonly imports: Pick<ImportList, "resources" | "leave"> = { resources: [], leave: [] },
  ) {
    const { cloudflare: account, domain } = settings;
    const provider = new cloudflare.Provider("cloudflare", {
      apiToken: secrets(account.apiTokenSecret),
      baseUrl: account.apiUrl,
    });
    this.opts = {
      providers: { cloudflare: provider },
      ...(imports.resources.length === 0 ? {} : { transformations: [importing(imports)] }),
    };
    this.accountId = account.accountId;
    this.zoneId = account.zoneId ?? lookUpZone(domain, provider);
    this.resolve = settings.resolve.map(({ host, port, address, targetPort }) => ({
      host,
      port,
      toAddress: address,
      toPort: targetPort,
    }));
    this.values = new Values(settings, secrets);
    this.publishAddresses();

    this.vault = this.secretsVault();
    const hosts = mapValues(settings.hosts, (host) => this.host(host));
    const databases = mapValues(settings.databases, (_database, name) => this.database(name, hosts));
    const buckets = this.buckets();
    mapValues(settings.tokens, (_token, name) => this.token(name));
    const tunnels = mapValues(settings.tunnels, (_tunnel, name) => this.tunnel(name));
    const sites = mapValues(settings.sites, (_site, name) => this.site(name));
    const access = this.access();
    this.publicHeaders = access && !this.leaves("access.checks") ? this.headersFor(access) : undefined;
    const origins = mapValues(settings.origins, (_origin, name) =>
      this.origin(name, hosts, databases, tunnels),
    );
    const zone = this.zone(Object.values(origins));
    if (access !== undefined) {
      const after = [
        access,
        ...Object.values(origins),
        ...Object.values(sites),
        ...(zone === undefined ? [] : [zone]),
      ];
      this.checkAccess(
        access,
        mapValues(origins, ({ release }) => release),
        after,
      );
    }
    const backups = this.backups(hosts, databases, origins, buckets);

    this.outputs = {
      addresses: {
        ...prefixed(
          "sites",
          mapValues(sites, ({ urls }) => urls),
        ),
        ...prefixed(
          "origins",
          mapValues(origins, ({ urls }) => urls),
        ),
      },
      databases: mapValues(databases, ({ databaseName, appUser, migratorUser, secretVersions }) => ({
        database: databaseName,
        appUser,
        migratorUser,
        secretVersions,
      })),
      connections: pulumi.secret(pulumi.all(mapValues(databases, connectionsOf))),
      backups: pulumi.secret(pulumi.all(mapValues(backups, ({ access }) => access))),
      buckets: mapValues(buckets?.buckets ?? {}, ({ bucketName, endpoint, publicUrl }) => ({
        bucketName,
        endpoint,
        publicUrl,
      })),
      s3Credentials: pulumi.secret(
        pulumi.all(
          mapValues(buckets?.credentials ?? {}, ({ accessKeyId, secretAccessKey }) =>
            pulumi.all({ accessKeyId, secretAccessKey }),
          ),
        ),
      ),
      sites: mapValues(sites, ({ projectName, subdomain, productionBranch }) => ({
        project: projectName,
        subdomain,
        productionBranch,
      })),
      releases: Object.fromEntries(
        Object.entries(origins).flatMap(([name, { release }]) =>
          release === undefined ? [] : [[name, release]],
        ),
      ),
      ledgers: Object.fromEntries(
        Object.entries(origins).flatMap(([name, { ledger }]) =>
          ledger === undefined ? [] : [[name, ledger]],
        ),
      ),
      accessTokens: mapValues(access?.serviceTokens ?? {}, (token) => ({ ...token })),
      ...(settings.lifetime === undefined ? {} : { lifetime: settings.lifetime }),
      ...(Object.keys(settings.costs).length === 0 ? {} : { costs: settings.costs }),
    };
  }

  /** Is that part of what was adopted left as it is? */
  private leaves(path: string): boolean {
    return this.imports.leave.includes(path);
  }

  private publishAddresses(): void {
    const { settings, values } = this;
    for (const part of ["sites", "origins"] as const) {
      for (const name of Object.keys(settings[part])) {
        const [hostname] = hostnamesOf(settings, part, name);
        values.publish(`${part}.${name}`, { hostname, url: hostname && `https://${hostname}` });
      }
    }
    for (const [name, bucket] of Object.entries(settings.buckets)) {
      values.publish(`buckets.${name}`, { name: bucket.name });
    }
    values.publish("cloudflare", { accountId: this.accountId, zoneId: this.zoneId });
  }

  private host(host: Settings["hosts"][string]): RemoteHost {
    const server = ({ address, port, user, hostKey, privateKeySecret }: typeof host) => {
      return { address, port, user, hostKey, privateKey: this.secrets(privateKeySecret) };
    };
    const jump = host.jump === undefined ? undefined : server(part(this.settings.hosts, host.jump));
    return new RemoteHost({
      ...server(host),
      ...(jump === undefined ? {} : { jump }),
      dockerPrefix: host.dockerPrefix,
      installDocker: host.installDocker,
      resolve: this.resolve,
    });
  }

  private secretsVault(): SecretsVault | undefined {
    const { secretsVault, tier } = this.settings;
    if (secretsVault === undefined) return undefined;
    const { accessKeyIdSecret, secretAccessKeySecret, ...rest } = secretsVault;
    const secret = (name: string | undefined) => (name === undefined ? undefined : this.secrets(name));
    const recoveryDays = rest.recoveryDays ?? (tier === "production" ? 30 : 0);
    return new SecretsVault("vault", {
      ...rest,
      recoveryDays,
      accessKeyId: secret(accessKeyIdSecret),
      secretAccessKey: secret(secretAccessKeySecret),
    });
  }

  private database(name: string, hosts: Readonly<Record<string, RemoteHost>>): PostgresWithAppUser {
    const database = part(this.settings.databases, name);
    const component = new PostgresWithAppUser(
      name,
      database.kind === "container"
        ? {
            kind: "container",
            host: part(hosts, database.host),
            project: database.project,
            service: database.service,
            port: database.port,
            adminUser: database.adminUser,
            scheduledBackups: database.backups !== undefined,
            ...databaseArgs(database),
          }
        : {
            kind: "external",
            address: database.host,
            applicationAddress: database.poolerHost,
            port: database.port,
            adminUser: database.adminUser,
            adminDatabase: database.adminDatabase,
            adminPassword: this.secrets(database.adminPasswordSecret),
            tls: database.tls,
            resolve: this.resolve,
            ...databaseArgs(database),
          },
      this.opts,
    );
    const { appUrl, migratorUrl, readOnlyUrl, backupUrl, monitorUrl, replicationUrl } = component;
    this.values.publish(`databases.${name}`, {
      appUrl,
      migratorUrl,
      readOnlyUrl,
      backupUrl,
      monitorUrl,
      replicationUrl,
    });
    return component;
  }

  private buckets(): R2Buckets | undefined {
    const { buckets, storage, tier } = this.settings;
    if (Object.keys(buckets).length === 0) return undefined;
    const component = new R2Buckets(
      "buckets",
      {
        accountId: this.accountId,
        zoneId: this.zoneId,
        protect: tier === "production",
        ...storage,
        buckets: mapValues(withBackupsConsumer(this.settings), (bucket, name) => {
          const { public: open, ...args } = bucketArgs(bucket);
          return this.leaves(`buckets.${name}.public`) ? args : { ...args, public: open };
        }),
      },
      this.opts,
    );
    for (const [name, { consumers }] of Object.entries(buckets)) {
      const { endpoint, host, region, publicUrl } = part(component.buckets, name);
      this.values.publish(`buckets.${name}`, { endpoint, host, region, publicUrl });
      for (const consumer of Object.keys(consumers)) {
        const { accessKeyId, secretAccessKey } = part(component.credentials, consumer);
        this.values.publish(`buckets.${name}.${consumer}`, { accessKeyId, secretAccessKey });
      }
    }
    return component;
  }

  /** Made after the origins: their steps start the containers that are backed up. */
  private backups(
    hosts: Readonly<Record<string, RemoteHost>>,
    databases: Readonly<Record<string, PostgresWithAppUser>>,
    origins: Readonly<Record<string, AppOrigin>>,
    buckets: R2Buckets | undefined,
  ): Record<string, DatabaseBackups> {
    const made: Record<string, DatabaseBackups> = {};
    for (const [name, { backups, ...database }] of Object.entries(this.settings.databases)) {
      if (backups === undefined || database.kind === "external") continue;
      const after = database.origin === undefined ? [] : [part(origins, database.origin)];
      made[name] = new DatabaseBackups(
        name,
        {
          host: part(hosts, database.host),
          project: database.project,
          service: database.service,
          adminUser: database.adminUser,
          database: database.database,
          bucket: this.backupBucket(backups, buckets),
          ...backupsArgs(backups, this.secrets),
        },
        { ...this.opts, dependsOn: [part(databases, name), ...after] },
      );
    }
    return made;
  }

  private backupBucket(
    { bucket, s3 }: NonNullable<Settings["databases"][string]["backups"]>,
    buckets: R2Buckets | undefined,
  ): BackupBucket | undefined {
    if (s3 !== undefined) {
      const { accessKeyIdSecret, endpoint, region, secretAccessKeySecret } = s3;
      return {
        endpoint,
        bucket: s3.bucket,
        region,
        accessKeyId: this.secrets(accessKeyIdSecret),
        secretAccessKey: this.secrets(secretAccessKeySecret),
      };
    }
    if (bucket === undefined || buckets === undefined) return undefined;
    const { bucketName, endpoint, region } = part(buckets.buckets, bucket);
    return { endpoint, bucket: bucketName, region, ...part(buckets.credentials, backupsConsumer) };
  }

  private token(name: string): ScopedToken {
    const { domain, stack, tokens } = this.settings;
    const component = new ScopedToken(
      name,
      {
        accountId: this.accountId,
        tokenName: `${domain} ${stack} ${name}`,
        ...tokenArgs(part(tokens, name), this.zoneId),
      },
      this.opts,
    );
    this.values.publish(`tokens.${name}`, { value: component.value, id: component.tokenId });
    return component;
  }

  private tunnel(name: string): Tunnel {
    const tunnel = part(this.settings.tunnels, name);
    const component = new Tunnel(
      name,
      {
        accountId: this.accountId,
        zoneId: this.zoneId,
        tunnelName: tunnel.name ?? `${pulumi.getProject()}-${this.settings.stack}-${name}`,
        routes: tunnelRoutes(
          tunnel,
          Object.values(this.settings.origins).find(
            (origin) => origin.kind === "tunnel" && origin.tunnel === name,
          ) as TunnelOriginSettings | undefined,
        ),
        catchAll: tunnel.catchAll,
        ...(this.leaves(`tunnels.${name}.secret`)
          ? { keepSecret: true }
          : {
              disconnect: {
                apiToken: this.secrets(this.settings.cloudflare.apiTokenSecret),
                apiUrl: this.settings.cloudflare.apiUrl,
              },
            }),
      },
      this.opts,
    );
    this.values.publish(`tunnels.${name}`, { token: component.token, id: component.tunnelId });
    return component;
  }

  /** After the origins: `ssl: strict` before an origin has its certificate would turn every request away. */
  private zone(origins: readonly AppOrigin[]): ZoneBaseline | undefined {
    const { zone, domain } = this.settings;
    if (zone === undefined) return undefined;
    const args = { zoneId: this.zoneId, zoneName: domain, ...zoneArgs(zone) };
    return new ZoneBaseline("zone", args, { ...this.opts, dependsOn: [...origins] });
  }

  private site(name: string): PagesSite {
    const args = siteArgs(name, part(this.settings.sites, name), this.values);
    return new PagesSite(name, { accountId: this.accountId, zoneId: this.zoneId, ...args }, this.opts);
  }

  private access(): AccessProtectedEnv | undefined {
    const { access, domain, stack } = this.settings;
    if (access === undefined) return undefined;
    const args = {
      accountId: this.accountId,
      displayName: `${domain} ${stack}`,
      ...accessArgs(access, this.secrets, this.leaves("access.checks") ? [] : [checksToken]),
    };
    return new AccessProtectedEnv("access", args, this.opts);
  }

  /** Last of all, and again with each release and each change of who may enter. */
  private checkAccess(
    { applicationIds, serviceTokens }: AccessProtectedEnv,
    releases: Readonly<Record<string, pulumi.Input<string> | undefined>>,
    after: readonly pulumi.Resource[],
  ): void {
    const { access } = this.settings;
    if (access?.check !== true || this.leaves("access.checks")) return;
    new AccessCheck(
      "access-check",
      {
        hostnames: access.hostnames,
        publicPaths: access.publicPaths,
        serviceToken: part(serviceTokens, checksToken),
        cors: access.cors,
        resolve: this.resolve,
        // Settings hold names of secrets only.
        trigger: pulumi.jsonStringify({ access, applicationIds, releases }),
      },
      { ...this.opts, dependsOn: [...after] },
    );
  }

  private headersFor({ serviceTokens }: AccessProtectedEnv): pulumi.Output<HeadersByHost> {
    const { clientId, clientSecret } = part(serviceTokens, checksToken);
    return pulumi
      .all([clientId, clientSecret])
      .apply(([id, secret]): HeadersByHost =>
        headersByHost(
          this.settings.access?.hostnames ?? [],
          accessHeaders({ clientId: id, clientSecret: secret }),
        ),
      );
  }

  private origin(
    name: string,
    hosts: Readonly<Record<string, RemoteHost>>,
    databases: Readonly<Record<string, PostgresWithAppUser>>,
    tunnels: Readonly<Record<string, Tunnel>>,
  ): AppOrigin {
    const origin = part(this.settings.origins, name);
    if (origin.kind === "external") {
      const { plain, secret } = this.values.variables(
        ["origins", name, "environment"],
        origin.environment,
        name,
      );
      return new AppOrigin(
        name,
        {
          kind: "external",
          zoneId: this.zoneId,
          hostnames: origin.hostnames,
          proxied: origin.proxied,
          target: origin.target,
          resolve: this.resolve,
          environment: plain,
          secrets: secret,
          healthPath: origin.healthPath,
          verify: origin.verify,
          publicHeaders: this.publicHeaders,
          ...externalRelease(origin),
        },
        this.opts,
      );
    }
    const single = onHost(origin);
    if (single === undefined) throw new Error(`origins.${name} runs on no host`);
    const deployment = {
      ...deploymentArgs(name, single, {
        values: this.values,
        secrets: this.secrets,
        databases: this.settings.databases,
        cloudflareNetworks: this.settings.cloudflare.networks,
      }),
      publicHeaders: this.publicHeaders,
      composeFile: resolvePath(this.directory, origin.composeFile),
      files: origin.files.map((file) => resolvePath(this.directory, file)),
      host: part(hosts, single.host),
      vault: this.vault,
      databases: Object.entries(this.settings.databases)
        .filter(([, database]) => database.kind === "container" && database.project === origin.project)
        .map(([databaseName]) => part(databases, databaseName)),
    };
    if (origin.kind === "tunnel") {
      const connector = { service: part(this.settings.tunnels, origin.tunnel).connectorService };
      const tunnel = part(tunnels, origin.tunnel);
      return new AppOrigin(name, { kind: "tunnel", tunnel, connector, ...deployment }, this.opts);
    }
    const machines = origin.kind === "swarm" ? origin.hosts : [origin.host];
    const reached = {
      zoneId: this.zoneId,
      hostnames: origin.hostnames,
      proxied: origin.proxied,
      publicAddresses: origin.addresses ?? machines.map((host) => part(this.settings.hosts, host).address),
      originCertificate: certificateArgs(origin),
    };
    if (origin.kind === "swarm") {
      const { host, ...rest } = deployment;
      const swarm = {
        hosts: machines.map((each, index) => (index === 0 ? host : part(hosts, each))),
        advertiseAddresses: machines.map(
          (each) => origin.advertiseAddresses[each] ?? part(this.settings.hosts, each).address,
        ),
      };
      return new AppOrigin(name, { kind: "swarm", ...reached, ...swarm, ...rest }, this.opts);
    }
    return new AppOrigin(name, { kind: "compose", ...reached, ...deployment }, this.opts);
  }
}

/** A database's addresses, by role. */
function connectionsOf(database: PostgresWithAppUser): pulumi.Output<Record<string, string>> {
  const { appUrl, migratorUrl, readOnlyUrl, backupUrl, monitorUrl, replicationUrl } = database;
  const all = {
    app: appUrl,
    migrator: migratorUrl,
    readOnly: readOnlyUrl,
    backup: backupUrl,
    monitor: monitorUrl,
    replication: replicationUrl,
  };
  const there = Object.entries(all).filter(([, url]) => url !== undefined);
  return pulumi.all(Object.fromEntries(there) as Record<string, pulumi.Output<string>>);
}

function lookUpZone(name: string, provider: cloudflare.Provider): pulumi.Output<string> {
  return cloudflare.getZoneOutput({ filter: { name } }, { provider }).apply(({ zoneId, id }) => zoneId ?? id);
}

function prefixed<T>(prefix: string, map: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [`${prefix}.${key}`, value]));
}

/** A part by its name. Settings refuse names that do not exist, so a missing one is a mistake of the wiring. */
function part<T>(map: Readonly<Record<string, T>>, name: string): T {
  const found = map[name];
  if (found === undefined)
    throw new Error(`no part is called ${name}; there are ${Object.keys(map).join(", ")}`);
  return found;
}
