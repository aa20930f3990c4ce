import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { Client } from "pg";
import { identifier, literal, textArray } from "../../../components/database/quoting";
import type { RoleStatementsArgs } from "../../../components/database/roles";
import { roleSalt, scramVerifier } from "../../../components/database/scram";
import { DatabaseRoles } from "../../support/database-roles";
import { postgresVersions, startPostgres, type TestPostgres } from "../../support/postgres";

jest.setTimeout(120_000);

let server: TestPostgres;
let roles: DatabaseRoles;
const passwords = () => roles.passwords;
const login = (name: string) => roles.login(name);
const as: DatabaseRoles["as"] = (...args) => roles.as(...args);
const attempt: DatabaseRoles["attempt"] = (...args) => roles.attempt(...args);

const statementsFor = (database: string, changes: Partial<RoleStatementsArgs> = {}) =>
  roles.statements(database, {
    replication: {
      role: login(`${database}_repl`),
      publication: `${database}_publication`,
      tables: ["items"],
    },
    hiddenRelations: ["public.secrets"],
    connectionLimit: 5,
    ...changes,
  });

/** Runs statements in one transaction as the superuser does. */
async function provision(database: string, sql = statementsFor(database)): Promise<void> {
  await server.query(database, `BEGIN;\n${sql}\nCOMMIT;`);
}

/** An old volume: everything made by the superuser before anybody thought of roles. */
const oldVolume = `
CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL, owner text, UNIQUE (name));
CREATE TABLE identities (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stamp text);
CREATE TABLE schema_migrations (version bigint PRIMARY KEY);
INSERT INTO schema_migrations VALUES (1);
INSERT INTO items (name) VALUES ('first');
CREATE TABLE secrets (value text);
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE painted (id int, colour colour);
CREATE TABLE days (day int, note text) PARTITION BY RANGE (day);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.stamp := 'stamped'; RETURN NEW; END $$;
CREATE TRIGGER stamping BEFORE INSERT ON identities FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE VIEW verifiers AS SELECT rolname, rolpassword FROM pg_authid;
CREATE SCHEMA closed; CREATE TABLE closed.notes (note text);
CREATE EXTENSION IF NOT EXISTS plpgsql;
`;

