import * as pulumi from "@pulumi/pulumi";
import { longestGap, onCalendar, parseCron } from "../common/cron";
import { encodeFrames, type Frames } from "../remote/framing";
import { stepFrames } from "../remote/access";
import type { RemoteHost } from "../remote/host";
import { backupJobScript, stepScript } from "../remote/scripts";
import { generatedPassword } from "./database/logins";
import { componentType } from "./shared/names";
import { Issues, refuse } from "./shared/validation";

/** A bucket that speaks S3: Amazon's, R2, or another. */
export interface BackupBucket {
  /** Such as `https://s3.eu-central-1.amazonaws.com` or that of an R2 account. */
  readonly endpoint: pulumi.Input<string>;
  readonly bucket: pulumi.Input<string>;
  /** Where in the bucket. @default `<project>/<component's name>` */
  readonly path?: string;
  readonly accessKeyId: pulumi.Input<string>;
  /** Secret. */
  readonly secretAccessKey: pulumi.Input<string>;
  /** @default what the endpoint says by itself: `auto` for R2 */
  readonly region?: pulumi.Input<string>;
}

/** Arguments of {@link DatabaseBackups}. */
export interface DatabaseBackupsArgs {
  /** Where the database's container runs. */
  readonly host: RemoteHost;
  /** Compose project of the container. */
  readonly project: string;
  /** The database's service in the compose file. @default "db" */
  readonly service?: string;
  /** Superuser in the container. @default "postgres" */
  readonly adminUser?: string;
  /** The database's name. */
  readonly database: string;
  /** When a backup is made, as a cron line of five fields, UTC. */
  readonly schedule: string;
  /** Where they lie. @default a folder of the host, which does not outlive it */
  readonly bucket?: BackupBucket;
  /** How many stay; all of the last 24 hours stay as well. @default 7 daily, 5 weekly, 12 monthly */
  readonly keep?: { readonly daily?: number; readonly weekly?: number; readonly monthly?: number };
  /**
   * Commands for the host's `sh` that tell somebody that a backup failed or is late; the text is in `$GROUNDWORK_ALERT`.
   * Secret, as it may hold a hook's address. @default nobody is told; `groundwork db backups` fails
   */
  readonly alert?: pulumi.Input<string>;
  /** Hours after which the newest backup is late. @default the longest time between two by the schedule, and two hours */
  readonly lateAfterHours?: number;
  /** The repository's password, of a repository that exists. Secret. @default a generated one, kept in the stack's state */
  readonly password?: pulumi.Input<string>;
}

/** What opens a database's backups, for `groundwork db`. Secret as a whole. */
export interface BackupAccessOutputs {
  /** As restic takes it. @default a folder of the host */
  readonly repository?: string;
  readonly password: string;
  /** Of S3. @default none: there is no bucket */
  readonly accessKeyId?: string;
  /** Of S3. @default none: there is no bucket */
  readonly secretAccessKey?: string;
  /** Of S3. @default what the endpoint says by itself */
  readonly region?: string;
  /** What records of drills are signed with. The host does not have it. */
  readonly recordKey: string;
}

/**
 * Backups of a database in a container: made by the host itself, by a systemd timer or by cron, encrypted and
 * deduplicated by restic, in a bucket or in a folder of the host, with the rows and checksums of each table as they are
 * in the dump's own snapshot. The host needs restic 0.17 or newer.
 *
 * The password is what opens the repository: it is in the stack's state, encrypted, and nowhere else but on the host.
 *
 * @example
 * // The smallest: every night, in a folder of the host.
 * import { DatabaseBackups, RemoteHost } from "groundwork/components";
 *
 * declare const host: RemoteHost;
 * export const backups = new DatabaseBackups("main", {
 *   host,
 *   project: "streampai",
 *   database: "streampai",
 *   schedule: "15 3 * * *",
 * });
 *
 * @example
 * // Everything, in a bucket of R2.
 * import { DatabaseBackups, R2Buckets, RemoteHost } from "groundwork/components";
 * import * as pulumi from "@pulumi/pulumi";
 *
 * declare const host: RemoteHost;
 * const config = new pulumi.Config();
 * const storage = new R2Buckets("storage", {
 *   accountId: "0000000000000000000000000000ac01",
 *   buckets: { backups: { jurisdiction: "eu", consumers: { backups: "write" } } },
 * });
 * const bucket = storage.buckets["backups"];
 * const key = storage.credentials["backups"];
 * export const backups =
 *   bucket &&
 *   key &&
 *   new DatabaseBackups("main", {
 *     host,
 *     project: "streampai",
 *     service: "db",
 *     adminUser: "postgres",
 *     database: "streampai",
 *     schedule: "15 0,6,12,18 * * *",
 *     bucket: { endpoint: bucket.endpoint, bucket: bucket.bucketName, path: "streampai/main", region: "auto", ...key },
 *     keep: { daily: 14, weekly: 8, monthly: 12 },
 *     alert: config.requireSecret("backupAlert"),
 *     lateAfterHours: 8,
 *     password: config.requireSecret("backupPassword"),
 *   });
 */
export class DatabaseBackups extends pulumi.ComponentResource {
  /** What opens them. Secret. */
  readonly access: pulumi.Output<BackupAccessOutputs>;
  /** Where they lie, as restic names it; undefined for a folder of the host. */
  readonly repository: pulumi.Output<string> | undefined;
  /** What makes them on the host: `systemd`, `systemd-user` or `cron`. */
  readonly scheduler: pulumi.Output<string>;

