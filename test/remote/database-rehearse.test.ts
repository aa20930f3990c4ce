import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type HostRehearsal, verdictOf, type Verdict } from "../../automation/database/rehearsal/verdict";
import { encodeFrames, type Frames } from "../../remote/framing";
import { stepCommand, stepInput } from "../../remote/scripts";
import { type BackupHost, backupHost, fullPostgres, noFullPostgres } from "../support/backup-host";
import { copysSettings, rehearsalFrames, writeCurrent, writeImage } from "../support/rehearsal-host";

jest.setTimeout(300_000);
if (fullPostgres === undefined) console.log(noFullPostgres);
const describeWithPostgres = fullPostgres === undefined ? describe.skip : describe;

const migrations = `
CREATE TABLE notes (id int PRIMARY KEY, item int REFERENCES items (id));
ALTER TABLE items ADD COLUMN extra text;
BEGIN;
ALTER TABLE items ALTER COLUMN amount TYPE bigint;
SELECT pg_sleep(0.4);
COMMIT;
BEGIN;
LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;
UPDATE orders SET label = 'x' WHERE id < 10;
SELECT pg_sleep(0.2);
COMMIT;
UPDATE orders SET label = 'y' WHERE id < 20;
CREATE INDEX CONCURRENTLY orders_label ON orders (label);
TRUNCATE visits;
DO $$ BEGIN ALTER TABLE orders ADD COLUMN more int; PERFORM pg_sleep(0.1); END $$;
DROP TABLE gone;
`;

