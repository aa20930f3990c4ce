import * as pulumi from "@pulumi/pulumi";
import {
  DatabaseBackups,
  databaseBackupsIssues,
  type DatabaseBackupsArgs,
} from "../../components/database-backups";
import { RemoteHost } from "../../remote/host";
import { readFrames } from "../support/frames";
import { told } from "../support/issues";
import { known, Mocks, runWith } from "../support/mocks";
import { testHost } from "../support/remote-host";

const host = new RemoteHost(testHost());
const answers = {
  "random:index/randomPassword:RandomPassword": (_inputs: unknown, name: string) => ({
    result: pulumi.secret(`secret-of-${name}`),
  }),
  "command:remote:Command": () => ({
    stdout: pulumi.secret(
      '{"step":"database-backup-schedule","project":"shop","scheduler":"systemd","zone":"+0000"}\n',
    ),
    stderr: "",
  }),
};
const args: DatabaseBackupsArgs = { host, project: "shop", database: "shop", schedule: "15 3 * * *" };

test("the smallest: two secrets and one step, in a folder of the host", async () => {
  const mocks = new Mocks(answers);
  const backups = await runWith(mocks, () => new DatabaseBackups("main", args));
  expect(mocks.list()).toEqual([
    "Command main-backup-schedule",
    "RandomPassword main-drill-key",
    "RandomPassword main-repository-password",
  ]);
  const { inputs, secrets } = mocks.get("main-backup-schedule");
  expect(secrets).toEqual(["connection", "stdin"]);
  expect(inputs).toMatchObject({ logging: "none", addPreviousOutputInEnv: false });
  for (const absent of ["triggers", "delete", "update", "environment"])
    expect(inputs).not.toHaveProperty(absent);
  expect(inputs["create"]).toMatch(/^exec sh -c '[^']*' groundwork-database-backup-schedule$/);
  const frames = readFrames(inputs["stdin"]);
  expect(Object.keys(frames).sort()).toEqual([
    "admin_user",
    "backup_frames",
    "backup_script",
    "calendar",
    "cron",
    "database",
    "job_script",
    "late_minutes",
    "name",
    "password",
    "project",
    "redact",
    "service",
  ]);
  expect(frames).toMatchObject({
    name: "main",
    service: "db",
    admin_user: "postgres",
    database: "shop",
    password: "secret-of-main-repository-password",
    redact: "secret-of-main-repository-password",
    cron: "15 3 * * *",
    calendar: "*-*-* 03:15:00 UTC",
    late_minutes: String(26 * 60),
  });
  expect(readFrames(`script\n${frames["backup_frames"] ?? ""}`)).toEqual({
    project: "shop",
    name: "main",
    service: "db",
    admin_user: "postgres",
    database: "shop",
    password: "secret-of-main-repository-password",
    redact: "secret-of-main-repository-password",
    keep_daily: "7",
    keep_weekly: "5",
    keep_monthly: "12",
  });
  expect(frames["backup_script"]).toContain("restic --retry-lock");
  // What signs the records of drills never reaches the host.
  expect(inputs["stdin"]).not.toContain("secret-of-main-drill-key");
  expect(JSON.stringify(frames)).not.toContain("secret-of-main-drill-key");
  expect(await known(backups.access)).toEqual({
    value: { password: "secret-of-main-repository-password", recordKey: "secret-of-main-drill-key" },
    secret: true,
  });
  expect(await known(backups.scheduler)).toEqual({ value: "systemd", secret: false });
  expect(backups.repository).toBeUndefined();
});

test("everything: a bucket, its keys, a rule, an alert, a password of one's own", async () => {
  const mocks = new Mocks(answers);
  const backups = await runWith(mocks, () => {
    return new DatabaseBackups("main", {
      ...args,
      service: "pg",
      adminUser: "root",
      schedule: "0 */6 * * *",
      bucket: {
        endpoint: pulumi.output("https://0123.r2.cloudflarestorage.com/"),
        bucket: pulumi.output("shop-backups"),
        accessKeyId: pulumi.output("key-id"),
        secretAccessKey: pulumi.secret("secret-key"),
        region: "auto",
      },
      keep: { daily: 14, weekly: 0, monthly: 3 },
      alert: pulumi.secret("curl -d x https://hook.example.com"),
      password: "own-password",
    });
  });
  expect(mocks.list()).toEqual(["Command main-backup-schedule", "RandomPassword main-drill-key"]);
  const frames = readFrames(mocks.get("main-backup-schedule").inputs["stdin"]);
  const repository = "s3:https://0123.r2.cloudflarestorage.com/shop-backups/shop/main";
  expect(frames).toMatchObject({
    repository,
    access_key_id: "key-id",
    secret_access_key: "secret-key",
    region: "auto",
    alert: "curl -d x https://hook.example.com",
    late_minutes: String(8 * 60),
    redact: "own-password\nsecret-key",
    calendar: "*-*-* 00,06,12,18:00:00 UTC",
  });
  expect(readFrames(`script\n${frames["backup_frames"] ?? ""}`)).toMatchObject({
    service: "pg",
    admin_user: "root",
    repository,
    keep_daily: "14",
    keep_weekly: "0",
    keep_monthly: "3",
  });
  expect(await known(backups.repository ?? "")).toEqual({ value: repository, secret: false });
  expect((await known(backups.access)).value).toEqual({
    repository,
    password: "own-password",
    accessKeyId: "key-id",
    secretAccessKey: "secret-key",
    region: "auto",
    recordKey: "secret-of-main-drill-key",
  });
});

test.each<[string, Partial<DatabaseBackupsArgs>, string[]]>([
  ["nothing", {}, []],
  ["a schedule", { schedule: "daily" }, ['schedule: is not a schedule "daily"']],
  [
    "names",
    { project: "", database: "-x", service: "a b" },
    ['database: is not a name "-x"', 'project: is not a name ""', 'service: is not a name "a b"'],
  ],
  [
    "a rule that keeps nothing",
    { keep: { daily: 0, weekly: 0, monthly: 0 } },
    ['keep: keeps nothing {"daily":0,"weekly":0,"monthly":0}'],
  ],
  ["a rule", { keep: { daily: -1 } }, ["keep.daily: is not a whole number from 0 -1"]],
  [
    "a bucket",
    {
      bucket: { endpoint: "s3.example.com", bucket: "b", path: "../x", accessKeyId: "", secretAccessKey: "" },
    },
    [
      'bucket.endpoint: is not the address of an S3 service "s3.example.com"',
      'bucket.path: is not a path in a bucket "../x"',
    ],
  ],
  ["an age", { lateAfterHours: 0.5 }, ["lateAfterHours: is not a whole number of hours from 1 0.5"]],
])("mistakes: %s", (_what, changes, expected) => {
  expect(told(databaseBackupsIssues({ ...args, ...changes })).sort()).toEqual(expected);
});
