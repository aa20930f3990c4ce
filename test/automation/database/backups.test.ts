import { randomBytes } from "node:crypto";
import { appendFileSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BackupAccess, lateness, listBackups, makeBackup } from "../../../automation/database/backups";
import { drill } from "../../../automation/database/drill";
import { signRecord, verifyRecord } from "../../../automation/database/drill-record";
import { proofState } from "../../../automation/database/proof";
import { lastRehearsal, rehearse } from "../../../automation/database/rehearsal/rehearse";
import { dropKept, restoreBackup } from "../../../automation/database/restore";
import { recordsOn } from "../../../automation/database/records";
import type { Environment } from "../../../automation/environment";
import { backupLines } from "../../../cli/db/backups";
import { drillLines, duration } from "../../../cli/db/drill";
import { findRestic } from "../../../sandbox/engine/restic";
import { passedDrill } from "../../support/drill-record";
import { dockerWithPostgres, fullPostgres, noFullPostgres } from "../../support/backup-host";
import { copysSettings, writeCurrent, writeImage } from "../../support/rehearsal-host";
import { type HostedDatabase, hostedDatabase } from "../../support/hosted-database";
import { startSandboxSsh } from "../../support/open-ssh";
import { startPostgres, type TestPostgres } from "../../support/postgres";

jest.setTimeout(300_000);
if (fullPostgres === undefined) console.log(noFullPostgres);
const describeWithPostgres = fullPostgres === undefined ? describe.skip : describe;

const access: BackupAccess = {
  password: randomBytes(24).toString("base64url"),
  recordKey: randomBytes(24).toString("base64url"),
};
const backups = {
  schedule: "15 3 * * *",
  keep: { daily: 7, weekly: 5, monthly: 12 },
  restoreTestDays: 30,
};

