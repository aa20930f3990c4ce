import {
  type AppOrigin,
  type BackupBucket,
  DatabaseBackups,
  PostgresWithAppUser,
  type R2Buckets,
  type RemoteHost,
} from "../../components";
import type { Settings } from "../settings";
import { hasDatabase } from "../settings/on-host";
import { backupsArgs, backupsConsumer, databaseArgs } from "../wiring";
import { type Named, part, type Surroundings } from "./surroundings";

export function makeDatabase(
  { settings, secrets, values, opts, resolve }: Surroundings,
  name: string,
  hosts: Named<RemoteHost>,
): PostgresWithAppUser {
  const database = part(settings.databases, name);
  const running = !Object.values(settings.origins).some((origin) => hasDatabase(origin, database));
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
          running,
          // A project of another stack may have backups by that stack's entry of the same name.
          scheduledBackups: running || database.backups !== undefined,
          ...databaseArgs(database),
        }
      : {
          kind: "external",
          address: database.host,
          applicationAddress: database.poolerHost,
          port: database.port,
          adminUser: database.adminUser,
          adminDatabase: database.adminDatabase,
          adminPassword: secrets(database.adminPasswordSecret),
          tls: database.tls,
          resolve,
          ...databaseArgs(database),
        },
    opts,
  );
  const { appUrl, migratorUrl, readOnlyUrl, backupUrl, monitorUrl, replicationUrl } = component;
  values.publish(`databases.${name}`, {
    appUrl,
    migratorUrl,
    readOnlyUrl,
    backupUrl,
    monitorUrl,
    replicationUrl,
  });
  return component;
}

/** Made after the origins: their steps start the containers that are backed up. */
export function makeBackups(
  surroundings: Surroundings,
  made: {
    readonly hosts: Named<RemoteHost>;
    readonly databases: Named<PostgresWithAppUser>;
    readonly origins: Named<AppOrigin>;
    readonly buckets: R2Buckets | undefined;
  },
): Named<DatabaseBackups> {
  const { settings, secrets, opts } = surroundings;
  const all: Record<string, DatabaseBackups> = {};
  for (const [name, { backups, ...database }] of Object.entries(settings.databases)) {
    if (backups === undefined || database.kind === "external") continue;
    const after = database.origin === undefined ? [] : [part(made.origins, database.origin)];
    all[name] = new DatabaseBackups(
      name,
      {
        host: part(made.hosts, database.host),
        project: database.project,
        service: database.service,
        adminUser: database.adminUser,
        database: database.database,
        bucket: backupBucket(surroundings, backups, made.buckets),
        ...backupsArgs(backups, secrets),
      },
      { ...opts, dependsOn: [part(made.databases, name), ...after] },
    );
  }
  return all;
}

function backupBucket(
  { secrets }: Surroundings,
  { bucket, s3 }: NonNullable<Settings["databases"][string]["backups"]>,
  buckets: R2Buckets | undefined,
): BackupBucket | undefined {
  if (s3 !== undefined) {
    const { accessKeyIdSecret, endpoint, region, secretAccessKeySecret } = s3;
    return {
      endpoint,
      bucket: s3.bucket,
      region,
      accessKeyId: secrets(accessKeyIdSecret),
      secretAccessKey: secrets(secretAccessKeySecret),
    };
  }
  if (bucket === undefined || buckets === undefined) return undefined;
  const { bucketName, endpoint, region } = part(buckets.buckets, bucket);
  return { endpoint, bucket: bucketName, region, ...part(buckets.credentials, backupsConsumer) };
}