describeWithPostgres("a rehearsal of migrations", () => {
  let own: BackupHost;
  beforeAll(async () => {
    own = await backupHost();
    await own.server.query(
      "shop",
      `SET ROLE shop_migrator;
      CREATE TABLE items (id int PRIMARY KEY, label text, amount int);
      CREATE TABLE orders (id int PRIMARY KEY, label text);
      CREATE TABLE visits (id int);
      CREATE TABLE gone (id int);
      INSERT INTO items SELECT n, 'item ' || n, n FROM generate_series(1, 2000) n;
      INSERT INTO orders SELECT n, 'order ' || n FROM generate_series(1, 500) n;
      INSERT INTO visits SELECT n FROM generate_series(1, 50) n;`,
    );
    await own.roles.provision("shop");
    await own.done("database-backup");
    writeCurrent(own.host.root, "v1");
    writeImage(own.host.home, "v1", { health: "SELECT label FROM items" });
    writeImage(own.host.home, "v2", { migrations });
  });
  afterAll(() => own.close());

  /** All that the server has which must not change: content, owners, grants, roles with their verifiers. */
  const everything = async (): Promise<unknown> => [
    await own.server.query("shop", "SELECT * FROM items ORDER BY id"),
    await own.server.query(
      "shop",
      "SELECT relname, relkind, relowner, relacl::text, relfilenode FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY oid",
    ),
    await own.server.query("postgres", "SELECT * FROM pg_authid ORDER BY oid"),
    await own.server.query("postgres", "SELECT oid, datname, datacl::text FROM pg_database ORDER BY oid"),
    await own.server.query(
      "shop",
      "SELECT extname FROM pg_extension UNION ALL SELECT evtname FROM pg_event_trigger ORDER BY 1",
    ),
  ];
  const left = (): string[] => readdirSync(own.folder).filter((name) => name.startsWith(".work"));
  const rehearsed = async (image: string, changes: Frames = {}): Promise<HostRehearsal> => {
    const copy = await own.disposable(copysSettings);
    try {
      return await own.done<HostRehearsal>("database-rehearse", rehearsalFrames(own, image, changes));
    } finally {
      await copy.stop();
    }
  };
  const judged = (host: HostRehearsal, limitMs = 300, breaking = false): Verdict =>
    verdictOf(host, { limitMs, breaking, redact: (text) => text });

  test("tells each statement's locks and how long they were held, what it rewrites, and that a rollback is possible", async () => {
    const before = await everything();
    const host = await rehearsed("v2");
    expect(host).toMatchObject({ source: "backup", code: 0, exact: true, again: "", previous: "r1" });
    expect(host.checks).toEqual([
      { what: "health", service: "api", ok: true, detail: "healthy by its own health check" },
    ]);
    const verdict = judged(host);
    const statement = (start: string) => verdict.statements.find((each) => each.statement.startsWith(start));
    const locksOf = (start: string) =>
      statement(start)?.locks.map(({ mode, relation }) => `${mode} ${relation}`);

    expect(locksOf("CREATE TABLE notes")).toEqual(["SHARE ROW EXCLUSIVE public.items"]);
    expect(locksOf("ALTER TABLE items ADD")).toEqual(["ACCESS EXCLUSIVE public.items"]);
    expect(statement("ALTER TABLE items ADD")?.rewrites).toEqual([]);
    // The lock is held over the sleep, to the end of the transaction.
    const rewrite = statement("ALTER TABLE items ALTER");
    expect(rewrite?.rewrites).toEqual([expect.objectContaining({ relation: "public.items", rows: 2000 })]);
    const held = rewrite?.locks.find(
      ({ mode, relation }) => mode === "ACCESS EXCLUSIVE" && relation === "public.items",
    );
    expect(held?.heldMs).toBeGreaterThanOrEqual(400);
    expect(rewrite?.milliseconds).toBeLessThan(held?.heldMs ?? 0);
    // Of statements that are no DDL as well: by the commit that waits.
    expect(locksOf("LOCK TABLE orders")).toEqual(["ACCESS EXCLUSIVE public.orders"]);
    expect(statement("LOCK TABLE orders")?.locks[0]?.heldMs).toBeGreaterThanOrEqual(200);
    expect(locksOf("UPDATE orders SET label = 'y'")).toContain("ROW EXCLUSIVE public.orders");
    expect(locksOf("CREATE INDEX CONCURRENTLY")).toEqual(["SHARE UPDATE EXCLUSIVE public.orders"]);
    expect(locksOf("TRUNCATE visits")).toEqual(["ACCESS EXCLUSIVE public.visits"]);
    expect(statement("TRUNCATE visits")?.rewrites).toEqual([
      expect.objectContaining({ relation: "public.visits", rows: 50 }),
    ]);
    expect(statement("DO $$")?.locks[0]).toMatchObject({
      relation: "public.orders",
      mode: "ACCESS EXCLUSIVE",
    });
    expect(statement("DO $$")?.locks[0]?.heldMs).toBeGreaterThanOrEqual(100);
    expect(verdict.dropped).toEqual(["public.gone (about 0 rows)"]);
    expect(verdict.problems.join("\n")).toMatch(
      /holds ACCESS EXCLUSIVE on public\.items for \d+ ms \(at most 300 ms\): ALTER TABLE items ALTER/,
    );
    expect(verdict.passed).toBe(false);
    // At a higher limit nothing is wrong with it.
    expect(judged(host, 60_000)).toMatchObject({ problems: [], passed: true });

    expect(await everything()).toEqual(before);
    expect(left()).toEqual([]);
  });

  test("a migration after which the release that serves is not well leaves no way back, unless it is said to be breaking", async () => {
    writeImage(own.host.home, "v3", { migrations: "ALTER TABLE items RENAME COLUMN label TO title;" });
    const host = await rehearsed("v3", { smokes: 1, smoke_1: "smoke" });
    expect(host.checks).toEqual([
      { what: "health", service: "api", ok: false, detail: "it is unhealthy by its own health check" },
      { what: "smoke", service: "api", ok: true, detail: "exit code 0" },
    ]);
    expect(judged(host).problems).toEqual([
      "no rollback to release r1: api is not well on the new schema (it is unhealthy by its own health check)",
    ]);
    expect(judged(host, 300, true)).toMatchObject({ problems: [], passed: true });
  });

  test("a migration that fails is told with its statement, and without a secret", async () => {
    const before = await everything();
    writeImage(own.host.home, "v4", {
      migrations: "ALTER TABLE items ADD COLUMN fine int;\nALTER TABLE missing ADD COLUMN x int;",
    });
    const host = await rehearsed("v4", { source: "live" });
    expect(host).toMatchObject({ source: "live", backup: "", code: 3, checks: [] });
    expect(judged(host).problems).toEqual([
      'the migrations failed with exit code 3: relation "missing" does not exist: ALTER TABLE missing ADD COLUMN x int;',
    ]);
    const all = JSON.stringify({ ...host, log: Buffer.from(host.log, "base64").toString() });
    for (const password of own.roles.passwords.values()) expect(all).not.toContain(password);
    expect(await everything()).toEqual(before);
  });

  test("killed in the middle, what it made is removed by the watch that lives on", async () => {
    const copy = await own.disposable(copysSettings);
    writeImage(own.host.home, "v5", { migrations: "SELECT pg_sleep(60);" });
    const before = await everything();
    const frames = { project: "sample", ...rehearsalFrames(own, "v5") };
    const child = spawn("sh", ["-c", stepCommand("database-rehearse")], {
      env: { PATH: `${own.host.home}/bin:${process.env["PATH"] ?? ""}`, HOME: own.host.home },
      stdio: ["pipe", "ignore", "ignore"],
    });
    try {
      const common = {
        name: "main",
        service: "db",
        admin_user: "postgres",
        database: "shop",
        password: own.password,
      };
      child.stdin.end(stepInput("database-rehearse", encodeFrames({ ...common, ...frames })));
      const known = own.host.calls().length;
      const isRun = (call: string): boolean => call.includes("-rehearsal-app") && call.includes(" run ");
      await until(() => own.host.calls().slice(known).some(isRun));
      expect(left().length).toBe(1);
    } finally {
      child.kill("SIGKILL");
    }
    await until(() => left().length === 0);
    const removed = own.host.calls().filter((call) => call.includes(" down --volumes --remove-orphans "));
    expect(removed.at(-2)).toContain("--project-name sample-rehearsal-app ");
    expect(removed.at(-1)).toContain("--project-name sample-rehearsal ");
    await copy.stop();
    expect(await everything()).toEqual(before);
  });

  test.each([
    ["a bad source", { source: "elsewhere" }, 10, /bad source/],
    ["a backup that is no name", { backup: "x; rm -rf /" }, 10, /bad name of a backup/],
    ["a backup that is not there", { backup: "0123abcd" }, 20, /cannot find the backup|no such backup/],
    ["a service with blanks", { app: "a b" }, 10, /bad name of service/],
    ["a variable that compose reads", { variable_1_name: "COMPOSE_FILE" }, 10, /bad name of a variable/],
  ])("%s is refused, and nothing is left", async (_what, changes, code, message) => {
    const result = await own.step("database-rehearse", rehearsalFrames(own, "v2", changes));
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
    expect(left()).toEqual([]);
  });

  test("the copy is on a network that leads nowhere, found by the database's names", () => {
    const [first = ""] = readFileSync(join(own.host.home, "disposable.json"), "utf8").trim().split("\n");
    const file = JSON.parse(first) as {
      services: { db: { networks: unknown; command: string[]; volumes?: unknown } };
      networks: unknown;
    };
    expect(file.networks).toEqual({ default: { internal: true } });
    expect(file.services.db.networks).toEqual({ default: { aliases: ["db", "db"] } });
    expect(file.services.db.command.slice(0, 3)).toEqual(["postgres", "-c", "wal_level=logical"]);
    expect(file.services.db.volumes).toBeUndefined();
    expect(existsSync(join(own.folder, "rehearse.lock"))).toBe(true);
  });
});

/** Waits until something is so. */
async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries > 1200) throw new Error("it did not come to be so within two minutes");
    await sleep(100);
  }
}
