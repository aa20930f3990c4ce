import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { putTools } from "../../../../sandbox/host/bundle";
import { toolFile } from "../../../../sandbox/host/bundle-names";
import { resolveTarget } from "../../../../sandbox/host/postgres/connection";
import { splitScript } from "../../../../common/split-sql";
import { startPostgres, type TestPostgres } from "../../../support/postgres";

describe("where psql connects to", () => {
  test.each([
    [{}, {}, { host: "/var/run/postgresql", port: 5432, user: "root", database: "root" }],
    [
      { host: "h", port: "1", user: "u", database: "d" },
      {},
      { host: "h", port: 1, user: "u", database: "d" },
    ],
    [
      {},
      { PGHOST: "h", PGPORT: "2", PGUSER: "u", PGDATABASE: "d", PGPASSWORD: "p" },
      { host: "h", port: 2, user: "u", database: "d", password: "p" },
    ],
    [
      { database: "postgresql://u:p%40@h:3/d" },
      {},
      { host: "h", port: 3, user: "u", database: "d", password: "p@" },
    ],
    [{ database: "host=h dbname='a b' user=u" }, {}, { host: "h", user: "u", database: "a b" }],
    [{ user: "u" }, {}, { user: "u", database: "u" }],
  ])("%j and %j give %j", (flags, environment, expected) => {
    expect(resolveTarget(flags, environment)).toMatchObject(expected);
  });

  test("the password file counts only when it is private", () => {
    const folder = mkdtempSync(join(tmpdir(), "gw-pgpass-"));
    const file = join(folder, "pass");
    writeFileSync(file, "# c\nother:5432:*:u:no\nh:5432:*:u:a\\:b\n", { mode: 0o600 });
    const flags = { host: "h", user: "u", database: "d" };
    expect(resolveTarget(flags, { PGPASSFILE: file }).password).toBe("a:b");
    chmodSync(file, 0o644);
    expect(resolveTarget(flags, { PGPASSFILE: file }).password).toBeUndefined();
    rmSync(folder, { recursive: true });
  });
});

describe("cutting a script", () => {
  const cut = (script: string, variables: Record<string, string> = {}): string[] =>
    splitScript(script, new Map(Object.entries(variables))).map(({ text }) => text);

  test.each([
    ["select 1; select 2", ["select 1", "select 2"]],
    ["select ';'; select \"a;b\"; select E'\\';'", ["select ';'", 'select "a;b"', "select E'\\';'"]],
    ["do $$ begin; end $$; select $x$;$$;$x$", ["do $$ begin; end $$", "select $x$;$$;$x$"]],
    ["-- a; b\nselect /* ; */ 1;", ["select   1"]],
    [
      "create rule r as on insert to t do also (select 1; select 2);",
      ["create rule r as on insert to t do also (select 1; select 2)"],
    ],
    ["\\set a 1\nselect 1;\n\\q", ["\\set a 1", "select 1", "\\q"]],
    ["select 'a'::text, x::int", ["select 'a'::text, x::int"]],
  ])("%j", (script, parts) => expect(cut(script)).toEqual(parts));

  test("puts variables in as text, literal or name, but not into quotes", () => {
    expect(cut(`select :n, :'s', :"i", ':n', :gone, x::n`, { n: "1", s: "it's", i: 'a"b' })).toEqual([
      `select 1, 'it''s', "a""b", ':n', :gone, x::n`,
    ]);
  });

  test("knows the line where a statement begins", () => {
    expect(splitScript("select 1;\n\n-- c\nselect\n2;\nselect 3", new Map()).map(({ line }) => line)).toEqual(
      [1, 4, 6],
    );
  });
});

describe("against a real server", () => {
  let server: TestPostgres;
  let folder: string;
  jest.setTimeout(60_000);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "gw-tools-"));
    putTools(folder);
    server = await startPostgres();
  });
  afterAll(async () => {
    await server.remove();
    rmSync(folder, { recursive: true });
  });

  const runTool = (
    name: "psql" | "pg_isready",
    args: readonly string[],
    { input = "", password = server.password } = {},
  ): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [toolFile(folder, name), ...args], {
      input,
      encoding: "utf8",
      env: {
        PATH: process.env["PATH"],
        GROUNDWORK_STAND_IN: "1",
        PGHOST: "127.0.0.1",
        PGPORT: String(server.port),
        PGUSER: "postgres",
        PGPASSWORD: password,
      },
    });
  const strict = ["-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "postgres"];

  test("pg_isready says yes to a server, and no to none", () => {
    expect(runTool("pg_isready", ["-U", "postgres"])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("accepting connections") as string,
    });
    expect(runTool("pg_isready", ["-q", "-p", "1"])).toMatchObject({ status: 2, stdout: "" });
  });

  test("psql prints rows bare or drawn", () => {
    expect(runTool("psql", [...strict, "-c", "SELECT 1 AS a, NULL AS b, true"]).stdout).toBe("1||t\n");
    expect(runTool("psql", ["-d", "postgres", "-c", "SELECT 1 AS a, 'x' AS long"]).stdout).toBe(
      " a | long\n---+------\n 1 | x\n(1 row)\n\n",
    );
    expect(runTool("psql", ["-d", "postgres", "-c", "CREATE TEMP TABLE t (a int)"]).stdout).toBe(
      "CREATE TABLE\n",
    );
  });

  test("psql takes scripts from standard input, with variables, all or nothing", () => {
    const odd = "quote ' backslash \\ dollar $$";
    expect(
      runTool("psql", [...strict, "-v", `odd=${odd}`, "-f", "-"], { input: "SELECT :'odd';\n" }).stdout,
    ).toBe(`${odd}\n`);
    const failed = runTool("psql", [...strict, "--single-transaction"], {
      input: "CREATE TABLE one (a int);\n\nSELECT gone;\n",
    });
    expect(failed.status).toBe(3);
    expect(failed.stderr).toContain('psql:<stdin>:3: ERROR:  column "gone" does not exist');
    expect(runTool("psql", [...strict, "-c", "SELECT to_regclass('one') IS NULL"]).stdout).toBe("t\n");
  });

  test("psql goes on after an error only without ON_ERROR_STOP", () => {
    const input = "SELECT gone;\nSELECT 2;\n";
    expect(runTool("psql", ["-X", "-A", "-t", "-d", "postgres"], { input })).toMatchObject({
      status: 0,
      stdout: "2\n",
    });
    expect(runTool("psql", strict, { input })).toMatchObject({ status: 3, stdout: "" });
  });

  test("psql has psql's other exit codes, and shows no password", () => {
    expect(runTool("psql", [...strict, "-c", "SELECT gone"]).status).toBe(1);
    const password = randomBytes(12).toString("hex");
    const refused = runTool("psql", [...strict, "-c", "SELECT 1"], { password });
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(
      /connection to server .* failed: FATAL: {2}password authentication failed/,
    );
    expect(refused.stderr).not.toContain(password);
    expect(runTool("psql", [...strict], { input: "\\gexec\n" })).toMatchObject({
      status: 3,
      stderr: expect.stringContaining("not supported by the sandbox's stand-in") as string,
    });
  });
});
