import { connected, stateOf } from "./connect";
import { nothing, type Attempt, type CheckedAttempt, type Row } from "./rows";

/** A statement that must give this many rows. */
function giving(sql: string, count: number): CheckedAttempt {
  return {
    what: sql,
    wanted: count === 1 ? "1 row" : `${count} rows`,
    check: async (client) => {
      const { rowCount } = await client.query(sql);
      return rowCount === count ? undefined : `${rowCount ?? 0} rows`;
    },
  };
}

const row = (number: number, title: string, attempts: Row["attempts"]): Row => ({
  table: "work",
  number,
  title,
  attempts,
});

/** What must succeed, or the refusals above say nothing: they could be those of a role that can do nothing at all. */
export const workRows: readonly Row[] = [
  row(1, "log in with the password, and with no other", ({ facts: { app } }): Attempt[] => [
    giving("SELECT current_user", 1),
    {
      what: `log in as ${app} with a wrong password`,
      wanted: "28P01",
      check: async (_client, { connect }) => {
        try {
          await connected(connect, "app", (client) => client.query("SELECT 1"), {
            password: "not-the-password",
          });
          return "logged in: the server asks for no password here";
        } catch (error) {
          const state = stateOf(error);
          return state === "28P01" ? undefined : state;
        }
      },
    },
  ]),
  row(2, "insert with a serial key", ({ fixture: { items } }) => [
    giving(`INSERT INTO ${items} (name) VALUES ('second') RETURNING id`, 1),
  ]),
  row(3, "insert with an identity key and a trigger", ({ fixture: { identities } }) => [
    {
      what: `INSERT INTO ${identities} DEFAULT VALUES RETURNING stamp`,
      wanted: "stamped",
      check: async (client) => {
        const { rows } = await client.query<{ stamp: string }>(
          `INSERT INTO ${identities} DEFAULT VALUES RETURNING stamp`,
        );
        return rows[0]?.stamp === "stamped" ? undefined : "the trigger did not run";
      },
    },
  ]),
  row(
    4,
    "join and aggregate; read the migration history",
    ({ facts: { readOnlyTables }, fixture: { items, painted } }) => [
      giving(`SELECT count(*) FROM ${items} i LEFT JOIN ${painted} p ON p.id = i.id`, 1),
      ...readOnlyTables.map(({ named }) => giving(`SELECT count(*) FROM ${named}`, 1)),
    ],
  ),
  row(5, "update", ({ fixture: { items } }) => [
    giving(`UPDATE ${items} SET owner = 'me' WHERE name = 'first' RETURNING id`, 1),
  ]),
  row(6, "insert or update", ({ fixture: { items } }) => [
    giving(
      `INSERT INTO ${items} (name) VALUES ('first') ON CONFLICT (name) DO UPDATE SET owner = 'me' RETURNING id`,
      1,
    ),
  ]),
  row(7, "delete", ({ fixture: { items } }) => [
    giving(`DELETE FROM ${items} WHERE name = 'first' RETURNING id`, 1),
  ]),
  row(8, "lock rows, work serializable, take an advisory lock", ({ fixture: { items } }) => [
    giving(`SELECT * FROM ${items} FOR UPDATE SKIP LOCKED`, 1),
    {
      what: `SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT * FROM ${items}`,
      wanted: "1 row",
      check: async (client) => {
        await client.query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
        const { rowCount } = await client.query(`SELECT * FROM ${items}`);
        return rowCount === 1 ? undefined : `${rowCount ?? 0} rows`;
      },
    },
    giving("SELECT pg_advisory_xact_lock(4711)", 1),
  ]),
  row(9, "use what a migration made after provisioning", ({ fixture: { answer, painted } }) => [
    giving(`INSERT INTO ${painted} (colour) VALUES ('green') RETURNING id`, 1),
    giving(`SELECT ${answer}()`, 1),
  ]),
  row(
    10,
    "insert through a parent into a later partition; see its tenant's rows",
    ({ fixture: { days } }) => [
      {
        what: `INSERT INTO ${days} VALUES (3, 'one')`,
        wanted: "1 row for its tenant, none for another",
        check: async (client) => {
          await client.query("SET LOCAL groundwork.tenant = 'one'");
          await client.query(`INSERT INTO ${days} VALUES (3, 'one')`);
          const seen = async () => (await client.query(`SELECT FROM ${days}`)).rowCount;
          if ((await seen()) !== 1) return "its row is not shown";
          await client.query("SET LOCAL groundwork.tenant = 'two'");
          return (await seen()) === 0 ? undefined : "another tenant's row is shown";
        },
      },
    ],
  ),
  row(11, "use every table of its schemas", ({ facts: { hiddenRelations, readOnlyTables, schemas } }) => {
    const text = (value: string) => `'${value.replaceAll("'", "''")}'`;
    const list = schemas.map(text).join(", ");
    const readOnly = readOnlyTables.map(({ named }) => `to_regclass(${text(named)})`).join(", ");
    const hidden = hiddenRelations.map((named) => `to_regclass(${text(named)})`).join(", ");
    const own = `n.nspname = ANY (ARRAY[${list}]::name[])
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
      AND c.oid <> ALL (ARRAY[${hidden}]::regclass[])`;
    const lacks = (right: string) => `NOT has_table_privilege(c.oid, '${right}')`;
    return [
      nothing(
        "tables that it cannot use",
        `SELECT c.oid::regclass::text AS found FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p') AND ${own} AND (${lacks("SELECT")}
             OR c.oid <> ALL (ARRAY[${readOnly}]::regclass[]) AND (${["INSERT", "UPDATE", "DELETE"].map(lacks).join(" OR ")}))`,
      ),
      nothing(
        "sequences that it cannot use",
        `SELECT c.oid::regclass::text AS found FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE ${own} AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'USAGE') ELSE false END
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')`,
      ),
    ];
  }),
];
