import { spawnSync } from "node:child_process";
import { Client } from "pg";
import { postgresUrl } from "../../../components/postgres-with-app-user";
import { roleSalt, scramVerifier } from "../../../components/database/scram";
import { DatabaseRoles } from "../../support/database-roles";
import { postgresVersions, startPostgres, type TestPostgres } from "../../support/postgres";

jest.setTimeout(120_000);

/** What PostgreSQL does that one would not think, each as it would hurt. */
describe.each(postgresVersions)("PostgreSQL %s:", (_version, installation) => {
  let server: TestPostgres;
  let roles: DatabaseRoles;
  const attempt: DatabaseRoles["attempt"] = (...args) => roles.attempt(...args);

  beforeAll(async () => {
    server = await startPostgres({ log_statement: "all", log_min_error_statement: "error" }, installation);
    roles = new DatabaseRoles(server);
  });
  afterAll(() => server.remove());

  const asMigrator = (database: string, sql: string) =>
    roles.as(`${database}_migrator`, database, (client) => client.query(sql));

  test("what another role makes has no grants, until it is named as a further migrator", async () => {
    await server.query("postgres", "CREATE ROLE colleague LOGIN PASSWORD 'of-a-colleague'");
    roles.passwords.set("colleague", "of-a-colleague");
    await roles.database("others");
    await server.query(
      "others",
      "GRANT CREATE, USAGE ON SCHEMA public TO colleague; GRANT CONNECT ON DATABASE others TO colleague",
    );
    await roles.as("colleague", "others", (client) => client.query("CREATE TABLE before (id int)"));
    expect(await attempt("others_app_a", "others", "SELECT * FROM before")).toBe("42501");
    await roles.provision("others", { furtherMigrators: ["colleague"] });
    // What was there is the migrator's now, what comes later is granted by itself.
    expect(await attempt("others_app_a", "others", "SELECT * FROM before")).toBe("done");
    expect(await attempt("others_migrator", "others", "DROP TABLE before")).toBe("done");
    await roles.as("colleague", "others", (client) =>
      client.query("CREATE TABLE after (id serial, kept int GENERATED ALWAYS AS IDENTITY)"),
    );
    expect(await attempt("others_app_a", "others", "INSERT INTO after DEFAULT VALUES RETURNING *")).toBe(
      "done",
    );
    expect(await attempt("others_app_a", "others", "TRUNCATE after")).toBe("42501");
  });

  test("a superuser, or a role that is not there, is refused as a further migrator", async () => {
    await roles.database("refused");
    await expect(roles.provision("refused", { furtherMigrators: ["postgres"] })).rejects.toThrow(
      "furtherMigrators: postgres is a superuser",
    );
    await expect(roles.provision("refused", { furtherMigrators: ["nobody_here"] })).rejects.toThrow(
      "there is no role nobody_here",
    );
  });

  test("a migration that makes its tables as another role is put right after it", async () => {
    await roles.database("set_role");
    await server.query(
      "set_role",
      "CREATE ROLE other_owner; GRANT other_owner TO set_role_migrator; GRANT CREATE, USAGE ON SCHEMA public TO other_owner",
    );
    await asMigrator("set_role", "SET ROLE other_owner; CREATE TABLE odd (id serial)");
    expect(await attempt("set_role_app_a", "set_role", "SELECT * FROM odd")).toBe("42501");
    await roles.provision("set_role");
    expect(await attempt("set_role_app_a", "set_role", "INSERT INTO odd DEFAULT VALUES")).toBe("done");
  });

  test("a schema is covered once it is listed, not before", async () => {
    await roles.database("listed", "CREATE SCHEMA audit; CREATE TABLE audit.log (id int)");
    await asMigrator("listed", "CREATE SCHEMA later; CREATE TABLE later.notes (id int)");
    for (const table of ["audit.log", "later.notes"]) {
      expect(await attempt("listed_app_a", "listed", `SELECT * FROM ${table}`)).toBe("42501");
    }
    await roles.provision("listed", { schemas: ["public", "audit", "later"] });
    await asMigrator("listed", "CREATE TABLE later.more (id int)");
    for (const table of ["audit.log", "later.notes", "later.more"]) {
      expect(await attempt("listed_app_a", "listed", `INSERT INTO ${table} VALUES (1)`)).toBe("done");
    }
  });

  test("PUBLIC may not execute what migrations make later, whatever the schema", async () => {
    await roles.database("functions");
    await server.query(
      "functions",
      "CREATE ROLE stranger LOGIN PASSWORD 'of-a-stranger'; GRANT CONNECT ON DATABASE functions TO stranger; GRANT USAGE ON SCHEMA public TO stranger",
    );
    roles.passwords.set("stranger", "of-a-stranger");
    await asMigrator("functions", "CREATE FUNCTION later() RETURNS int LANGUAGE sql AS 'SELECT 1'");
    expect(await attempt("stranger", "functions", "SELECT later()")).toBe("42501");
    expect(await attempt("functions_app_a", "functions", "SELECT later()")).toBe("done");
  });

  test("a superuser's view shows the application nothing that it may not read itself", async () => {
    await roles.database("views");
    await server.query("views", "CREATE VIEW verifiers AS SELECT rolname, rolpassword FROM pg_authid");
    // A view that a superuser made by hand: no grant covers it, and the next run gives it to the migrator.
    expect(await attempt("views_app_a", "views", "SELECT * FROM verifiers")).toBe("42501");
    await roles.provision("views");
    expect(await attempt("views_app_a", "views", "SELECT * FROM verifiers")).toBe("42501");
  });

  test("as in a server from before 15: PUBLIC loses CREATE in public", async () => {
    await roles.database("old", "GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC");
    expect(await attempt("old_app_a", "old", "CREATE TABLE public.mine (id int)")).toBe("42501");
    // Also where the application works in another schema.
    await roles.database("aside", "GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC", { schemas: ["app"] });
    expect(await attempt("aside_app_a", "aside", "CREATE TABLE public.mine (id int)")).toBe("42501");
  });

  test("serial and identity keys, defaults that call functions, triggers that nobody may call", async () => {
    await roles.database("keys");
    await asMigrator(
      "keys",
      `CREATE FUNCTION code() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT 'code' $$;
       CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := 'stamped'; RETURN NEW; END $$;
       CREATE TABLE things (id serial PRIMARY KEY, number int GENERATED ALWAYS AS IDENTITY, code text DEFAULT code(), at text);
       CREATE TRIGGER stamping BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION stamp();
       REVOKE EXECUTE ON FUNCTION stamp() FROM keys_app;`,
    );
    const rows = await roles.as("keys_app_a", "keys", (client) =>
      client.query("INSERT INTO things DEFAULT VALUES RETURNING *"),
    );
    expect(rows.rows).toEqual([{ id: 1, number: 1, code: "code", at: "stamped" }]);
    expect(await attempt("keys_app_a", "keys", "SELECT setval('things_id_seq', 5)")).toBe("42501");
    expect(await attempt("keys_app_a", "keys", "ALTER SEQUENCE things_number_seq RESTART")).toBe("42501");
  });

  test("a partition elsewhere is reached through its parent, and not by its own name", async () => {
    await roles.database("partitions");
    await asMigrator(
      "partitions",
      `CREATE SCHEMA inner_parts; CREATE TABLE days (day int, note text) PARTITION BY RANGE (day);
       CREATE TABLE inner_parts.days_1 PARTITION OF days FOR VALUES FROM (1) TO (10)`,
    );
    expect(await attempt("partitions_app_a", "partitions", "INSERT INTO days VALUES (3, 'x')")).toBe("done");
    expect(await attempt("partitions_app_a", "partitions", "SELECT * FROM inner_parts.days_1")).toBe("42501");
  });

  test("UPDATE and DELETE with a condition, RETURNING, ON CONFLICT and FOR UPDATE have what they need", async () => {
    await roles.database("rows");
    await asMigrator(
      "rows",
      "CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items VALUES (1, 'a')",
    );
    for (const sql of [
      "UPDATE items SET name = 'b' WHERE id = 1 RETURNING name",
      "DELETE FROM items WHERE name = 'a' RETURNING id",
      "INSERT INTO items VALUES (1, 'c') ON CONFLICT (id) DO UPDATE SET name = excluded.name",
      "SELECT * FROM items FOR UPDATE SKIP LOCKED",
    ]) {
      expect([sql, await attempt("rows_app_a", "rows", sql)]).toEqual([sql, "done"]);
    }
  });

  test("a login that does not inherit by itself has the group's rights all the same", async () => {
    await server.query("postgres", "CREATE ROLE inherits_app_a NOINHERIT LOGIN");
    await roles.database("inherits", "CREATE TABLE items (id int)");
    expect(await attempt("inherits_app_a", "inherits", "SELECT * FROM items")).toBe("done");
  });

  test("a group's settings are no login's: each login has its own, the migrator its short wait for locks", async () => {
    await roles.database("shown");
    const show = (role: string) =>
      roles.as(role, "shown", async (client) => {
        const { rows } = await client.query(
          "SELECT current_setting('lock_timeout') AS l, current_setting('statement_timeout') AS s",
        );
        return rows[0] as object;
      });
    expect(await show("shown_app_a")).toEqual({ l: "5s", s: "30s" });
    expect(await show("shown_migrator")).toEqual({ l: "5s", s: "0" });
  });

  test("a thousand tables of later migrations are all usable at once, and none can be changed", async () => {
    await roles.database("thousand");
    const names = Array.from({ length: 1000 }, (_, index) => `t_${index}`);
    await asMigrator(
      "thousand",
      names
        .map(
          (name) =>
            `CREATE TABLE ${name} (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, v text);`,
        )
        .join("\n"),
    );
    await roles.as("thousand_app_a", "thousand", async (client) => {
      for (const name of names) {
        await client.query(
          `INSERT INTO ${name} (v) VALUES ('x'); UPDATE ${name} SET v = 'y'; SELECT * FROM ${name}; DELETE FROM ${name}`,
        );
        const refused = await Promise.resolve(client.query(`ALTER TABLE ${name} ADD COLUMN extra int`)).then(
          () => "done",
          (error: { code: string }) => error.code,
        );
        expect(refused).toBe("42501");
      }
      const { rows } = await client.query(
        `SELECT count(*)::int AS n FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
           AND has_table_privilege(oid, 'TRUNCATE, REFERENCES, TRIGGER')`,
      );
      expect(rows).toEqual([{ n: 0 }]);
    });
    // A second run over all of them changes nothing that an application notices.
    await roles.provision("thousand");
    expect(await attempt("thousand_app_a", "thousand", "INSERT INTO t_999 DEFAULT VALUES")).toBe("done");
  });

  test("no password reaches the server's log, neither by statements that succeed nor by those that fail", async () => {
    await roles.database("logged");
    await expect(roles.provision("logged", { extensions: ["no_such_extension"] })).rejects.toThrow();
    const log = server.log();
    expect(log).toContain("SCRAM-SHA-256$4096:");
    for (const [role, password] of roles.passwords) {
      if (role.startsWith("logged")) expect(log).not.toContain(password);
    }
  });

  test("databases of one server: provisioned at once, and closed to each other's logins", async () => {
    const names = ["first", "second", "third"];
    for (const name of names) await server.query("postgres", `CREATE DATABASE ${name}`);
    for (let round = 0; round < 5; round++) {
      for (const name of names) await roles.provision(name);
    }
    for (const own of names) {
      for (const other of [...names, "postgres", "template1"]) {
        const wanted = own === other ? "done" : "42501";
        expect([own, other, await attempt(`${own}_app_a`, other, "SELECT 1")]).toEqual([own, other, wanted]);
      }
    }
  });

  test("chunks as TimescaleDB makes them are written through their table, and not read past its row security", async () => {
    await roles.database(
      "chunks",
      `CREATE SCHEMA _timescaledb_internal; GRANT USAGE ON SCHEMA _timescaledb_internal TO PUBLIC;
       CREATE TABLE readings (tenant text, at int, value int) PARTITION BY RANGE (at);
       CREATE TABLE _timescaledb_internal._hyper_1_1_chunk PARTITION OF readings FOR VALUES FROM (0) TO (100);
       ALTER TABLE readings ENABLE ROW LEVEL SECURITY;
       CREATE POLICY own ON readings USING (tenant = current_setting('app.tenant', true));
       INSERT INTO readings VALUES ('one', 1, 1), ('two', 2, 2);`,
    );
    // The extension hands a table's grants on to its chunks.
    await server.query(
      "chunks",
      "GRANT SELECT, INSERT, UPDATE, DELETE ON _timescaledb_internal._hyper_1_1_chunk TO chunks_app",
    );
    await roles.provision("chunks");
    const seen = await roles.as("chunks_app_a", "chunks", async (client) => {
      await client.query("SET app.tenant = 'one'");
      await client.query("INSERT INTO readings VALUES ('one', 3, 3)");
      return (await client.query<object>("SELECT DISTINCT tenant FROM readings")).rows;
    });
    expect(seen).toEqual([{ tenant: "one" }]);
    expect(
      await attempt("chunks_app_a", "chunks", "SELECT * FROM _timescaledb_internal._hyper_1_1_chunk"),
    ).toBe("42501");
    expect(
      await attempt("chunks_backup", "chunks", "SELECT * FROM _timescaledb_internal._hyper_1_1_chunk"),
    ).toBe("done");
  });

  test("an extension is found by its name where the application works in other schemas than the extension's", async () => {
    await roles.database("words", "", { schemas: ["app"], extensions: ["citext"] });
    await asMigrator("words", "CREATE TABLE words (word citext); INSERT INTO words VALUES ('Some')");
    const query = "SELECT count(*)::int AS n, current_schema() AS first FROM app.words WHERE word = 'sOME'";
    for (const role of ["words_app_a", "words_ro", "words_migrator"]) {
      const { rows } = await roles.as(role, "words", (client) => client.query<object>(query));
      expect([role, rows]).toEqual([role, [{ n: 1, first: "app" }]]);
    }
    expect(await attempt("words_migrator", "words", "CREATE TABLE public.mine (id int)")).toBe("42501");
    await roles.provision("words", { schemas: ["app"], extensions: ["citext"] });
  });

  test("an extension in a version of its own: there, another one, and one that is not to be had", async () => {
    const [{ version }] = (await server.query<{ version: string }>(
      "postgres",
      "SELECT default_version AS version FROM pg_available_extensions WHERE name = 'citext'",
    )) as [{ version: string }];
    await roles.database("versions", "", { extensions: [`citext@${version}`] });
    await roles.provision("versions", { extensions: [`citext@${version}`] });
    await expect(roles.provision("versions", { extensions: ["citext@0.1"] })).rejects.toThrow(
      `extension citext is there in version ${version}, not 0.1`,
    );
    await expect(roles.provision("versions", { extensions: ["pg_trgm@9.9"] })).rejects.toThrow(
      /no version 9\.9 of the extension pg_trgm; it has: 1\.\d/,
    );
  });

  test("a connection URL with every printable character logs in, by two clients", async () => {
    const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join("");
    const verifier = scramVerifier(printable, roleSalt(roles.seed, "printable", 1));
    await server.query("postgres", `CREATE ROLE "odd ""name'%/@:" LOGIN PASSWORD '${verifier}'`);
    const url = postgresUrl({
      host: "127.0.0.1",
      port: server.port,
      user: `odd "name'%/@:`,
      password: printable,
      database: "postgres",
    });
    expect(url).toMatch(/^[A-Za-z0-9:/@%._~-]+$/);
    await server.query("postgres", `GRANT CONNECT ON DATABASE postgres TO "odd ""name'%/@:"`);
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query("SELECT current_user AS me");
    await client.end();
    expect(rows).toEqual([{ me: `odd "name'%/@:` }]);
    const psql = spawnSync("psql", ["-X", "-w", "-t", "-A", "-c", "SELECT current_user", url], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
    });
    if (psql.error === undefined) expect([psql.stdout.trim(), psql.stderr]).toEqual([`odd "name'%/@:`, ""]);
  });
});
