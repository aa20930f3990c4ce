import { spawn } from "node:child_process";
import { buildSync } from "esbuild";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { projectRoot } from "../../../../common/project-root";
import { migrate, MigrationError, readMigrations } from "../../../../examples/streampai/api/migrations";
import { startPostgres, type TestPostgres } from "../../../support/postgres";

const source = join(projectRoot(), "examples", "streampai", "api");
const allNames = ["0001-messages", "0002-viewer-counts", "0003-message-author-search"];
let postgres: TestPostgres;
let folder: string;

beforeAll(async () => {
  postgres = await startPostgres();
  folder = mkdtempSync(join(tmpdir(), "groundwork-migrations-"));
  buildSync({
    entryPoints: { migrate: join(source, "migrate.ts") },
    outdir: folder,
    bundle: true,
    platform: "node",
    target: "node20",
    external: ["pg-native"],
    logLevel: "error",
  });
  cpSync(join(source, "migrations"), join(folder, "migrations"), { recursive: true });
});

afterAll(async () => {
  await postgres?.remove();
  rmSync(folder, { recursive: true, force: true });
});

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

/** Runs the migrator as the container does: a process of its own, node and one file. */
function runMigrator(
  env: Record<string, string>,
  args: string[] = [],
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(folder, "migrate.js"), ...args], {
      env: { PATH: process.env["PATH"], ...env },
      cwd: tmpdir(),
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("close", (code) => resolve({ code, output }));
  });
}

function writeFolder(files: Record<string, string>): string {
  const directory = mkdtempSync(join(folder, "case-"));
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(directory, name), sql);
  return directory;
}

describe("the migrator", () => {
  it("applies every file once when five processes race", async () => {
    const url = await postgres.createDatabase();
    const runs = await Promise.all(Array.from({ length: 5 }, () => runMigrator({ DATABASE_URL: url })));

    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    const applied = runs.map(({ output }) => (output.match(/applied 000\d/g) ?? []).length);
    expect(applied.sort()).toEqual([0, 0, 0, 0, 3]);
    const rows = await postgres.query<{ name: string }>(
      databaseOf(url),
      "select name from schema_migrations order by version",
    );
    expect(rows.map(({ name }) => name)).toEqual(allNames);
    expect(runs.map(({ output }) => output).join()).not.toContain(postgres.password);
  });

  it("says what is pending without applying it", async () => {
    const url = await postgres.createDatabase();
    const { code, output } = await runMigrator({ DATABASE_URL: url }, ["--dry-run"]);
    expect(code).toBe(0);
    expect(output).toContain(`"pending":"${allNames.join(", ")}"`);
    expect(
      await postgres.query(databaseOf(url), "select 1 from pg_tables where schemaname = 'public'"),
    ).toEqual([]);
  });

  it("prefers the migrator's own address", async () => {
    const url = await postgres.createDatabase();
    const { code } = await runMigrator({ DATABASE_URL: postgres.url("absent"), MIGRATION_DATABASE_URL: url });
    expect(code).toBe(0);
    expect(await postgres.query(databaseOf(url), "select 1 as one from messages limit 0")).toEqual([]);
  });

  it.each([
    ["no address", {}, [], "DATABASE_URL is missing"],
    ["an address that is none", { DATABASE_URL: "db" }, [], "DATABASE_URL is not a PostgreSQL address"],
    [
      "an unknown argument",
      { DATABASE_URL: "postgresql://u:p@h/d" },
      ["--down"],
      "the only argument is --dry-run",
    ],
    [
      "a folder that is not there",
      { DATABASE_URL: "postgresql://u:p@h/d", MIGRATIONS_DIRECTORY: "/nowhere" },
      [],
      "no migrations folder",
    ],
  ])("refuses to start with %s", async (_name, env: Record<string, string>, args, message) => {
    const { code, output } = await runMigrator(env, args);
    expect(code).toBe(1);
    expect(output).toContain(message);
  });

  it("fails without giving the password away when it is refused", async () => {
    const { code, output } = await runMigrator({
      DATABASE_URL: postgres.url("postgres", "postgres", "not-the-password"),
    });
    expect(code).toBe(1);
    expect(output).toContain("password authentication failed");
    expect(output).not.toContain("not-the-password");
  });
});

