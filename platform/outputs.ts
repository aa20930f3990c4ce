import * as pulumi from "@pulumi/pulumi";
import type {
  AccessProtectedEnv,
  AppOrigin,
  DatabaseBackups,
  PagesSite,
  PostgresWithAppUser,
  R2Buckets,
} from "../components";
import type { Named } from "./parts/surroundings";
import type { Settings } from "./settings";
import { mapValues } from "./wiring";

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

/** The parts of an environment that others are told of. */
export interface Parts {
  readonly databases: Named<PostgresWithAppUser>;
  readonly buckets: R2Buckets | undefined;
  readonly sites: Named<PagesSite>;
  readonly access: AccessProtectedEnv | undefined;
  readonly origins: Named<AppOrigin>;
  readonly backups: Named<DatabaseBackups>;
}

export function outputsOf(settings: Settings, parts: Parts): PlatformOutputs {
  const { access, backups, buckets, databases, origins, sites } = parts;
  return {
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
      Object.entries(origins).flatMap(([name, { ledger }]) => (ledger === undefined ? [] : [[name, ledger]])),
    ),
    accessTokens: mapValues(access?.serviceTokens ?? {}, (token) => ({ ...token })),
    ...(settings.lifetime === undefined ? {} : { lifetime: settings.lifetime }),
    ...(Object.keys(settings.costs).length === 0 ? {} : { costs: settings.costs }),
  };
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

function prefixed<T>(prefix: string, map: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [`${prefix}.${key}`, value]));
}
