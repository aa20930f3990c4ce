import { randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Table from "cli-table3";
import { type BackupAccess, makeBackup } from "../automation/database/backups";
import { drill } from "../automation/database/drill";
import { findRestic } from "../sandbox/engine/restic";
import { dockerWithPostgres, fullPostgres, noFullPostgres } from "../test/support/backup-host";
import { DatabaseRoles } from "../test/support/database-roles";
import { type HostedDatabase, hostedDatabase } from "../test/support/hosted-database";
import { startSandboxSsh } from "../test/support/open-ssh";
import { startPostgres, type TestPostgres } from "../test/support/postgres";
import { QueryLoad } from "../test/support/query-load";
import { median } from "./measure";

const newPassword = (): string => randomBytes(24).toString("base64url");

/**
 * The database: rotations under load, tables that a migration makes, and a drill beside a plain pg_restore of the same dump.
 * PostgreSQL, restic and SSH are real; a program stands in for Docker.
 *
 * Options: `--mib=N` of data to restore (200), `--rounds=N` (3), `--tables=N` (1000).
 */
export async function db(options: readonly string[]): Promise<void> {
  const number = (name: string, usual: number) =>
    Number(options.find((option) => option.startsWith(`--${name}=`))?.split("=")[1] ?? usual);
  const server = await startPostgres();
  try {
    await rotations(server);
    await tables(server, number("tables", 1000));
  } finally {
    await server.remove();
  }
  if (fullPostgres === undefined) console.log(`no drill: ${noFullPostgres}`);
  else await drills(number("mib", 200), number("rounds", 3));
}

/** The steps of `groundwork db rotate`, three times, under 200 queries a second. */
async function rotations(server: TestPostgres): Promise<void> {
  const roles = new DatabaseRoles(server);
  await roles.database("shop");
  await roles.as("shop_migrator", "shop", (client) =>
    client.query("CREATE TABLE load (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int)"),
  );
  const provision = (usable: readonly string[]) =>
    roles.provision("shop", {
      appLogins: ["shop_app_a", "shop_app_b"].map((name) =>
        usable.includes(name) ? roles.login(name) : { name },
      ),
    });
  const load = new QueryLoad(roles.url("shop_app_a", "shop"));
  try {
    for (const next of ["shop_app_b", "shop_app_a", "shop_app_b"]) {
      await sleep(2000);
      roles.passwords.set(next, newPassword());
      await provision(["shop_app_a", "shop_app_b"]);
      await load.release(roles.url(next, "shop"));
      await sleep(2000);
      await provision([next]);
    }
  } finally {
    const { queries, failures, p99, longestGap } = await load.stop();
    const table = new Table({ head: ["rotations", "queries", "failed", "p99", "longest gap"] });
    table.push([3, queries, failures.length, `${p99} ms`, `${longestGap} ms`]);
    console.log(`\n${table.toString()}`);
  }
}

/** Tables of one migration, each asked as the application at once, and none of them to be changed by it. */
async function tables(server: TestPostgres, count: number): Promise<void> {
  const roles = new DatabaseRoles(server);
  await roles.database("many");
  const began = performance.now();
  await roles.as("many_migrator", "many", (client) =>
    client.query(
      `DO $$ BEGIN FOR n IN 1..${count} LOOP EXECUTE format('CREATE TABLE t%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text)', n); END LOOP; END $$`,
    ),
  );
  const made = (performance.now() - began) / 1000;
  let [usable, changeable] = [0, 0];
  await roles.as("many_app_a", "many", async (client) => {
    const succeeds = (sql: string) =>
      client.query(sql).then(
        () => true,
        () => false,
      );
    for (let index = 1; index <= count; index++) {
      const works = [
        `INSERT INTO t${index} (label) VALUES ('x')`,
        `UPDATE t${index} SET label = 'y'`,
        `SELECT * FROM t${index}`,
        `DELETE FROM t${index}`,
      ];
      const harms = [
        `ALTER TABLE t${index} ADD COLUMN more int`,
        `TRUNCATE t${index}`,
        `CREATE INDEX ON t${index} (label)`,
        `DROP TABLE t${index}`,
      ];
      let all = true;
      for (const sql of works) all = (await succeeds(sql)) && all;
      let any = false;
      for (const sql of harms) any = (await succeeds(sql)) || any;
      usable += all ? 1 : 0;
      changeable += any ? 1 : 0;
    }
  });
  const table = new Table({ head: ["tables of a migration", "made in", "usable at once", "changeable"] });
  table.push([count, `${made.toFixed(1)} s`, usable, changeable]);
  console.log(`\n${table.toString()}`);
}

/** `groundwork db drill` and pg_restore in turn, on the same data and the same kind of server. */
async function drills(mib: number, rounds: number): Promise<void> {
  const access: BackupAccess = { password: newPassword(), recordKey: newPassword() };
  const hosted = await hostedDatabase(
    startSandboxSsh,
    {},
    {
      installation: fullPostgres,
      docker: (server, log) => `#!/bin/sh\nprintf '%s\\n' "$*" >>'${log}'\n${dockerWithPostgres(server)}\n`,
      backups: access,
    },
  );
  let disposable: TestPostgres | undefined;
  try {
    symlinkSync(await findRestic((line) => console.log(line)), join(hosted.home, "bin", "restic"));
    await fill(hosted, mib);
    const database = hosted.open({
      backups: { schedule: "15 3 * * *", keep: { daily: 7, weekly: 5, monthly: 12 }, restoreTestDays: 30 },
    });
    const began = performance.now();
    await makeBackup(database);
    const backup = (performance.now() - began) / 1000;
    const dump = join(hosted.home, "plain.dump");
    const { server } = hosted;
    program("pg_dump", server, ["--format=custom", "--compress=0", `--file=${dump}`, "shop"]);
    disposable = await startPostgres({}, fullPostgres);
    writeFileSync(join(hosted.home, "disposable"), `${disposable.port}\n${disposable.password}\n`);
    const seconds = { drill: [] as number[], plain: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      const started = performance.now();
      const record = await drill(database);
      seconds.drill.push((performance.now() - started) / 1000);
      if (!record.passed) throw new Error(`the drill is red: ${record.differences.join("; ")}`);
      await disposable.query("postgres", "CREATE DATABASE plain");
      const restored = performance.now();
      program("pg_restore", disposable, [
        "--exit-on-error",
        "--no-owner",
        "--no-acl",
        "--dbname=plain",
        dump,
      ]);
      seconds.plain.push((performance.now() - restored) / 1000);
      await disposable.query("postgres", "DROP DATABASE plain");
    }
    const table = new Table({ head: [`${mib} MiB`, "median of seconds", "beside pg_restore"] });
    const [ours, plain] = [median(seconds.drill), median(seconds.plain)];
    table.push(
      ["groundwork db backup (once)", backup.toFixed(1), ""],
      ["groundwork db drill", ours.toFixed(1), (ours / plain).toFixed(2)],
      ["pg_restore of the same dump", plain.toFixed(1), "1.00"],
    );
    console.log(`\n${table.toString()}`);
  } finally {
    await hosted.close();
    await disposable?.remove();
  }
}

/** Rows of 1 KiB that do not compress, with an index to be built. */
async function fill({ server, roles }: HostedDatabase, mib: number): Promise<void> {
  await server.query(
    "shop",
    `SET ROLE shop_migrator; CREATE TABLE items (id bigint PRIMARY KEY, label text, body text);
     INSERT INTO items SELECT n, md5(n::text), (SELECT string_agg(md5((n * 32 + part)::text), '') FROM generate_series(1, 30) part)
     FROM generate_series(1, ${mib} * 1024) n;
     CREATE INDEX ON items (label)`,
  );
  await roles.provision("shop");
}

/** One of PostgreSQL's programs, as the superuser of a server. */
function program(name: string, { port, password }: TestPostgres, args: readonly string[]): void {
  execFileSync(
    join(fullPostgres ?? "", "bin", name),
    ["-h", "127.0.0.1", "-p", String(port), "-U", "postgres", ...args],
    {
      env: { ...process.env, PGPASSWORD: password },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
}