  constructor(name: string, args: DatabaseBackupsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(componentType("DatabaseBackups"), name, {}, opts);
    refuse(this, "DatabaseBackups", name, databaseBackupsIssues(args));
    const password =
      args.password === undefined
        ? generatedPassword(this, `${name}-repository-password`)
        : pulumi.secret(args.password);
    // Never on the host: what is signed with it cannot be forged there.
    const recordKey = generatedPassword(this, `${name}-drill-key`);
    this.repository = args.bucket && repositoryOf(name, args, args.bucket);
    const { accessKeyId, region, secretAccessKey } = args.bucket ?? {};
    const known: Readonly<Record<keyof BackupAccessOutputs, pulumi.Input<string | undefined>>> = {
      password,
      recordKey,
      repository: this.repository,
      accessKeyId,
      secretAccessKey,
      region,
    };
    this.access = pulumi.secret(pulumi.all(known).apply(withoutUndefined));
    const scheduled = args.host.step(
      `${name}-backup-schedule`,
      {
        step: "database-backup-schedule",
        project: args.project,
        input: pulumi
          .all([this.access, args.alert])
          .apply(([access, alert]) => scheduleFrames(name, args, access, alert)),
        redact: [password, ...(secretAccessKey === undefined ? [] : [secretAccessKey])],
      },
      { parent: this },
    );
    // "cron" and the like tell nothing; the rest of a step's output is secret by rule.
    this.scheduler = pulumi.unsecret(scheduled.stdout.apply(schedulerOf));
    this.registerOutputs({ access: this.access, repository: this.repository, scheduler: this.scheduler });
  }
}

function withoutUndefined(all: Record<keyof BackupAccessOutputs, string | undefined>): BackupAccessOutputs {
  const there = Object.entries(all).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as unknown as BackupAccessOutputs;
}

/** `s3:https://…/bucket/path`. */
function repositoryOf(name: string, args: DatabaseBackupsArgs, place: BackupBucket): pulumi.Output<string> {
  const path = place.path ?? `${args.project}/${name}`;
  return pulumi
    .all([place.endpoint, place.bucket])
    .apply(([endpoint, bucket]) => `s3:${endpoint.replace(/\/+$/, "")}/${bucket}/${path}`);
}

/** What the host is told: what a backup is made with, and when. */
function scheduleFrames(
  name: string,
  args: DatabaseBackupsArgs,
  access: BackupAccessOutputs,
  alert: string | undefined,
): Frames {
  const { database, keep = {}, project, adminUser = "postgres", service = "db" } = args;
  const { accessKeyId, password, region, repository, secretAccessKey } = access;
  const common = {
    name,
    service,
    admin_user: adminUser,
    database,
    password,
    ...(repository === undefined ? {} : { repository }),
    ...(accessKeyId === undefined ? {} : { access_key_id: accessKeyId }),
    ...(secretAccessKey === undefined ? {} : { secret_access_key: secretAccessKey }),
    ...(region === undefined ? {} : { region }),
  };
  const secrets = [password, secretAccessKey].filter((text) => text !== undefined);
  const backup = {
    ...common,
    keep_daily: keep.daily ?? 7,
    keep_weekly: keep.weekly ?? 5,
    keep_monthly: keep.monthly ?? 12,
  };
  const schedule = parseCron(args.schedule);
  if (schedule === undefined) throw new Error("a schedule that was not checked");
  return {
    ...common,
    backup_script: stepScript("database-backup"),
    backup_frames: encodeFrames(stepFrames(args.host.args, project, backup, secrets)),
    job_script: backupJobScript(),
    cron: args.schedule.trim(),
    calendar: onCalendar(schedule).join("\n"),
    late_minutes:
      args.lateAfterHours === undefined ? longestGap(schedule, epoch) + 120 : args.lateAfterHours * 60,
    ...(alert === undefined ? {} : { alert }),
  };
}

/** Any moment, but always the same: the clock must not change what a step is given. */
const epoch = new Date(Date.UTC(2026, 0, 1));

function schedulerOf(stdout: string): string {
  const last = stdout.trim().split("\n").at(-1) ?? "";
  return /"scheduler":"([a-z-]+)"/.exec(last)?.[1] ?? "";
}

/** Every mistake in the arguments. */
export function databaseBackupsIssues(args: DatabaseBackupsArgs): Issues {
  const issues = new Issues();
  const isName = (value: string) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(value);
  for (const key of ["project", "service", "adminUser", "database"] as const) {
    issues.check(key, args[key], isName, "is not a name", "letters, digits, dots, underscores, hyphens");
  }
  issues.check(
    "schedule",
    args.schedule,
    (value) => parseCron(value) !== undefined,
    "is not a schedule",
    "five fields: minute hour day month weekday, such as `15 3 * * *`",
  );
  for (const key of ["daily", "weekly", "monthly"] as const) {
    issues.check(
      `keep.${key}`,
      args.keep?.[key],
      (value) => Number.isInteger(value) && value >= 0,
      "is not a whole number from 0",
    );
  }
  const { daily = 7, weekly = 5, monthly = 12 } = args.keep ?? {};
  if (daily + weekly + monthly === 0) issues.add("keep", "keeps nothing", { value: args.keep });
  issues.check(
    "lateAfterHours",
    args.lateAfterHours,
    (value) => Number.isInteger(value) && value >= 1,
    "is not a whole number of hours from 1",
  );
  issues.check(
    "bucket.endpoint",
    args.bucket?.endpoint,
    (value) => /^https?:\/\/[^/\s@]+\/?$/.test(value),
    "is not the address of an S3 service",
    "https:// and a host name, without a path",
  );
  issues.check(
    "bucket.path",
    args.bucket?.path,
    (value) => /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/.test(value) && !value.includes(".."),
    "is not a path in a bucket",
  );
  return issues;
}