describeWithPostgres("backups over SSH", () => {
  let hosted: HostedDatabase;
  let disposable: TestPostgres | undefined;
  beforeAll(async () => {
    hosted = await hostedDatabase(
      startSandboxSsh,
      {},
      {
        installation: fullPostgres,
        docker: (server, log) => `#!/bin/sh\nprintf '%s\\n' "$*" >>'${log}'\n${dockerWithPostgres(server)}\n`,
        backups: access,
      },
    );
    symlinkSync(await findRestic((line) => console.log(line)), join(hosted.home, "bin", "restic"));
    await hosted.server.query(
      "shop",
      "SET ROLE shop_migrator; CREATE TABLE items (id int PRIMARY KEY, label text); INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 1000) n",
    );
    await hosted.roles.provision("shop");
  });
  afterAll(async () => {
    await hosted.close();
    await disposable?.remove();
  });
  const open = () => hosted.open({ backups });

  test("without backups in the stack, the setting is told", async () => {
    await expect(makeBackup(hosted.open())).rejects.toThrow(
      /write backups: \{schedule: "15 3 \* \* \*"\} to groundwork:databases\.main/,
    );
  });

  test("before the first one there is none, and a drill says so", async () => {
    const list = await listBackups(open());
    expect(list).toMatchObject({ backups: [], late: "there is no backup yet", restore: { state: "none" } });
    await expect(drill(open())).rejects.toThrow(/there is no backup yet/);
  });

  test("one is made, listed, restored in the place of what serves, and that is dropped when told", async () => {
    const made = await makeBackup(open());
    expect(made).toMatchObject({ tables: 1, rows: 1000, made: true });
    const list = await listBackups(open());
    expect(list.backups).toEqual([expect.objectContaining({ backup: made.backup, tables: 1, rows: 1000 })]);
    expect(list.late).toBeUndefined();
    expect(backupLines(list, "dev").join("\n")).toMatch(
      /no restore of main was ever tried: npx groundwork db drill -s dev/,
    );

    await hosted.server.query("shop", "DROP TABLE items");
    const replaced: string[] = [];
    const environment = {
      urnsOf: (wanted: (name: string) => boolean) =>
        Promise.resolve(["main-roles", "main-app-a-password", "main-roles-after-migrations"].filter(wanted)),
      up: ({ replace = [] }: { replace?: readonly string[] }) => Promise.resolve(replaced.push(...replace)),
    };
    const restored = await restoreBackup(environment as unknown as Environment, open());
    expect(replaced).toEqual(["main-roles", "main-roles-after-migrations"]);
    expect(await hosted.roles.attempt("shop_app_a", "shop", "UPDATE items SET label = 'x'")).toBe("done");
    const kept = restored.kept ?? "";
    expect((await listBackups(open())).kept).toEqual([kept]);
    for (const name of ["shop", "postgres", `${kept}"; DROP DATABASE shop; --`])
      await expect(dropKept(open(), name)).rejects.toThrow(/that is no database that a restore has kept/);
    await dropKept(open(), kept);
    expect((await listBackups(open())).kept).toEqual([]);
  });

  test("a drill is green, measured and signed, and is the proof that is listed", async () => {
    disposable = await startPostgres({}, fullPostgres);
    writeFileSync(join(hosted.home, "disposable"), `${disposable.port}\n${disposable.password}\n`);
    const record = await drill(open());
    expect(record).toMatchObject({
      passed: true,
      server: "own",
      tables: 1,
      rows: 1000,
      differences: [],
      stack: "dev",
      database: "main",
    });
    expect(record.rtoSeconds).toBeGreaterThan(0);
    expect(record.rpoSeconds).toBeGreaterThanOrEqual(0);
    expect(drillLines(record)).toContain("1 tables with 1000 rows: each as it was recorded");
    const list = await listBackups(open());
    expect(list.restore).toMatchObject({ state: "fresh", proof: record });
    expect(list.warnings).toEqual([]);
    expect(backupLines(list, "dev").join("\n")).not.toMatch(/db drill/);
    const later = await listBackups(open(), { now: new Date(Date.now() + 31 * 86_400_000) });
    expect(later.restore.state).toBe("old");
    expect(backupLines(later, "dev").at(-1)).toMatch(
      /the last proved restore of main is of .*, more than 30 days ago: npx groundwork db drill -s dev/,
    );
  });

  test("a drill with a planted change is red, is recorded, and proves nothing", async () => {
    const plant = join(hosted.home, "plant.sql");
    writeFileSync(plant, "UPDATE items SET label = 'planted' WHERE id = 500");
    const before = await listBackups(open());
    const record = await drill(open(), { beside: true }).finally(() => rmSync(plant));
    expect(record).toMatchObject({
      passed: false,
      server: "same",
      differences: ["table public.items has its 1000 rows, but not with the same content"],
    });
    const after = await listBackups(open());
    expect(after.restore).toEqual({ ...before.restore, failedSince: record });
    expect(after.warnings).toEqual([
      `a restore that was tried since the last proved one, on ${record.at}, failed`,
    ]);
    const lines = readFileSync(join(hosted.home, "groundwork", "app", "backups", "main", "drills"), "utf8")
      .trim()
      .split("\n");
    expect(lines).toHaveLength(2);
  });

  test("a record that somebody wrote on the host proves nothing", async () => {
    const file = join(hosted.home, "groundwork", "app", "backups", "main", "drills");
    const { restore } = await listBackups(open());
    const forged = signRecord({ ...restore.proof!, at: new Date().toISOString() }, access.password);
    appendFileSync(file, `${JSON.stringify(forged)}\n`);
    expect((await listBackups(open())).restore).toEqual(restore);
  });

  test("migrations are rehearsed on it, and the signed record is the one that a preview finds", async () => {
    const copy = await startPostgres(copysSettings, fullPostgres);
    try {
      writeFileSync(join(hosted.home, "disposable"), `${copy.port}\n${copy.password}\n`);
      writeImage(hosted.home, "v1", {});
      writeImage(hosted.home, "v2", { migrations: "ALTER TABLE items ADD COLUMN more text;" });
      writeCurrent(join(hosted.home, "groundwork", "app"), "v1");
      const owners = () =>
        hosted.server.query(
          "shop",
          "SELECT * FROM pg_authid, pg_attribute WHERE attrelid > 16383 ORDER BY 1",
        );
      const before = await owners();
      const database = open();
      expect(await lastRehearsal(database)).toBeUndefined();
      const said: string[] = [];
      const { kept, record } = await rehearse(migrating(hosted), database, {
        log: (line) => said.push(line),
      });
      expect(kept).toBe(true);
      expect(said.at(-1)).toMatch(/^running the migrations of v2 on backup [0-9a-f]{8} of /);
      expect(record).toMatchObject({
        passed: true,
        stack: "dev",
        database: "main",
        origin: "api",
        image: "v2",
        previous: "r1",
        exact: true,
        statements: [
          { locks: [expect.objectContaining({ relation: "public.items", mode: "ACCESS EXCLUSIVE" })] },
        ],
        checks: [{ what: "health", service: "api", ok: true }],
      });
      expect(await lastRehearsal(database)).toEqual(record);
      appendFileSync(
        join(hosted.home, "groundwork", "app", "backups", "main", "rehearsals"),
        `${JSON.stringify({ record: JSON.stringify({ ...record, at: "2999-01-01T00:00:00Z" }), signature: "AA==" })}\n`,
      );
      expect(await lastRehearsal(database)).toEqual(record);
      expect(await owners()).toEqual(before);
      // What an `up` of production asks for before it migrates.
      const { drills, rehearsals, secret } = await recordsOn(database);
      expect(rehearsals).toHaveLength(2);
      const where = { stack: "dev", database: "main", days: 30, now: new Date() };
      expect(proofState(drills, { secret, ...where }).state).toBe("fresh");
      expect(proofState(drills, { secret, ...where, database: "other" }).state).toBe("unsigned");
    } finally {
      await copy.remove();
    }
  });

  test.each([
    [{ live: true, backup: "0123abcd" }, /either a backup or the database as it is/],
    [{ backup: "not hexadecimal" }, /that is no name of a backup/],
    [{ backup: "0123abcd" }, /there is no such backup: 0123abcd/],
    [{ origin: "web" }, /that origin of dev does not migrate this database: web\n {2}allowed: api/],
  ])("a rehearsal is refused for %j", async (options, message) => {
    await expect(rehearse(migrating(hosted), open(), options)).rejects.toThrow(message);
  });

  test("no password is in a command's words or in a log of the host", () => {
    expect(hosted.calls()).not.toContain(access.password);
    for (const password of hosted.roles.passwords.values()) expect(hosted.calls()).not.toContain(password);
    const logs = [
      "database-backup-main",
      "database-backups-main",
      "database-restore-main",
      "database-rehearse-main",
    ];
    for (const name of logs) {
      const text = readFileSync(join(hosted.home, "groundwork", "app", "logs", `${name}.log`), "utf8");
      expect(text).not.toContain(access.password);
    }
  });
});

