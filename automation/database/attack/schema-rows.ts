import { identifier, literal } from "../../../components/database/quoting";
import { closed, never, type Row } from "./rows";

/** Rows 1 to 10: the schema and what is in it. */
export const schemaRows: readonly Row[] = [
  {
    table: "attack",
    number: 1,
    title: "create a table, a table from a query, a view",
    attempts: ({ fixture: { schema, unused } }) => [
      closed(`CREATE TABLE ${schema}.${unused} (id int)`),
      closed(`CREATE TABLE ${schema}.${unused} AS SELECT 1 AS one`),
      closed(`CREATE VIEW ${schema}.${unused} AS SELECT 1 AS one`),
    ],
  },
  {
    table: "attack",
    number: 2,
    title: "create a schema",
    attempts: ({ fixture: { unused } }) => [closed(`CREATE SCHEMA ${unused}`)],
  },
  {
    table: "attack",
    number: 3,
    title: "create a temporary table, also by naming pg_temp",
    attempts: ({ fixture: { unused } }) => [
      closed(`CREATE TEMPORARY TABLE ${unused} (id int)`),
      closed(`CREATE TABLE pg_temp.${unused} (id int)`),
    ],
  },
  {
    table: "attack",
    number: 4,
    title: "drop a table, a trigger",
    attempts: ({ fixture: { identities, items, trigger } }) => [
      closed(`DROP TABLE ${items}`),
      closed(`DROP TRIGGER ${trigger} ON ${identities}`),
    ],
  },
  {
    table: "attack",
    number: 5,
    title: "add a column, change an owner, comment on a table",
    attempts: ({ facts: { app }, fixture: { items } }) => [
      closed(`ALTER TABLE ${items} ADD COLUMN extra int`),
      never(`ALTER TABLE ${items} OWNER TO ${identifier(app)}`),
      closed(`COMMENT ON TABLE ${items} IS 'mine'`),
    ],
  },
  {
    table: "attack",
    number: 6,
    title: "truncate",
    attempts: ({ fixture: { items } }) => [closed(`TRUNCATE ${items}`)],
  },
  {
    table: "attack",
    number: 7,
    title: "create an index, reindex, cluster",
    attempts: ({ fixture: { items, itemsKey } }) => [
      closed(`CREATE INDEX ON ${items} (owner)`),
      closed(`REINDEX TABLE ${items}`),
      closed(`CLUSTER ${items} USING ${itemsKey}`),
    ],
  },
  {
    table: "attack",
    number: 8,
    title: "create a trigger, disable triggers",
    attempts: ({ fixture: { identities, items, trigger, triggerFunction, unused } }) => [
      closed(
        `CREATE TRIGGER ${unused} BEFORE INSERT ON ${items} FOR EACH ROW EXECUTE FUNCTION ${triggerFunction}()`,
      ),
      closed(`ALTER TABLE ${identities} DISABLE TRIGGER ${trigger}`),
    ],
  },
  {
    table: "attack",
    number: 9,
    title: "create a function, an operator, a cast; replace a function",
    attempts: ({ fixture: { answer, colours, schema, unused } }) => [
      closed(`CREATE FUNCTION ${schema}.${unused}() RETURNS int LANGUAGE sql AS 'SELECT 1'`),
      closed(`CREATE OPERATOR ${schema}.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)`),
      closed(`CREATE CAST (${colours} AS int) WITH INOUT`),
      closed(`CREATE OR REPLACE FUNCTION ${answer}() RETURNS int LANGUAGE sql AS 'SELECT 1'`),
    ],
  },
  {
    table: "attack",
    number: 10,
    title: "create an extension: a trusted one, an untrusted one",
    attempts: ({ facts: { trustedExtension: trusted, untrustedExtension: untrusted } }) => [
      ...(trusted === undefined ? [] : [closed(`CREATE EXTENSION ${identifier(trusted)}`)]),
      ...(untrusted === undefined ? [] : [never(`CREATE EXTENSION ${identifier(untrusted)}`)]),
    ],
  },
  {
    table: "attack",
    number: 20,
    title: "move a sequence, restart an identity",
    attempts: ({ fixture: { identities, itemsSequence } }) => [
      closed(`SELECT setval(${literal(itemsSequence)}, 1000)`),
      closed(`ALTER TABLE ${identities} ALTER COLUMN id RESTART`),
    ],
  },
];
