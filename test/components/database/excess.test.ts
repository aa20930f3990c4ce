import { DatabaseRoles } from "../../support/database-roles";
import { postgresVersions, startPostgres, type TestPostgres } from "../../support/postgres";

jest.setTimeout(60_000);

/** Roles that are there before with more rights than they may have. */
describe.each(postgresVersions)("PostgreSQL %s:", (_version, installation) => {
  let server: TestPostgres;
  let roles: DatabaseRoles;
  let count = 0;

  beforeAll(async () => {
    server = await startPostgres({}, installation);
    roles = new DatabaseRoles(server);
  });
  afterAll(() => server.remove());

  /** A database whose roles exist already; `$` in the statements is its name. */
  async function existing(sql: string): Promise<string> {
    const name = `app_${++count}`;
    await server.query("postgres", `CREATE DATABASE ${name}`);
    await server.query(name, `CREATE ROLE ${name}_app; CREATE ROLE ${name}_app_a; CREATE ROLE ${name}_ro;`);
    await server.query(name, sql.replaceAll("$", name));
    return name;
  }

  const sixteen = async () =>
    (await server.query("postgres", "SELECT WHERE current_setting('server_version_num')::int >= 160000"))
      .length > 0;

  test.each<[string, string, string]>([
    ["a superuser", "ALTER ROLE $_app_a SUPERUSER", "role $_app_a: SUPERUSER"],
    [
      "attributes",
      "ALTER ROLE $_app CREATEDB CREATEROLE BYPASSRLS REPLICATION",
      "role $_app: BYPASSRLS, CREATEDB, CREATEROLE, REPLICATION",
    ],
    [
      "a member of PostgreSQL's own roles",
      "GRANT pg_read_all_data TO $_app_a",
      "role $_app_a: member of pg_read_all_data",
    ],
    ["a member of another role", "CREATE ROLE $_x; GRANT $_x TO $_app", "role $_app: member of $_x"],
    [
      "an owner of a table",
      "CREATE TABLE mine (id int); ALTER TABLE mine OWNER TO $_app",
      "role $_app: owner of table mine",
    ],
    ["an owner of the database", "ALTER DATABASE $ OWNER TO $_app_a", "role $_app_a: owner of database $"],
    [
      "rights elsewhere",
      "CREATE SCHEMA closed; CREATE TABLE closed.notes (); GRANT USAGE ON SCHEMA closed TO $_app; GRANT SELECT ON closed.notes TO $_app",
      "role $_app: rights on schema closed, rights on table closed.notes",
    ],
    [
      "a reader that owns",
      "CREATE TABLE read (id int); ALTER TABLE read OWNER TO $_ro",
      "role $_ro: owner of table read",
    ],
  ])("%s is named and left as it is; told so, it is reduced", async (_what, sql, told) => {
    const name = await existing(sql);
    const picture = () =>
      server.query<object>(
        name,
        `SELECT (SELECT json_agg(r ORDER BY r.oid) FROM pg_authid r WHERE rolname LIKE '${name}%') AS roles,
           (SELECT json_agg(c.relacl ORDER BY c.oid) FROM pg_class c WHERE relacl IS NOT NULL) AS acls,
           (SELECT json_agg(d.datacl ORDER BY d.oid) FROM pg_database d) AS databases`,
      );
    const before = await picture();
    await expect(roles.provision(name)).rejects.toThrow(
      `roles exist with more rights than they may have: ${told.replaceAll("$", name)}`,
    );
    expect(await picture()).toEqual(before);
    await roles.provision(name, { reduceRoles: true });
    // Reduced for good: the next run finds nothing.
    await roles.provision(name);
    const [row] = await server.query<{ harmless: boolean }>(
      name,
      `SELECT bool_and(NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)) AS harmless
       FROM pg_roles WHERE rolname LIKE '${name}%' AND rolname <> '${name}_backup'`,
    );
    expect(row).toEqual({ harmless: true });
  });

  test("a membership that others have granted, one of them with the option to hand it on, is taken away for good", async () => {
    const name = await existing(
      `CREATE ROLE $_x; CREATE ROLE $_one; CREATE ROLE $_two; GRANT $_x TO $_one, $_two WITH ADMIN OPTION;
       SET ROLE $_one; GRANT $_x TO $_app_a; SET ROLE $_two; GRANT $_x TO $_app_a WITH ADMIN OPTION;
       SET ROLE $_app_a; GRANT $_x TO $_app; RESET ROLE;`,
    );
    await roles.provision(name, { reduceRoles: true });
    await roles.provision(name);
    const left = await server.query<object>(
      name,
      `SELECT member::regrole::text FROM pg_auth_members WHERE roleid = '${name}_x'::regrole AND member::regrole::text ~ '_app'`,
    );
    expect(left).toEqual([]);
  });

  test("what an administrator cannot take away is named, and not said to be done", async () => {
    const name = await existing(
      "CREATE ROLE $_admin LOGIN CREATEROLE PASSWORD 'admin-of-the-provider'; ALTER DATABASE $ OWNER TO $_admin; GRANT pg_monitor TO $_app_a",
    );
    if (!(await sixteen())) return;
    roles.passwords.set(`${name}_admin`, "admin-of-the-provider");
    await server.query(
      name,
      `GRANT ${name}_app, ${name}_app_a, ${name}_ro TO ${name}_admin WITH ADMIN OPTION`,
    );
    const statements = roles.statements(name, { reduceRoles: true, backup: undefined, monitor: undefined });
    const run = roles.as(`${name}_admin`, name, (client) => client.query(`BEGIN;\n${statements}\nCOMMIT;`));
    await expect(run).rejects.toMatchObject({
      message: `roles exist with more rights than they may have: role ${name}_app_a: member of pg_monitor`,
      hint: expect.stringContaining("whoever granted them") as string,
    });
  });

  test("a right that was granted by somebody with an option to do so is taken away with the others", async () => {
    await roles.database("handed", "CREATE TABLE items (id serial)");
    await server.query(
      "handed",
      `CREATE ROLE handing; GRANT USAGE ON SCHEMA public TO handing;
       GRANT TRUNCATE ON items TO handing WITH GRANT OPTION; GRANT UPDATE ON SEQUENCE items_id_seq TO handing WITH GRANT OPTION;
       SET ROLE handing; GRANT TRUNCATE ON items TO handed_app; GRANT UPDATE ON SEQUENCE items_id_seq TO PUBLIC; RESET ROLE`,
    );
    const harm = ["TRUNCATE items", "SELECT setval('items_id_seq', 9)"];
    for (const sql of harm)
      expect([sql, await roles.attempt("handed_app_a", "handed", sql)]).toEqual([sql, "done"]);
    await roles.provision("handed");
    for (const sql of harm)
      expect([sql, await roles.attempt("handed_app_a", "handed", sql)]).toEqual([sql, "42501"]);
    expect(await roles.attempt("handed_app_a", "handed", "INSERT INTO items DEFAULT VALUES")).toBe("done");
  });

  test("what it owned is the migrator's afterwards, with its rows", async () => {
    const name = await existing(
      "CREATE TABLE mine (id int); INSERT INTO mine VALUES (7); ALTER TABLE mine OWNER TO $_app_a",
    );
    await roles.provision(name, { reduceRoles: true });
    expect(await roles.attempt(`${name}_app_a`, name, "SELECT * FROM mine WHERE id = 7")).toBe("done");
    expect(await roles.attempt(`${name}_app_a`, name, "DROP TABLE mine")).toBe("42501");
    expect(await roles.attempt(`${name}_migrator`, name, "DROP TABLE mine")).toBe("done");
    const rows = await server.query<object>(name, "SELECT * FROM mine");
    expect(rows).toEqual([{ id: 7 }]);
  });

  test("roles of ours, run after run, have nothing too many", async () => {
    await roles.database("plain", "CREATE TABLE items (id serial); CREATE EXTENSION citext");
    for (let run = 0; run < 3; run++) await roles.provision("plain");
    expect(await roles.attempt("plain_app_a", "plain", "SELECT 'a'::citext")).toBe("done");
  });
});
