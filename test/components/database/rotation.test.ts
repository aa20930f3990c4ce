import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { provision } from "../../../components/database/provision";
import { DatabaseRoles } from "../../support/database-roles";
import { postgresVersions, startPostgres, type TestPostgres } from "../../support/postgres";
import { QueryLoad } from "../../support/query-load";

jest.setTimeout(120_000);

const newPassword = () => randomBytes(24).toString("base64url");

/** The steps that a rotation consists of, as `groundwork db rotate` and its release do them, on a real server under load. */
describe.each(postgresVersions)("PostgreSQL %s:", (_version, installation) => {
  let server: TestPostgres;
  let roles: DatabaseRoles;

  beforeAll(async () => {
    server = await startPostgres({ log_connections: "on", log_statement: "all" }, installation);
    roles = new DatabaseRoles(server);
  });
  afterAll(() => server.remove());

  /** A database whose application has login `a`, and a table to write to. */
  async function shop(name: string): Promise<void> {
    await roles.database(name);
    await roles.as(`${name}_migrator`, name, (client) =>
      client.query("CREATE TABLE load (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int)"),
    );
  }

  /** Provisions with the logins of a generation; the idle one is of before. */
  const told = (name: string, usable: readonly ("a" | "b")[]) =>
    provision({
      host: "127.0.0.1",
      port: server.port,
      serverName: "127.0.0.1",
      tls: "disable",
      adminUser: "postgres",
      adminPassword: server.password,
      adminDatabase: "postgres",
      database: name,
      statements: roles.statements(name, {
        appLogins: (["a", "b"] as const).map((letter) =>
          usable.includes(letter) ? roles.login(`${name}_app_${letter}`) : { name: `${name}_app_${letter}` },
        ),
      }),
    });

  test("three rotations under 200 queries a second lose none", async () => {
    await shop("loaded");
    const load = new QueryLoad(roles.url("loaded_app_a", "loaded"));
    await sleep(500);
    for (const [next, before] of [
      ["b", "a"],
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      // Only the idle login is written.
      roles.passwords.set(`loaded_app_${next}`, newPassword());
      await told("loaded", ["a", "b"]);
      await load.release(roles.url(`loaded_app_${next}`, "loaded"));
      await sleep(500);
      await told("loaded", [next]);
      expect(await roles.attempt(`loaded_app_${before}`, "loaded", "SELECT 1")).toMatch(/^28/);
      await sleep(300);
    }
    const report = await load.stop();
    expect(report.failures).toEqual([]);
    expect(report.queries).toBeGreaterThan(400);
    expect(Object.keys(report.roles).sort()).toEqual(["loaded_app_a", "loaded_app_b"]);
    const written = await server.query<{ n: string }>("loaded", "SELECT count(*) AS n FROM load");
    expect(Number(written[0]?.n)).toBe(report.queries);
    // The tests' own logins as the one that was ended are the only ones refused.
    const log = server.log();
    expect(
      log.match(/password authentication failed for user "loaded_app_\w"|not permitted to log in/g)?.length ??
        0,
    ).toBeLessThanOrEqual(6);
    for (const [, password] of roles.passwords) expect(log).not.toContain(password);
  });

  test("the load notices a password that is changed in place: that is why there are two", async () => {
    await shop("in_place");
    const load = new QueryLoad(roles.url("in_place_app_a", "in_place"));
    await sleep(300);
    roles.passwords.set("in_place_app_a", newPassword());
    await told("in_place", ["a"]);
    await sleep(1000);
    const { failures } = await load.stop();
    expect(failures.join()).toContain("password authentication failed");
  });

  test("cut short at any moment, the login in use works, and the same again ends it well", async () => {
    await shop("cut");
    await told("cut", ["a"]);
    for (let round = 0; round < 8; round++) {
      const [next, active] = round % 2 === 0 ? (["b", "a"] as const) : (["a", "b"] as const);
      roles.passwords.set(`cut_app_${next}`, newPassword());
      const under = told("cut", ["a", "b"]).then(
        () => "done",
        (error: Error) => error.message,
      );
      // The administrator's connections are ended somewhere in the middle.
      await sleep(round * 12);
      await server.query(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'groundwork'",
      );
      await under;
      expect(await roles.attempt(`cut_app_${active}`, "cut", "INSERT INTO load (n) VALUES (1)")).toBe("done");
      await told("cut", ["a", "b"]);
      expect(await roles.attempt(`cut_app_${next}`, "cut", "INSERT INTO load (n) VALUES (1)")).toBe("done");
      await told("cut", [next]);
      expect(await roles.attempt(`cut_app_${active}`, "cut", "SELECT 1")).toMatch(/^28/);
    }
  });
});