describe("migrate", () => {
  it("does nothing the second time", async () => {
    const url = await postgres.createDatabase();
    const migrations = readMigrations(join(source, "migrations"));
    expect((await migrate({ databaseUrl: url, migrations })).applied).toEqual(allNames);
    expect(await migrate({ databaseUrl: url, migrations })).toEqual({
      applied: [],
      pending: [],
      unknown: [],
    });
  });

  it("keeps nothing of a migration that fails, keeps those before it, and goes on once it is mended", async () => {
    const url = await postgres.createDatabase();
    const database = databaseOf(url);
    const broken = writeFolder({
      "0001-good.sql": "create table good (id int);",
      "0002-bad.sql": "create table half (id int); insert into missing values (1);",
    });
    await expect(migrate({ databaseUrl: url, migrations: readMigrations(broken) })).rejects.toThrow(
      '0002-bad: relation "missing" does not exist',
    );
    const tables = await postgres.query<{ tablename: string }>(
      database,
      "select tablename from pg_tables where schemaname = 'public' order by 1",
    );
    expect(tables.map(({ tablename }) => tablename)).toEqual(["good", "schema_migrations"]);

    writeFileSync(join(broken, "0002-bad.sql"), "create table half (id int);");
    expect((await migrate({ databaseUrl: url, migrations: readMigrations(broken) })).applied).toEqual([
      "0002-bad",
    ]);
  });

  it("refuses to go on when an applied file was changed", async () => {
    const url = await postgres.createDatabase();
    const directory = writeFolder({ "0001-one.sql": "create table one (id int);" });
    await migrate({ databaseUrl: url, migrations: readMigrations(directory) });
    writeFileSync(join(directory, "0001-one.sql"), "create table one (id bigint);");
    writeFileSync(join(directory, "0002-two.sql"), "create table two (id int);");
    await expect(migrate({ databaseUrl: url, migrations: readMigrations(directory) })).rejects.toThrow(
      "changed since it was applied: 0001-one; restore the file and write a new migration",
    );
    expect(await postgres.query(databaseOf(url), "select to_regclass('two') as found")).toEqual([
      { found: null },
    ]);
  });

  it("leaves a database alone that is ahead, as after a rollback of the code", async () => {
    const url = await postgres.createDatabase();
    const migrations = readMigrations(join(source, "migrations"));
    await migrate({ databaseUrl: url, migrations });
    const older = migrations.slice(0, 2);
    expect(await migrate({ databaseUrl: url, migrations: older })).toEqual({
      applied: [],
      pending: [],
      unknown: [3],
    });
  });

  it("gives up when another migrator does not finish", async () => {
    const url = await postgres.createDatabase();
    const holder = new Client({ connectionString: url });
    await holder.connect();
    try {
      await holder.query("select pg_advisory_lock(7331902145)");
      const migrations = readMigrations(join(source, "migrations"));
      await expect(migrate({ databaseUrl: url, migrations, waitMs: 100 })).rejects.toThrow(MigrationError);
    } finally {
      await holder.end();
    }
  });

  it("tries a migration again that met a lock", async () => {
    const url = await postgres.createDatabase();
    const directory = writeFolder({ "0001-busy.sql": "create table busy (id int);" });
    await migrate({ databaseUrl: url, migrations: readMigrations(directory) });
    writeFileSync(join(directory, "0002-more.sql"), "alter table busy add column more int;");
    const holder = new Client({ connectionString: url });
    await holder.connect();
    try {
      await holder.query("begin; lock table busy in share mode");
      const lines: string[] = [];
      const done = migrate({
        databaseUrl: url,
        migrations: readMigrations(directory),
        lockTimeoutMs: 50,
        log: (line) => {
          lines.push(line);
          if (lines.length === 1) void holder.query("commit");
        },
      });
      expect((await done).applied).toEqual(["0002-more"]);
      expect(lines[0]).toBe("0002-more met a lock, attempt 1 of 20");
    } finally {
      await holder.end();
    }
  });
});

describe("readMigrations", () => {
  it.each([
    ["a gap", { "0001-a.sql": "select 1", "0003-b.sql": "select 1" }, "0003-b: expected number 0002"],
    [
      "a number used twice",
      { "0001-a.sql": "select 1", "0001-b.sql": "select 1" },
      "0001-b: expected number 0002",
    ],
    ["a name without a number", { "messages.sql": "select 1" }, "messages.sql: a migration is named like"],
    ["an empty file", { "0001-a.sql": " \n" }, "0001-a.sql is empty"],
  ])("refuses %s", (_name, files: Record<string, string>, message) => {
    expect(() => readMigrations(writeFolder(files))).toThrow(message);
  });

  it("takes Windows line ends for the same file", () => {
    const unix = readMigrations(writeFolder({ "0001-a.sql": "select 1;\nselect 2;\n" }));
    const windows = readMigrations(writeFolder({ "0001-a.sql": "select 1;\r\nselect 2;\r\n" }));
    expect(windows[0]?.checksum).toBe(unix[0]?.checksum);
  });
});