describe.each(postgresVersions)("PostgreSQL %s:", (_version, installation) => {
  beforeAll(async () => {
    server = await startPostgres({ wal_level: "logical" }, installation);
    roles = new DatabaseRoles(server);
  });
  afterAll(() => server.remove());

  describe("on a volume that exists already", () => {
    const database = "shop";
    const app = "shop_app_a";
    const migrator = "shop_migrator";

    beforeAll(async () => {
      await server.query("postgres", "CREATE DATABASE shop");
      await server.query("postgres", "CREATE DATABASE neighbour");
      await server.query(database, oldVolume);
      await provision(database);
      await as(migrator, database, async (client) => {
        await client.query("CREATE TABLE later (id serial PRIMARY KEY, colour colour)");
        await client.query("CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (1) TO (10)");
        await client.query("CREATE FUNCTION double(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'");
      });
    });

    /** The application must fail with this SQLSTATE; the same by the migrator shows that the statement is a real one. */
    test.each<[string, string, string?]>([
      ["create a table", "CREATE TABLE public.mine (id int)"],
      ["create a table from a query", "CREATE TABLE public.mine AS SELECT 1 AS one"],
      ["create a view", "CREATE VIEW public.mine AS SELECT 1 AS one"],
      ["create a schema", "CREATE SCHEMA mine"],
      ["create a temporary table", "CREATE TEMPORARY TABLE mine (id int)"],
      ["drop a table", "DROP TABLE items"],
      ["drop a trigger", "DROP TRIGGER stamping ON identities"],
      ["add a column", "ALTER TABLE items ADD COLUMN extra int"],
      ["comment on a table", "COMMENT ON TABLE items IS 'mine'"],
      ["truncate", "TRUNCATE items"],
      ["create an index", "CREATE INDEX ON items (owner)"],
      ["create a trigger", "CREATE TRIGGER t BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION stamp()"],
      ["disable triggers", "ALTER TABLE identities DISABLE TRIGGER stamping"],
      ["create a function", "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
      [
        "replace a function",
        "CREATE OR REPLACE FUNCTION double(int) RETURNS int LANGUAGE sql AS 'SELECT $1'",
      ],
      ["move a sequence", "SELECT setval('items_id_seq', 1000)"],
      ["restart an identity", "ALTER TABLE identities ALTER COLUMN id RESTART"],
      ["write to the migration history", "INSERT INTO schema_migrations VALUES (2)"],
      ["delete from the migration history", "DELETE FROM schema_migrations"],
      ["read a hidden table", "SELECT * FROM secrets"],
      ["create a trusted extension", "CREATE EXTENSION hstore"],
    ])("the application cannot %s", async (_what, sql) => {
      expect(await attempt(app, database, sql)).toBe("42501");
      expect(await attempt(migrator, database, sql)).toBe("done");
    });

    /** What neither may do; a superuser may, or there is nothing it could be compared with. */
    test.each<[string, string, string?]>([
      ["become the migrator", `SET ROLE ${migrator}`],
      ["become the migrator by session", `SET SESSION AUTHORIZATION ${migrator}`],
      ["make itself a superuser", `ALTER ROLE ${app} SUPERUSER`],
      ["let itself create roles", `ALTER ROLE ${app} CREATEROLE`],
      ["raise its connection limit", `ALTER ROLE ${app} CONNECTION LIMIT 500`],
      ["set the migrator's password", `ALTER ROLE ${migrator} PASSWORD 'x'`],
      ["make the group log in", "ALTER ROLE shop_app LOGIN"],
      ["create a role", "CREATE ROLE mine"],
      ["grant itself the migrator", `GRANT ${migrator} TO ${app}`],
      ["grant itself reading everything", `GRANT pg_read_all_data TO ${app}`],
      ["read verifiers", "SELECT rolpassword FROM pg_authid"],
      ["read verifiers through an old view", "SELECT * FROM verifiers"],
      ["read verifiers through pg_shadow", "SELECT * FROM pg_shadow"],
      ["copy to a program", "COPY items TO PROGRAM 'cat'"],
      ["copy from a file", "COPY items FROM '/etc/passwd'"],
      ["read a file", "SELECT pg_read_file('/etc/passwd')"],
      ["list a folder", "SELECT pg_ls_dir('/')"],
      ["import a large object", "SELECT lo_import('/etc/passwd')"],
      ["make a large object", "SELECT lo_create(0)"],
      ["write a large object", "SELECT lo_from_bytea(0, 'x')"],
      ["turn triggers off", "SET session_replication_role = replica"],
      ["reload the configuration", "SELECT pg_reload_conf()"],
      ["make a slot", "SELECT pg_create_logical_replication_slot('mine', 'pgoutput')"],
      ["make a publication", "CREATE PUBLICATION mine FOR TABLE items"],
      [
        "make a subscription",
        "CREATE SUBSCRIPTION mine CONNECTION 'host=x' PUBLICATION y WITH (connect = false)",
      ],

      ["create an untrusted extension", "CREATE EXTENSION dblink"],
      ["read a schema it was not given", "SELECT * FROM closed.notes"],
      ["emit a message into the WAL", "SELECT pg_logical_emit_message(false, 'x', 'y')"],
    ])("the application cannot %s", async (_what, sql, states = "42501") => {
      expect(await attempt(app, database, sql)).toMatch(new RegExp(`^(${states})$`));
    });

    test.each([
      "DROP DATABASE neighbour",
      "CREATE DATABASE mine",
      "ALTER SYSTEM SET work_mem = '1GB'",
      "CHECKPOINT",
    ])("the application cannot do %s, which no transaction may hold", async (sql) => {
      const state = await as(app, database, (client) =>
        client.query(sql).then(
          () => "done",
          (error: unknown) => (error as { code?: string }).code,
        ),
      );
      expect(state).toBe("42501");
    });

    test.each(["postgres", "template1", "neighbour"])(
      "the application cannot connect to %s",
      async (other) => {
        expect(await attempt(app, other, "SELECT 1")).toBe("42501");
        expect(await attempt(app, database, "SELECT 1")).toBe("done");
      },
    );

    test("what the application grants to PUBLIC has no effect", async () => {
      await as(app, database, (client) => client.query("GRANT SELECT ON items TO PUBLIC"));
      const [row] = await server.query<{ acl: string }>(
        database,
        "SELECT relacl::text AS acl FROM pg_class WHERE relname = 'items'",
      );
      expect(row?.acl).toContain("shop_app=arwd/shop_migrator");
      expect(row?.acl).not.toMatch(/[{,]=/);
    });

    test.each<[string, string]>([
      ["insert with a serial key", "INSERT INTO items (name) VALUES ('x') RETURNING id"],
      ["insert with an identity and a trigger", "INSERT INTO identities DEFAULT VALUES RETURNING id, stamp"],
      ["read the migration history", "SELECT version FROM schema_migrations"],
      ["join and aggregate", "SELECT count(*) FROM items i JOIN identities d ON d.id = i.id"],
      ["update", "UPDATE items SET name = 'y' WHERE name = 'first' RETURNING id"],
      ["upsert", "INSERT INTO items (name) VALUES ('first') ON CONFLICT (name) DO UPDATE SET owner = 'me'"],
      ["delete", "DELETE FROM items WHERE name = 'first' RETURNING id"],
      ["lock rows", "SELECT id FROM items FOR UPDATE SKIP LOCKED"],
      ["take an advisory lock", "SELECT pg_advisory_xact_lock(1)"],
      ["use a table of a later migration", "INSERT INTO later (colour) VALUES ('red') RETURNING id"],
      ["insert through a parent into a later partition", "INSERT INTO days VALUES (3, 'x')"],
      ["call a function of a later migration", "SELECT double(2)"],
    ])("the application can %s", async (_what, sql) => {
      expect(await attempt(app, database, sql)).toBe("done");
    });

    test("a wrong password and a login without password are refused", async () => {
      const client = new Client({ connectionString: server.url(database, app, "wrong") });
      await expect(client.connect()).rejects.toMatchObject({ code: "28P01" });
      passwords().set("shop_app_b", "anything");
      expect(await attempt("shop_app_b", database, "SELECT 1")).toMatch(/^28/);
    });

    test("settings are on the logins", async () => {
      const shown = await as(app, database, async (client) => {
        const { rows } = await client.query<Record<string, string>>(
          "SELECT current_setting('statement_timeout') AS s, current_setting('lock_timeout') AS l, current_setting('search_path') AS p",
        );
        return rows[0];
      });
      expect(shown).toEqual({ s: "30s", l: "5s", p: "public" });
    });

    test("the reader reads and cannot write", async () => {
      expect(await attempt("shop_ro", database, "SELECT * FROM items")).toBe("done");
      expect(await attempt("shop_ro", database, "DELETE FROM items")).toMatch(/^(42501|25006)$/);
      expect(await attempt("shop_backup", database, "SELECT * FROM secrets")).toBe("done");
      expect(await attempt("shop_monitor", database, "SELECT query FROM pg_stat_activity")).toBe("done");
      expect(await attempt("shop_monitor", database, "SELECT * FROM public.items")).toBe("42501");
    });

    test("the dumping role reads every row, as pg_dump does: past row security, or not at all", async () => {
      await roles.database(
        "tenants",
        `CREATE TABLE kept (n int); INSERT INTO kept VALUES (1); ALTER TABLE kept ENABLE ROW LEVEL SECURITY;
         ALTER TABLE kept FORCE ROW LEVEL SECURITY; CREATE POLICY none ON kept USING (false)`,
      );
      const dump = "SET row_security = off; SELECT 1 / count(*) FROM kept";
      expect(await attempt("tenants_backup", "tenants", dump)).toBe("done");
      expect(await attempt("tenants_ro", "tenants", dump)).toBe("42501");
      expect(await attempt("tenants_backup", "tenants", "DELETE FROM kept")).toBe("42501");
      await roles.provision("tenants");
    });

    test("the consumer of the replication has its publication and full row identity", async () => {
      const rows = await server.query<object>(
        database,
        "SELECT p.pubname, t.tablename, c.relreplident FROM pg_publication p JOIN pg_publication_tables t USING (pubname) JOIN pg_class c ON c.relname = t.tablename",
      );
      expect(rows).toEqual([{ pubname: "shop_publication", tablename: "items", relreplident: "f" }]);
      const [role] = await server.query<object>(
        database,
        "SELECT rolreplication, rolsuper FROM pg_roles WHERE rolname = 'shop_repl'",
      );
      expect(role).toEqual({ rolreplication: true, rolsuper: false });
    });

    describe("the publication", () => {
      const published = async (of: string) => {
        const rows = await server.query<{ named: string }>(
          of,
          "SELECT pubname || ' ' || tablename AS named FROM pg_publication_tables ORDER BY 1",
        );
        return rows.map(({ named }) => named);
      };
      const publish = (of: string, tables?: readonly string[], publication = "all_of_it") =>
        roles.provision(of, { replication: { role: login(`${of}_repl`), publication, tables } });

      test("of all tables leaves none without an identity, so that each can be written", async () => {
        await roles.database(
          "published",
          `CREATE TABLE keyed (n int PRIMARY KEY); CREATE TABLE nokey (n int); INSERT INTO nokey VALUES (1);
           CREATE TABLE chosen (n int NOT NULL); CREATE UNIQUE INDEX chosen_id ON chosen (n);
           ALTER TABLE chosen REPLICA IDENTITY USING INDEX chosen_id;
           CREATE TABLE lost (n int NOT NULL); CREATE UNIQUE INDEX lost_id ON lost (n);
           ALTER TABLE lost REPLICA IDENTITY USING INDEX lost_id; DROP INDEX lost_id;
           CREATE TABLE deferred (n int PRIMARY KEY DEFERRABLE); CREATE TABLE days (n int) PARTITION BY RANGE (n);
           CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (1) TO (10);`,
        );
        await publish("published");
        await as("published_migrator", "published", (client) => client.query("CREATE TABLE later (n int)"));
        await publish("published");
        for (const table of ["keyed", "nokey", "chosen", "lost", "deferred", "days", "later"]) {
          for (const sql of [`UPDATE ${table} SET n = 2`, `DELETE FROM ${table}`]) {
            expect([sql, await attempt("published_app_a", "published", sql)]).toEqual([sql, "done"]);
          }
        }
        const kept = await server.query<object>(
          "published",
          "SELECT relname, relreplident FROM pg_class WHERE relname IN ('keyed', 'chosen') ORDER BY 1",
        );
        expect(kept).toEqual([
          { relname: "chosen", relreplident: "i" },
          { relname: "keyed", relreplident: "d" },
        ]);
      });

      test("becomes what is asked for: all, some, others, all, another name, none", async () => {
        await roles.database("changing", "CREATE TABLE a (n int); CREATE TABLE b (n int);");
        const seen: string[][] = [];
        for (const tables of [undefined, ["public.a"], ["b"], ["public.not_there_yet"], undefined]) {
          await publish("changing", tables);
          seen.push(await published("changing"));
        }
        const all = ["all_of_it a", "all_of_it b"];
        expect(seen).toEqual([all, ["all_of_it a"], ["all_of_it b"], [], all]);
        await server.query("changing", "CREATE PUBLICATION by_hand FOR TABLE a");
        await publish("changing", ["a"], "renamed");
        expect(await published("changing")).toEqual(["by_hand a", "renamed a"]);
        await roles.provision("changing");
        expect(await published("changing")).toEqual(["by_hand a"]);
      });
    });

    test("a second run changes nothing", async () => {
      const picture = `SELECT string_agg(line, E'\\n' ORDER BY line) AS picture FROM (
      SELECT 'role ' || r::text AS line FROM (SELECT rolname, rolsuper, rolcanlogin, rolpassword, rolconnlimit FROM pg_authid) r
      UNION ALL SELECT 'acl ' || relname || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(relacl) a), '') || relowner::regrole FROM pg_class WHERE relnamespace = 'public'::regnamespace
      UNION ALL SELECT 'default ' || defaclrole::regrole || defaclobjtype::text || (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(defaclacl) a) FROM pg_default_acl
      UNION ALL SELECT 'database ' || datname || (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(datacl) a) FROM pg_database
      UNION ALL SELECT 'member ' || roleid::regrole || member::regrole FROM pg_auth_members
      UNION ALL SELECT 'setting ' || s::text FROM pg_db_role_setting s) lines`;
      const before = await server.query<{ picture: string }>(database, picture);
      await provision(database);
      const after = await server.query<{ picture: string }>(database, picture);
      expect(after).toEqual(before);
      expect(before[0]?.picture.split("\n").length).toBeGreaterThan(20);
    });

    test("grants that were made by hand are put right", async () => {
      await server.query(
        database,
        `
      GRANT CREATE ON SCHEMA public TO PUBLIC; GRANT ALL ON schema_migrations TO shop_app;
      GRANT TEMPORARY ON DATABASE shop TO PUBLIC; CREATE TABLE by_hand (id int);
      GRANT TRUNCATE ON items TO shop_app; GRANT TRIGGER ON items TO ${app};
      GRANT UPDATE ON SEQUENCE items_id_seq TO shop_app; GRANT EXECUTE ON FUNCTION stamp() TO PUBLIC;
      CREATE FUNCTION by_hand() RETURNS int LANGUAGE sql AS 'SELECT 1';`,
      );
      expect(await attempt(app, database, "TRUNCATE items")).toBe("done");
      expect(await attempt(app, database, "SELECT setval('items_id_seq', 1000)")).toBe("done");
      await provision(database);
      for (const sql of [
        "TRUNCATE items",
        "CREATE TRIGGER t BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION stamp()",
        "CREATE TEMPORARY TABLE t (id int)",
        "INSERT INTO schema_migrations VALUES (9)",
        "SELECT setval('items_id_seq', 1000)",
      ]) {
        expect([sql, await attempt(app, database, sql)]).toEqual([sql, "42501"]);
      }
      expect(await attempt(app, database, "SELECT * FROM by_hand")).toBe("done");
      expect(await attempt(migrator, database, "DROP TABLE by_hand")).toBe("done");
      expect(await attempt("shop_monitor", database, "SELECT public.by_hand()")).toBe("42501");
    });

    test("ten runs at once do not disturb each other", async () => {
      await Promise.all(Array.from({ length: 10 }, () => provision(database)));
      expect(await attempt(app, database, "SELECT * FROM items")).toBe("done");
    });

    test("a failure in the middle leaves nothing", async () => {
      await server.query("postgres", "CREATE DATABASE broken");
      const sql = statementsFor("broken", { extensions: ["no_such_extension"] });
      await expect(provision("broken", sql)).rejects.toThrow(/no_such_extension/);
      const rows = await server.query<object>(
        "broken",
        "SELECT 1 FROM pg_roles WHERE rolname LIKE 'broken%'",
      );
      expect(rows).toEqual([]);
    });

    test("no password is in the statements", () => {
      const sql = statementsFor(database);
      for (const password of passwords().values()) expect(sql).not.toContain(password);
    });
  });

  describe("a role that is taken out", () => {
    const off = { readOnly: undefined, backup: undefined, monitor: undefined };

    test("can log in no more; roles of other databases, by hand or with a comment of their own can", async () => {
      await roles.database("lefty", "CREATE TABLE items (id int)");
      await roles.database("righty", "CREATE TABLE items (id int)");
      await server.query("lefty", "CREATE ROLE by_hand LOGIN");
      await server.query("lefty", "COMMENT ON ROLE lefty_monitor IS 'the watcher of us all'");
      await roles.provision("lefty", off);
      for (const role of ["lefty_ro", "lefty_backup"]) {
        expect([role, await attempt(role, "lefty", "SELECT 1")]).toEqual([role, "28P01"]);
      }
      const rest = await server.query<{ rolname: string }>(
        "lefty",
        "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname ~ '^(lefty|righty|by_hand)' ORDER BY 1",
      );
      expect(rest.map(({ rolname }) => rolname)).toEqual(
        "by_hand lefty_app_a lefty_migrator lefty_monitor righty_app_a righty_backup righty_migrator righty_monitor righty_ro".split(
          " ",
        ),
      );
      // Named again, it is there again.
      await roles.provision("lefty");
      expect(await attempt("lefty_ro", "lefty", "SELECT * FROM items")).toBe("done");
    });

    test("of the application works until the overlap is ended", async () => {
      await roles.database("named", "CREATE TABLE items (id int)");
      const renamed = { appGroup: "own_app", appLogins: [login("own_app_a"), { name: "own_app_b" }] };
      const insert = (role: string) => attempt(role, "named", "INSERT INTO items VALUES (1)");
      await roles.provision("named", renamed);
      expect([await insert("named_app_a"), await insert("own_app_a")]).toEqual(["done", "done"]);
      await roles.provision("named", { ...renamed, passwordOverlap: false });
      expect([await insert("named_app_a"), await insert("own_app_a")]).toEqual(["28P01", "done"]);
    });

    test("of the further migrators makes nothing more, and one that never was one keeps what it has", async () => {
      await server.query("postgres", "CREATE ROLE colleague LOGIN; CREATE ROLE stranger LOGIN");
      for (const role of ["colleague", "stranger"]) {
        await server.query("postgres", `ALTER ROLE ${role} PASSWORD '${login(role).verifier}'`);
      }
      await roles.database("helped", "", { furtherMigrators: ["colleague"] });
      await server.query(
        "helped",
        `GRANT CONNECT ON DATABASE helped TO stranger; GRANT USAGE, CREATE ON SCHEMA public TO stranger;
         ALTER DEFAULT PRIVILEGES FOR ROLE stranger IN SCHEMA public GRANT SELECT ON TABLES TO helped_app`,
      );
      const make = (role: string) => attempt(role, "helped", "CREATE TABLE public.made (id int)");
      expect([await make("colleague"), await make("stranger")]).toEqual(["done", "done"]);
      await roles.provision("helped");
      expect([await make("colleague"), await make("stranger")]).toEqual(["42501", "done"]);
    });
  });

  describe("by an administrator who is no superuser, as at a provider", () => {
    test("roles and grants are made, and the application works", async () => {
      await server.query(
        "postgres",
        "CREATE ROLE provider_admin LOGIN CREATEROLE CREATEDB PASSWORD 'admin-of-the-provider'",
      );
      passwords().set("provider_admin", "admin-of-the-provider");
      await server.query("postgres", "CREATE DATABASE hosted OWNER provider_admin");
      await server.query("postgres", "GRANT CONNECT ON DATABASE hosted TO provider_admin");
      const sql = statementsFor("hosted", {
        backup: undefined,
        monitor: undefined,
        replication: undefined,
        isolateDatabases: false,
      });
      for (let run = 1; run <= 2; run++) {
        await as("provider_admin", "hosted", (client) => client.query(`BEGIN;\n${sql}\nCOMMIT;`));
      }
      await as("hosted_migrator", "hosted", (client) =>
        client.query("CREATE TABLE things (id serial PRIMARY KEY)"),
      );
      expect(await attempt("hosted_app_a", "hosted", "INSERT INTO things DEFAULT VALUES")).toBe("done");
      expect(await attempt("hosted_app_a", "hosted", "DROP TABLE things")).toBe("42501");
      expect(await attempt("hosted_app_a", "hosted", "CREATE TABLE mine (id int)")).toBe("42501");
    });
  });

  describe("quoting", () => {
    const hostile = fc.string({
      unit: fc.constantFrom("'", '"', "\\", "$", "%", "I", "s", "é", "\n", ";", "-", " ", "a"),
      minLength: 1,
      maxLength: 20,
    });

    test("any text comes back from the server as it was", async () => {
      await as("postgres", "postgres", async (client) => {
        for (const mode of ["on", "off"]) {
          await client.query(`SET standard_conforming_strings = ${mode}`);
          await fc.assert(
            fc.asyncProperty(fc.array(hostile, { maxLength: 4 }), hostile, async (list, text) => {
              const { rows } = await client.query<{ text: string; list: string[] }>(
                `SELECT ${literal(text)} AS text, ${textArray(list)} AS list, 1 AS ${identifier(text)}`,
              );
              expect(rows[0]).toMatchObject({ text, list });
            }),
            { numRuns: 60 },
          );
        }
      });
    });

    test("any names of roles, schemas and tables are taken as names", async () => {
      await server.query("postgres", "CREATE DATABASE quoting");
      let n = 0;
      await fc.assert(
        fc.asyncProperty(hostile, async (text) => {
          const name = `${text}${++n}`;
          await provision(
            "quoting",
            statementsFor("quoting", {
              schemas: [name],
              migrator: login(`m${name}`),
              appGroup: `g${name}`,
              appLogins: [login(`a${name}`)],
              readOnly: login(`r${name}`),
              replication: { role: login(`x${name}`), publication: `p${name}`, tables: [name] },
              readOnlyTables: [name],
              hiddenRelations: [`${name}.x`],
            }),
          );
          const rows = await server.query<object>(
            "quoting",
            "SELECT 1 FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE nspname = $1 AND rolname = $2",
            [name, `m${name}`],
          );
          expect(rows).toHaveLength(1);
        }),
        { numRuns: 15 },
      );
    });

    test("NUL and empty names are refused", () => {
      expect(() => identifier("")).toThrow("cannot be empty");
      expect(() => literal("a\0b")).toThrow("NUL");
    });
  });
});

const seed = randomBytes(32).toString("base64");

describe("verifiers", () => {
  test("the same password and salt give the same verifier, in PostgreSQL's form", () => {
    const salt = roleSalt(seed, "app", 1);
    const verifier = scramVerifier("a-password", salt);
    expect(verifier).toBe(scramVerifier("a-password", salt));
    expect(verifier).toMatch(
      /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/=]{24}\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$/,
    );
    expect(scramVerifier("a-password", roleSalt(seed, "app", 2))).not.toBe(verifier);
  });

  test("a password outside ASCII is refused", () => {
    expect(() => scramVerifier("pässword", roleSalt(seed, "app", 1))).toThrow("printable ASCII");
  });
});
