import { closed, never, type Row } from "./rows";

/** Rows about data that are not the application's. */
export const dataRows: readonly Row[] = [
  {
    table: "attack",
    number: 23,
    title: "write the migration history; read what it was not given",
    attempts: ({ facts: { hiddenRelations, readOnlyTables }, fixture: { closedTable } }) => [
      ...readOnlyTables.flatMap(({ named, column }) => [
        closed(`INSERT INTO ${named} OVERRIDING SYSTEM VALUE SELECT * FROM ${named} WHERE false`),
        closed(`UPDATE ${named} SET ${column} = ${column} WHERE false`),
        closed(`DELETE FROM ${named} WHERE false`),
      ]),
      ...hiddenRelations.map((named) => never(`SELECT FROM ${named} LIMIT 0`)),
      closed(`SELECT * FROM ${closedTable}`),
    ],
  },
  {
    table: "attack",
    number: 24,
    title: "get around row security",
    attempts: ({ fixture: { policy, tenants } }) => [
      never(`SET LOCAL row_security = off; SELECT * FROM ${tenants}`),
      closed(`ALTER TABLE ${tenants} DISABLE ROW LEVEL SECURITY`),
      closed(`ALTER POLICY ${policy} ON ${tenants} USING (true)`),
      closed(`DROP POLICY ${policy} ON ${tenants}`),
      {
        what: `read another tenant's row of ${tenants}`,
        wanted: "0 rows",
        check: async (client, { connect, fixture }) => {
          await client.query("SET LOCAL groundwork.tenant = 'one'");
          const count = async (tenant: string) => {
            const { rows } = await client.query<{ n: number }>(
              `SELECT count(*)::int AS n FROM ${fixture.tenants} WHERE tenant = $1`,
              [tenant],
            );
            return rows[0]?.n;
          };
          const migrator = await connect("migrator");
          try {
            const { rows } = await migrator.query(`SELECT FROM ${tenants}`);
            if (rows.length !== 2) return "the migrator does not see both rows: the row proves nothing";
          } finally {
            await migrator.end();
          }
          if ((await count("two")) !== 0) return "another tenant's row is shown";
          return (await count("one")) === 1 ? undefined : "its own row is not shown";
        },
      },
    ],
  },
];
