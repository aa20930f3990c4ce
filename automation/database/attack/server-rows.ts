import { identifier } from "../../../components/database/quoting";
import { connected, stateOf } from "./connect";
import { type CheckedAttempt, closed, never, type Row, type SqlAttempt } from "./rows";

/** What succeeds where only a superuser could have closed it. */
const superuserCloses = (sql: string): SqlAttempt => ({ sql, superuserCloses: true });

function connecting(database: string): CheckedAttempt {
  return {
    what: `connect to ${database}`,
    wanted: "42501",
    check: async (_client, { connect }) => {
      try {
        await connected(connect, "app", (client) => client.query("SELECT 1"), { database });
        return "connected";
      } catch (error) {
        const state = stateOf(error);
        return state === "42501" ? undefined : state;
      }
    },
  };
}

/** Rows about the server: its files, its settings, its other databases, its other sessions. */
export const serverRows: readonly Row[] = [
  {
    table: "attack",
    number: 17,
    title: "run a program",
    attempts: ({ fixture: { items } }) => [
      never(`COPY ${items} TO PROGRAM 'true'`),
      never(`COPY ${items} FROM PROGRAM 'true'`),
    ],
  },
  {
    table: "attack",
    number: 18,
    title: "read and write the server's files",
    attempts: ({ fixture: { items } }) => [
      never(`COPY ${items} TO '/dev/null'`),
      never(`COPY ${items} FROM '/dev/null'`),
      never("SELECT pg_read_file('PG_VERSION')"),
      never("SELECT pg_read_binary_file('PG_VERSION')"),
      never("SELECT pg_stat_file('PG_VERSION')"),
      never("SELECT pg_ls_dir('.')"),
      never("SELECT lo_import('/dev/null')"),
      never("SELECT lo_export(0, '/dev/null')"),
    ],
  },
  {
    table: "attack",
    number: 19,
    title: "change the server's settings, reload, rotate, switch, checkpoint",
    attempts: () => [
      {
        sql: "ALTER SYSTEM SET groundwork.attack = 'on'",
        outside: { undo: "ALTER SYSTEM RESET groundwork.attack" },
      },
      never("SET session_replication_role = replica"),
      never("SET log_statement = 'none'"),
      never("SELECT pg_reload_conf()"),
      never("SELECT pg_rotate_logfile()"),
      never("SELECT pg_switch_wal()"),
      { sql: "CHECKPOINT", outside: {} },
    ],
  },
  {
    table: "attack",
    number: 21,
    title: "make slots, publications, subscriptions; read a slot",
    attempts: ({ fixture: { items, unused } }) => [
      never(`SELECT pg_create_logical_replication_slot('${unused}', 'pgoutput', true)`),
      never(`SELECT pg_create_physical_replication_slot('${unused}', false, true)`),
      never(`SELECT pg_logical_slot_peek_changes('${unused}', NULL, 1)`),
      closed(`CREATE PUBLICATION ${unused} FOR TABLE ${items}`),
      never(`CREATE PUBLICATION ${unused} FOR ALL TABLES`),
      never(
        `CREATE SUBSCRIPTION ${unused} CONNECTION 'host=127.0.0.1' PUBLICATION ${unused} WITH (connect = false)`,
      ),
    ],
  },
  {
    table: "attack",
    number: 22,
    title: "connect to other databases; create and drop databases",
    attempts: ({ facts: { database, otherDatabases }, fixture: { unused } }) => [
      ...otherDatabases.map(connecting),
      { sql: `CREATE DATABASE ${unused}`, outside: { undo: `DROP DATABASE ${unused}` } },
      // Its own, which no server drops under its connections: another state than 42501 says that it would be allowed.
      { sql: `DROP DATABASE ${identifier(database)}`, outside: {} },
      never(`ALTER DATABASE ${identifier(database)} SET work_mem = '4MB'`),
    ],
  },
  {
    table: "attack",
    number: 25,
    title: "disturb and watch others; write into the log, large objects, statistics",
    attempts: ({ facts: { migratorProcess }, fixture: { items } }) => [
      never(`SELECT pg_terminate_backend(${migratorProcess})`),
      never(`SELECT pg_cancel_backend(${migratorProcess})`),
      {
        what: "read the migrator's statement in pg_stat_activity",
        wanted: "<insufficient privilege>",
        check: async (client) => {
          const { rows } = await client.query<{ query: string }>(
            "SELECT query FROM pg_stat_activity WHERE pid = $1",
            [migratorProcess],
          );
          if (rows.length === 0) return "the migrator's connection is not shown: the row proves nothing";
          return rows[0]?.query === "<insufficient privilege>" ? undefined : "its text is shown";
        },
      },
      superuserCloses("SELECT pg_logical_emit_message(false, 'groundwork', 'attack')"),
      superuserCloses("SELECT lo_create(0)"),
      superuserCloses("SELECT lo_from_bytea(0, 'attack')"),
      {
        what: `ANALYZE ${items}`,
        wanted: "a warning, and the same statistics as before",
        check: async (client, { connect }) => {
          const count = async (by = client) => {
            const { rows } = await by.query<{ n: number }>(
              "SELECT count(*)::int AS n FROM pg_stats WHERE format('%I.%I', schemaname, tablename)::regclass = $1::regclass",
              [items],
            );
            return rows[0]?.n;
          };
          const before = await count();
          await client.query(`ANALYZE ${items}`).catch(() => undefined);
          await client.query("ROLLBACK");
          await client.query(`VACUUM ANALYZE ${items}`).catch(() => undefined);
          if ((await count()) !== before) return "the statistics changed";
          return connected(connect, "migrator", async (migrator) => {
            await migrator.query(`BEGIN; ANALYZE ${items}`);
            const changed = (await count(migrator)) !== before;
            await migrator.query("ROLLBACK");
            return changed ? undefined : "the migrator changes nothing either: the row proves nothing";
          });
        },
      },
    ],
  },
];
