import { identifier } from "../../../components/database/quoting";
import { connected } from "./connect";
import { never, nothing, type Row } from "./rows";

const named = identifier;

/** Rows about who one is, and about others. */
export const roleRows: readonly Row[] = [
  {
    table: "attack",
    number: 11,
    title: "become another role",
    attempts: ({ facts: { migrator, superusers } }) =>
      [migrator, ...superusers.slice(0, 3)].flatMap((role) => [
        never(`SET ROLE ${named(role)}`),
        never(`SET SESSION AUTHORIZATION ${named(role)}`),
      ]),
  },
  {
    table: "attack",
    number: 12,
    title: "give itself attributes, connections, a later end",
    attempts: ({ facts: { app } }) =>
      [
        ...["SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"],
        ...["CONNECTION LIMIT 100000", "VALID UNTIL 'infinity'"],
      ].map((attribute) => never(`ALTER ROLE ${named(app)} ${attribute}`)),
  },
  {
    table: "attack",
    number: 13,
    title: "set the migrator's password, let the group log in, create a role",
    attempts: ({ facts: { group, migrator }, fixture: { unused } }) => [
      never(`ALTER ROLE ${named(migrator)} PASSWORD NULL`),
      never(`ALTER ROLE ${named(group)} LOGIN`),
      never(`CREATE ROLE ${unused}`),
    ],
  },
  {
    table: "attack",
    number: 14,
    title: "grant its rights to PUBLIC",
    attempts: ({ fixture: { items } }) => [
      {
        what: `GRANT SELECT ON ${items} TO PUBLIC`,
        wanted: "a warning, and the same grants as before",
        check: async (client, { connect }) => {
          const acl = async (by = client) => {
            const { rows } = await by.query<{ acl: string | null }>(
              "SELECT relacl::text AS acl FROM pg_class WHERE oid = $1::regclass",
              [items],
            );
            return rows[0]?.acl;
          };
          const before = await acl();
          await client.query(`GRANT SELECT ON ${items} TO PUBLIC`);
          if ((await acl()) !== before) return "PUBLIC may read the table now";
          await client.query("ROLLBACK");
          return connected(connect, "migrator", async (migrator) => {
            await migrator.query(`BEGIN; GRANT SELECT ON ${items} TO PUBLIC`);
            const changed = (await acl(migrator)) !== before;
            await migrator.query("ROLLBACK");
            return changed
              ? undefined
              : "the migrator's grant changes nothing either: the row proves nothing";
          });
        },
      },
    ],
  },
  {
    table: "attack",
    number: 15,
    title: "make itself a member of the migrator, of PostgreSQL's own roles",
    attempts: ({ facts: { app, migrator } }) =>
      [migrator, "pg_read_all_data", "pg_write_all_data", "pg_execute_server_program"].map((role) =>
        never(`GRANT ${named(role)} TO ${named(app)}`),
      ),
  },
  {
    table: "attack",
    number: 16,
    title: "read password verifiers, also through a view",
    attempts: ({ facts: { verifierViews } }) => [
      never("SELECT rolpassword FROM pg_authid LIMIT 1"),
      never("SELECT passwd FROM pg_shadow LIMIT 1"),
      ...verifierViews.map((view) => never(`SELECT * FROM ${view} LIMIT 1`)),
    ],
  },
  {
    table: "attack",
    number: 26,
    title: "log in for replication",
    attempts: () => [
      {
        what: "START_REPLICATION by a connection of its own",
        wanted: "refused at login",
        check: async (_client, { connect }) => {
          try {
            await connected(connect, "app", (client) => client.query("IDENTIFY_SYSTEM"), {
              replication: true,
            });
            return "the application can read the write-ahead log";
          } catch (error) {
            const { code } = error as { code?: string };
            return code === "42501" || code === "28000" ? undefined : `not refused, but: ${String(error)}`;
          }
        },
      },
    ],
  },
  {
    table: "attack",
    number: 27,
    title: "have more than it was given",
    attempts: ({ facts: { app, group, schemas } }) => {
      const list = schemas.map((schema) => `'${schema.replaceAll("'", "''")}'`).join(", ");
      const us = `(SELECT oid FROM pg_roles WHERE rolname IN ('${app.replaceAll("'", "''")}', '${group.replaceAll("'", "''")}'))`;
      return [
        nothing(
          "attributes",
          `SELECT rolname || ' ' || a.what AS found FROM pg_roles r, LATERAL (VALUES ('SUPERUSER', rolsuper),
             ('CREATEDB', rolcreatedb), ('CREATEROLE', rolcreaterole), ('REPLICATION', rolreplication),
             ('BYPASSRLS', rolbypassrls)) a (what, has) WHERE a.has AND r.oid IN ${us}`,
        ),
        nothing(
          "memberships beside the group's",
          `SELECT rolname AS found FROM pg_roles WHERE pg_has_role(oid, 'MEMBER') AND oid NOT IN ${us}
             AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`,
        ),
        nothing(
          "objects of its own",
          `SELECT CASE WHEN dbid = 0 OR dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
               THEN pg_describe_object(classid, objid, objsubid) ELSE 'something in another database' END AS found
             FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid IN ${us} AND deptype = 'o'`,
        ),
        nothing(
          "CREATE on a schema",
          `SELECT nspname AS found FROM pg_namespace WHERE has_schema_privilege(oid, 'CREATE') AND nspname !~ '^pg_(toast_)?temp_'`,
        ),
        nothing(
          "TRUNCATE, REFERENCES, TRIGGER or MAINTAIN on a table",
          `SELECT c.oid::regclass::text AS found FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^(pg_|information_schema$)' AND (
               has_table_privilege(c.oid, 'TRUNCATE, REFERENCES, TRIGGER')
               OR current_setting('server_version_num')::int >= 170000
                 AND has_table_privilege(c.oid, CASE WHEN current_setting('server_version_num')::int >= 170000 THEN 'MAINTAIN' ELSE 'TRUNCATE' END))`,
        ),
        nothing(
          "UPDATE on a sequence",
          `SELECT c.oid::regclass::text AS found FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = ANY (ARRAY[${list}]::name[])
               AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'UPDATE') ELSE false END`,
        ),
        nothing(
          "tables outside of its schemas",
          `SELECT c.oid::regclass::text AS found FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^(pg_|information_schema$)'
               AND n.nspname <> ALL (ARRAY[${list}]::name[])
               AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`,
        ),
      ];
    },
  },
  {
    table: "attack",
    number: 28,
    title: "act as somebody else through a function",
    attempts: () => [
      nothing(
        "SECURITY DEFINER functions of a superuser, or with an open search_path",
        `SELECT p.oid::regprocedure::text || CASE WHEN r.rolsuper THEN ' (a superuser''s)' ELSE ' (search_path not set)' END AS found
           FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner JOIN pg_namespace n ON n.oid = p.pronamespace
           WHERE p.prosecdef AND n.nspname !~ '^(pg_|information_schema$)' AND has_schema_privilege(n.oid, 'USAGE')
             AND has_function_privilege(p.oid, 'EXECUTE')
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
             AND (r.rolsuper OR NOT EXISTS (SELECT FROM unnest(p.proconfig) setting WHERE setting LIKE 'search_path=%'))`,
      ),
    ],
  },
  {
    table: "attack",
    number: 29,
    title: "change what the server itself is made of",
    attempts: ({ facts: { group, migrator }, fixture: { triggerFunction, unused } }) => [
      never(`ALTER DEFAULT PRIVILEGES FOR ROLE ${named(migrator)} GRANT ALL ON TABLES TO ${named(group)}`),
      never(`CREATE EVENT TRIGGER ${unused} ON ddl_command_start EXECUTE FUNCTION ${triggerFunction}()`),
      never(`CREATE FOREIGN DATA WRAPPER ${unused}`),
      never(`CREATE ACCESS METHOD ${unused} TYPE TABLE HANDLER heap_tableam_handler`),
      never("LOAD '$libdir/plpgsql'"),
    ],
  },
];
