import { type AttackReport, attackDatabase, attackRows } from "../../../automation/database/attack/attack";
import type { AttackTarget } from "../../../automation/database/attack/connect";
import { DatabaseRoles } from "../../support/database-roles";
import { postgresVersions, startPostgres, type TestPostgres } from "../../support/postgres";

jest.setTimeout(120_000);

/** What came otherwise than it must, one line each. */
function surprises({ rows }: AttackReport): string[] {
  return rows.flatMap(({ table, number, attempts }) =>
    attempts
      .filter(({ verdict }) => verdict === "surprise")
      .map(({ what, got }) => `${table} ${number}: ${what}: ${got}`),
  );
}

const open = ({ rows }: AttackReport) =>
  rows.flatMap(({ attempts }) =>
    attempts.filter(({ verdict }) => verdict === "open").map(({ what }) => what),
  );

describe.each(postgresVersions)("PostgreSQL %s:", (_version, installation) => {
  let server: TestPostgres;
  let roles: DatabaseRoles;

  beforeAll(async () => {
    server = await startPostgres({ wal_level: "logical" }, installation);
    roles = new DatabaseRoles(server);
  });
  afterAll(() => server.remove());

  const target = (database: string, changes: Partial<AttackTarget> = {}): AttackTarget => ({
    host: "127.0.0.1",
    port: server.port,
    database,
    app: { user: `${database}_app_a`, password: roles.passwords.get(`${database}_app_a`) ?? "" },
    migrator: { user: `${database}_migrator`, password: roles.passwords.get(`${database}_migrator`) ?? "" },
    group: `${database}_app`,
    schemas: ["public"],
    readOnlyTables: ["schema_migrations"],
    hiddenRelations: [],
    bySuperuser: true,
    ...changes,
  });

  const asMigrator = (database: string, sql: string) =>
    roles.as(`${database}_migrator`, database, (client) => client.query(sql));

  test("a new database, and its migrations after provisioning", async () => {
    await roles.database("fresh");
    await asMigrator("fresh", "CREATE TABLE schema_migrations (version bigint PRIMARY KEY)");
    await roles.provision("fresh");
    await asMigrator("fresh", "CREATE TABLE items (id serial PRIMARY KEY, name text)");
    const report = await attackDatabase(target("fresh"));
    expect(surprises(report)).toEqual([]);
    expect(open(report)).toEqual([]);
    expect(report.rows.filter(({ table }) => table === "attack").map(({ number }) => number)).toEqual(
      Array.from({ length: 29 }, (_, index) => index + 1),
    );
    expect(report.rows.filter(({ table }) => table === "work").map(({ number }) => number)).toEqual(
      Array.from({ length: 11 }, (_, index) => index + 1),
    );
    expect(report.rows.filter(({ verdict }) => verdict === "nothing to try")).toEqual([]);
    expect(report.rows.flatMap(({ attempts }) => attempts).length).toBeGreaterThan(100);
  });

  test("an existing volume of a superuser's, with several schemas, a history, hidden and extension tables", async () => {
    await roles.database(
      "existing",
      `CREATE TABLE items (id serial PRIMARY KEY, name text); CREATE TABLE schema_migrations (version bigint PRIMARY KEY);
       CREATE TABLE secrets (value text); CREATE SCHEMA audit; CREATE TABLE audit.log (id int GENERATED ALWAYS AS IDENTITY);
       CREATE EXTENSION citext; CREATE VIEW verifiers AS SELECT rolpassword FROM pg_authid;
       CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
       CREATE TRIGGER t BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION stamp();
       GRANT ALL ON items TO PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC;`,
      { schemas: ["public", "audit"], hiddenRelations: ["public.secrets"] },
    );
    const report = await attackDatabase(
      target("existing", { schemas: ["public", "audit"], hiddenRelations: ["public.secrets"] }),
    );
    expect(surprises(report)).toEqual([]);
    expect(report.rows.find(({ number }) => number === 16)?.attempts).toHaveLength(3);
  });

  test("elsewhere, by an administrator who is no superuser: what only one could close stays open, and is said", async () => {
    roles.passwords.set("provider", "admin-of-the-provider");
    await server.query(
      "postgres",
      "CREATE ROLE provider LOGIN CREATEROLE CREATEDB PASSWORD 'admin-of-the-provider'",
    );
    await server.query("postgres", "CREATE DATABASE hosted OWNER provider");
    await server.query("postgres", "GRANT CONNECT ON DATABASE hosted TO provider");
    const statements = roles.statements("hosted", {
      backup: undefined,
      monitor: undefined,
      isolateDatabases: false,
    });
    await roles.as("provider", "hosted", (client) => client.query(`BEGIN;\n${statements}\nCOMMIT;`));
    await asMigrator("hosted", "CREATE TABLE items (id serial PRIMARY KEY, name text)");
    // On a server of its own; here the other tests have closed what a superuser closes, in their databases only.
    const report = await attackDatabase(target("hosted", { bySuperuser: false, otherDatabases: [] }));
    expect(surprises(report)).toEqual([]);
    expect(open(report)).toEqual([
      expect.stringContaining("pg_logical_emit_message"),
      expect.stringContaining("lo_create"),
      expect.stringContaining("lo_from_bytea"),
    ]);
  });

  test("chunks as TimescaleDB makes them, and a publication for a logical consumer", async () => {
    const replication = () => ({ role: roles.login("series_repl"), publication: "series_pub" });
    const make = () => roles.provision("series", { replication: replication() });
    await roles.database(
      "series",
      `CREATE SCHEMA _timescaledb_internal; GRANT USAGE ON SCHEMA _timescaledb_internal TO PUBLIC;
       CREATE TABLE readings (tenant text, at int, PRIMARY KEY (tenant, at)) PARTITION BY RANGE (at);
       CREATE TABLE _timescaledb_internal._hyper_1_1_chunk PARTITION OF readings FOR VALUES FROM (0) TO (100);`,
    );
    await server.query(
      "series",
      "GRANT SELECT, INSERT, UPDATE, DELETE ON _timescaledb_internal._hyper_1_1_chunk TO series_app",
    );
    await make();
    await make();
    expect(surprises(await attackDatabase(target("series")))).toEqual([]);
  });

  test("a database whose application works in another schema than public: CREATE there is found all the same", async () => {
    const schemas = ["app"];
    await roles.database("aside", "", { schemas });
    const report = () => attackDatabase(target("aside", { schemas }));
    expect(surprises(await report())).toEqual([]);
    await server.query("aside", "GRANT CREATE ON SCHEMA public TO PUBLIC");
    expect(surprises(await report())).toContain("attack 27: CREATE on a schema: public");
  });

  describe("broken on purpose", () => {
    let count = 0;

    /** What is done to a database that is in order; `$` is its name. */
    test.each<[string, string, string]>([
      ["CREATE on public", "GRANT CREATE ON SCHEMA public TO $_app", "attack 1:"],
      ["TEMPORARY for PUBLIC", "GRANT TEMPORARY ON DATABASE $ TO PUBLIC", "attack 3:"],
      ["pg_read_all_data", "GRANT pg_read_all_data TO $_app_a", "attack 23:"],
      [
        "a table of its own",
        "ALTER TABLE items OWNER TO $_app",
        "attack 27: objects of its own: table items",
      ],
      ["a superuser", "ALTER ROLE $_app_a SUPERUSER", "attack 12:"],
      ["CREATEROLE", "ALTER ROLE $_app_a CREATEROLE", "attack 27: attributes: $_app_a CREATEROLE"],
      ["REPLICATION", "ALTER ROLE $_app_a REPLICATION", "attack 26:"],
      ["BYPASSRLS", "ALTER ROLE $_app_a BYPASSRLS", "attack 24:"],
      ["the migrator's member", "GRANT $_migrator TO $_app", "attack 11:"],
      ["CREATE on the database", "GRANT CREATE ON DATABASE $ TO $_app", "attack 2:"],
      ["another database", "CREATE DATABASE $_other", "attack 22: connect to $_other: connected"],
      ["the migration history", "GRANT UPDATE ON schema_migrations TO $_app", "attack 23: UPDATE"],
      [
        "a view over verifiers",
        "CREATE VIEW v AS SELECT * FROM pg_shadow; GRANT SELECT ON v TO $_app",
        'attack 16: SELECT * FROM "public"."v"',
      ],
      [
        "TRUNCATE on one table",
        "GRANT TRUNCATE ON items TO $_app",
        "attack 27: TRUNCATE, REFERENCES, TRIGGER or MAINTAIN on a table: items",
      ],
      [
        "UPDATE on a sequence",
        "GRANT UPDATE ON SEQUENCE items_id_seq TO $_app",
        "attack 27: UPDATE on a sequence: items_id_seq",
      ],
      [
        "a schema that it was not given",
        "CREATE SCHEMA s; CREATE TABLE s.t (); GRANT USAGE ON SCHEMA s TO $_app; GRANT SELECT ON s.t TO $_app",
        "attack 27: tables outside of its schemas: s.t",
      ],
      [
        "a superuser's function",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT 1'",
        "attack 28:",
      ],
      [
        "a function with an open path",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; ALTER FUNCTION f() OWNER TO $_migrator; GRANT EXECUTE ON FUNCTION f() TO $_app",
        "attack 28:",
      ],
      [
        "large objects",
        "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC",
        "attack 25: SELECT lo_create(0): allowed",
      ],
      ["reading files", "GRANT pg_read_server_files TO $_app_a", "attack 18:"],
      ["running programs", "GRANT pg_execute_server_program TO $_app_a", "attack 17:"],
      ["watching others", "GRANT pg_monitor TO $_app_a", "attack 25: read the migrator's statement"],
      ["ending others", "GRANT pg_signal_backend TO $_app_a", "attack 25: SELECT pg_terminate_backend"],
      [
        "setting a parameter",
        "GRANT SET ON PARAMETER session_replication_role TO $_app_a",
        "attack 19: SET session_replication_role",
      ],
      [
        "no default privileges",
        "ALTER DEFAULT PRIVILEGES FOR ROLE $_migrator IN SCHEMA public REVOKE ALL ON TABLES FROM $_app",
        "work 9:",
      ],
      [
        "no default privileges for sequences",
        "ALTER DEFAULT PRIVILEGES FOR ROLE $_migrator IN SCHEMA public REVOKE ALL ON SEQUENCES FROM $_app",
        "work 2:",
      ],
      ["no USAGE on the schema", "REVOKE USAGE ON SCHEMA public FROM $_app", "work 2:"],
      [
        "a table that it cannot use",
        "CREATE TABLE foreign_one (id serial)",
        "work 11: tables that it cannot use: foreign_one",
      ],
    ])("%s turns it red", async (_what, sql, expected) => {
      const name = `broken_${++count}`;
      await roles.database(
        name,
        "CREATE TABLE items (id serial PRIMARY KEY); CREATE TABLE schema_migrations (version bigint PRIMARY KEY); CREATE TABLE secrets (value text)",
        { hiddenRelations: ["public.secrets"] },
      );
      await server.query(name, "DO $x$ BEGIN NULL; END $x$");
      for (const statement of sql.split("; ")) await server.query(name, statement.replaceAll("$", name));
      // The four that matter most meet every row, the others their own.
      const row = attackRows.filter(({ table, number }) => expected.startsWith(`${table} ${number}:`));
      const others = sql.includes("_other") ? [`${name}_other`] : [];
      const report = await attackDatabase(
        target(name, { hiddenRelations: ["public.secrets"], otherDatabases: others }),
        count <= 5 ? undefined : row,
      );
      await server.query("postgres", "REVOKE EXECUTE ON FUNCTION lo_create(oid) FROM PUBLIC");
      expect(surprises(report)).toContainEqual(expect.stringContaining(expected.replaceAll("$", name)));
      expect(report.surprises).toBeGreaterThan(0);
      // Whatever succeeded has been undone, and what was made for it is gone.
      const left = await server.query<object>(
        name,
        `SELECT relname FROM pg_class WHERE starts_with(relname, 'groundwork_attack') UNION ALL
         SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'groundwork_attack') UNION ALL
         SELECT rolname FROM pg_roles WHERE starts_with(rolname, 'groundwork_attack') UNION ALL
         SELECT datname FROM pg_database WHERE starts_with(datname, 'groundwork_attack') UNION ALL
         SELECT slot_name FROM pg_replication_slots`,
      );
      expect(left).toEqual([]);
    });

    test("a server that asks for no password turns it red", async () => {
      await roles.database("trusting");
      const [file] = await server.query<{ hba_file: string }>("postgres", "SHOW hba_file");
      const { readFileSync, writeFileSync } = await import("node:fs");
      const before = readFileSync(file?.hba_file ?? "", "utf8");
      writeFileSync(file?.hba_file ?? "", `host trusting all all trust\n${before}`);
      await server.query("postgres", "SELECT pg_reload_conf()");
      const report = await attackDatabase(target("trusting"));
      writeFileSync(file?.hba_file ?? "", before);
      await server.query("postgres", "SELECT pg_reload_conf()");
      expect(surprises(report)).toContainEqual(
        expect.stringContaining("work 1: log in as trusting_app_a with a wrong password"),
      );
    });
  });

  test("what a killed attack has left is removed by the next, and two at once wait for each other", async () => {
    await roles.database("twice");
    await asMigrator(
      "twice",
      `CREATE TABLE groundwork_attack_dead_items (id serial); CREATE SCHEMA groundwork_attack_dead_closed;
       CREATE TYPE groundwork_attack_dead_colours AS ENUM ('a'); CREATE FUNCTION groundwork_attack_dead_answer() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    );
    const reports = await Promise.all([attackDatabase(target("twice")), attackDatabase(target("twice"))]);
    expect(reports.flatMap(surprises)).toEqual([]);
    const left = await server.query<object>(
      "twice",
      "SELECT 1 FROM pg_class WHERE starts_with(relname, 'groundwork_attack')",
    );
    expect(left).toEqual([]);
  });

  test("a dropped database and a wrong password are said with the next step, without the password", async () => {
    await roles.database("dropped");
    await server.query("postgres", "DROP DATABASE dropped");
    await expect(attackDatabase(target("dropped"))).rejects.toMatchObject({
      parts: {
        what: "the database cannot be entered as dropped_migrator",
        next: expect.stringContaining("was dropped") as string,
      },
    });
    await roles.database("wrong");
    const app = { user: "wrong_app_a", password: "planted-canary" };
    const error: unknown = await attackDatabase(target("wrong", { app })).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ parts: { what: "the database cannot be entered as wrong_app_a" } });
    expect(String(error)).not.toContain("planted-canary");
  });
});

test("the rows' numbers are each there once", () => {
  const keys = attackRows.map(({ table, number }) => `${table} ${number}`);
  expect(new Set(keys).size).toBe(keys.length);
});
