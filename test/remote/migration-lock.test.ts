import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { lockFrames } from "../../components/origin/deployment";
import { listFrames } from "../../remote/framing";
import { containersPsql, hasPsql } from "../support/hosted-database";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { stepHost, type StepHost } from "../support/remote-step";

jest.setTimeout(120_000);
if (!hasPsql) console.log("skipped: psql is not on this machine, which holds the lock of migrations");
const describeWithPsql = hasPsql ? describe : describe.skip;

/** What docs/releases.md says that an entry point takes. */
const lock = "4857283";

describeWithPsql("migrations hold an advisory lock of the database, on real PostgreSQL", () => {
  let server: TestPostgres;
  let host: StepHost;
  let other: Client;

  beforeAll(async () => {
    server = await startPostgres();
    await server.query("postgres", "CREATE DATABASE shop");
  });
  afterAll(() => server.remove());
  beforeEach(async () => {
    // The migrations themselves: they say who holds the lock while they run, and wait until they are let go.
    host = migratingHost();
    other = new Client({ connectionString: server.url("shop"), application_name: "somebody" });
    await other.connect();
  });
  /** @param path PATH inside of containers that migrations are run in */
  const migratingHost = (path = process.env["PATH"] ?? "") =>
    stepHost(`case $call in
  *" exec -T db psql "*)
    (${containersPsql(server)})
    code=$?
    case $call in *pg_locks*) : >"$HOME/told" ;; esac
    exit $code ;;
  *" --entrypoint /bin/sh "*)
    while [ "$1" != -c ]; do shift; done
    PATH='${path}' exec /bin/sh "$@" ;;
  *" run "*)
    set -- psql -X -q -t -A -d shop -U postgres -c "SELECT count(*) FROM pg_locks WHERE objid = ${lock} AND granted"
    (${containersPsql(server)}) >>"$HOME/seen"
    while [ -e "$HOME/wait" ]; do sleep 0.05; done ;;
esac`);
  afterEach(async () => {
    await other.end();
    host.remove();
  });

  const migrate = (more: object = {}) =>
    host.run("migrate", {
      service: "api",
      ...listFrames("locks", "lock", [{ service: "db", user: "postgres", database: "shop" }]),
      ...more,
    });
  const holders = async () => {
    const { rows } = await other.query<{ application_name: string }>(
      `SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE objid = ${lock} AND granted`,
    );
    return rows.map(({ application_name }) => application_name);
  };
  const until = async (true_: () => Promise<boolean>) => {
    for (let tries = 0; !(await true_()); tries++) {
      if (tries > 600) throw new Error("it did not come true within 30 s");
      await new Promise((again) => setTimeout(again, 50));
    }
  };

  test("from before they start until they have ended; then it is free again", async () => {
    writeFileSync(join(host.home, "wait"), "");
    const running = migrate();
    await until(async () => (await holders()).length === 1);
    expect(await holders()).toEqual(["groundwork migrations"]);
    const { rows } = await other.query<{ free: boolean }>(`SELECT pg_try_advisory_lock(${lock}) AS free`);
    expect(rows).toEqual([{ free: false }]);
    rmSync(join(host.home, "wait"));
    expect(await running).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(join(host.home, "seen"), "utf8").trim()).toBe("1");
    await until(async () => (await holders()).length === 0);
  });

  test("held by something else they wait, say for whom, and go on when it is free", async () => {
    await other.query(`SELECT pg_advisory_lock(${lock})`);
    const running = migrate();
    await until(() => Promise.resolve(existsSync(join(host.home, "told"))));
    expect(host.calls().some((call) => call.includes(" run "))).toBe(false);
    await other.query(`SELECT pg_advisory_unlock(${lock})`);
    const { code, stderr } = await running;
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /waiting for somebody \(process \d+ of the server, since .*\), which holds the lock/,
    );
    expect(host.calls().filter((call) => call.includes(" run "))).toHaveLength(1);
  });

  test("held for longer than the migrations' time they are not run, and the holder is named", async () => {
    await other.query(`SELECT pg_advisory_lock(${lock})`);
    const { code, stderr } = await migrate({ timeout: 2 });
    expect(code).toBe(20);
    expect(stderr).toMatch(/somebody \(process \d+ .*\) held the lock of migrations in shop for 2 s/);
    expect(host.calls().some((call) => call.includes(" run "))).toBe(false);
    await other.query(`SELECT pg_advisory_unlock_all()`);
    await until(async () => (await holders()).length === 0);
  });

  test("a database that is not there ends the step with the server's words", async () => {
    const { code, stderr } = await migrate(
      listFrames("locks", "lock", [{ service: "db", user: "postgres", database: "gone" }]),
    );
    expect(code).toBe(20);
    expect(stderr).toContain("gone does not give the lock of migrations");
    expect(stderr).toContain('database "gone" does not exist');
  });

  const elsewhere = () => lockFrames([], [], [`${server.url("shop")}?sslmode=disable`]);

  test("in a database elsewhere of two hosts that migrate at once the second waits, and names the holder", async () => {
    const second = migratingHost();
    try {
      writeFileSync(join(host.home, "wait"), "");
      const one = host.run("migrate", { service: "api", ...elsewhere() });
      await until(async () => (await holders()).length === 1);
      const two = second.run("migrate", { service: "api", ...elsewhere() });
      // Its question who holds the lock has been asked, so it has waited.
      await until(() => Promise.resolve(second.calls().some((call) => call.includes("pg_locks"))));
      expect(second.calls().some((call) => call.endsWith(" api"))).toBe(false);
      rmSync(join(host.home, "wait"));
      expect(await one).toMatchObject({ code: 0, stderr: "" });
      const { code, stderr } = await two;
      expect(code).toBe(0);
      expect(stderr).toMatch(
        /waiting for groundwork migrations \(process \d+ of the server, since .*\), which holds the lock of migrations in shop/,
      );
      expect(second.calls().filter((call) => call.endsWith(" api"))).toHaveLength(1);
      await until(async () => (await holders()).length === 0);
      for (const call of [...host.calls(), ...second.calls()]) expect(call).not.toContain(server.password);
    } finally {
      second.remove();
    }
  });

  test("an image without psql migrates without the lock, and that is said", async () => {
    const bare = migratingHost("/nonexistent");
    try {
      const { code, stdout, stderr } = await bare.run("migrate", { service: "api", ...elsewhere() });
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ step: "migrate", unlocked: "shop" });
      expect(stderr).toContain("the image has no psql: nobody holds the lock of migrations in shop");
    } finally {
      bare.remove();
    }
  });

  test("a session's own image is given by a file beside the project's", async () => {
    const { code } = await migrate({ ...elsewhere(), lock_image: "postgres:17-alpine" });
    expect(code).toBe(0);
    expect(host.calls().find((call) => call.includes("--entrypoint"))).toContain(
      ".groundwork.migrate.session.json run",
    );
  });
});