/** An environment whose origin `api` migrates the database, and was brought up with an image before `v2`. */
function migrating(hosted: HostedDatabase): Environment {
  const directory = join(hosted.home, "groundwork", "app");
  writeFileSync(join(directory, "compose.yaml"), "services: {api: {image: v1}, db: {image: postgres}}\n");
  const { databases, ...settings } = hosted.config({ backups }).settings;
  const migrations = {
    service: "api",
    command: ["migrate"],
    timeoutSeconds: 60,
    breaking: false,
    environment: {},
  };
  const api = {
    ...{
      kind: "compose",
      host: "machine",
      project: "app",
      composeFile: "compose.yaml",
      hostnames: ["shop.test"],
    },
    ...{ services: { api: { image: "v2", healthTimeoutSeconds: 60 } }, pull: "missing", migrations },
  };
  const url = hosted.roles.url("shop_migrator", "shop").replace(/@127\.0\.0\.1:\d+\//, "@db:5432/");
  const inputs: Record<string, Record<string, string>> = {
    "api-migrations": {
      ...{ images: "1", image_1_service: "api", image_1_reference: "v1" },
      ...{ variables: "1", variable_1_name: "DATABASE_URL", variable_1_value: url },
    },
    "main-roles": { statements: hosted.roles.statements("shop") },
  };
  const environment = {
    directory,
    config: () => Promise.resolve({ settings: { ...settings, databases, origins: { api } } }),
    stepInputs: (names: readonly string[]) => Promise.resolve(names.map((name) => inputs[name])),
  };
  return environment as unknown as Environment;
}

describe("when a backup is late", () => {
  const now = new Date("2026-03-04T12:00:00Z");
  test.each([
    ["15 3 * * *", "2026-03-04T03:16:00Z", undefined],
    ["15 3 * * *", "2026-03-04T03:01:00Z", undefined],
    [
      "15 3 * * *",
      "2026-03-03T03:16:00Z",
      /^a backup was due at 2026-03-04T03:15Z, and the newest is of 2026-03-03T03:16Z$/,
    ],
    // An hour for the backup itself.
    ["30 11 * * *", "2026-03-03T11:31:00Z", undefined],
    ["0 11 * * *", "2026-03-03T11:01:00Z", /was due at 2026-03-04T11:00Z/],
    ["15 3 * * *", undefined, /^there is no backup yet$/],
  ])("%s with the newest of %s", (schedule, newest, expected) => {
    const told = lateness(schedule, newest, now);
    if (expected === undefined) expect(told).toBeUndefined();
    else expect(told).toMatch(expected);
  });
});

describe("the record of a drill", () => {
  const record = passedDrill;
  const secret = randomBytes(24).toString("base64url");
  const signed = signRecord(record, secret);

  test("is verified by the same secret, and by no other", () => {
    expect(verifyRecord(signed, secret)).toEqual(record);
    expect(verifyRecord(signed, `${secret}x`)).toBeUndefined();
  });

  test.each([
    ["a changed text", { ...signed, record: signed.record.replace('"rows":10', '"rows":11') }],
    ["a cut signature", { ...signed, signature: signed.signature.slice(0, 40) }],
    ["nothing", {} as typeof signed],
  ])("%s is no record", (_what, changed) => {
    expect(verifyRecord(changed, secret)).toBeUndefined();
  });

  test("what is printed of a red one names each difference and both times", () => {
    const differences = ["table public.a is missing"];
    expect(drillLines({ ...record, differences, passed: false })).toEqual([
      "backup 0123abcd of 2026-03-04T03:15:00Z, restored into a server of its own",
      "3 tables with 10 rows were recorded:",
      "  table public.a is missing",
      "RPO 105 min: what a loss now would have cost",
      "RTO 12.5 s: start 2 s, restore 8 s, compare 1 s",
    ]);
    expect([5, 150, 7300, 200_000].map(duration)).toEqual(["5 s", "3 min", "2 h 2 min", "2 d 7 h"]);
  });
});
