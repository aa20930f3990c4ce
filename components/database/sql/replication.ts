import { block, identifier, literal, textArray } from "../quoting";
import { own } from "./relations";
import type { LoginRole, RoleStatementsArgs } from "./types";

/** The publication, its tables, and their row identity. */
export function replication({ replication, schemas }: RoleStatementsArgs): string[] {
  if (replication === undefined) return [noOther("")];
  const { role, publication, tables } = replication;
  return [
    grantConnect(role),
    noOther(publication),
    publicationExists(publication, tables === undefined),
    ...(tables === undefined ? [] : [exactly(publication, tables, schemas)]),
    identities(publication),
  ];
}

/** What says that a publication was made here. */
const mark = literal("groundwork");

/** One that is no longer asked for would refuse writes to tables of later migrations, whose identity nobody sees to. */
function noOther(publication: string): string {
  return block(
    `FOR item IN SELECT pubname FROM pg_publication
  WHERE obj_description(oid, 'pg_publication') = ${mark} AND pubname <> ${literal(publication)}
LOOP
  EXECUTE format('DROP PUBLICATION %I', item.pubname);
END LOOP;`,
    "item record;",
  );
}

/** One of all tables and one of some are different things: ALTER PUBLICATION cannot make one of the other. */
function publicationExists(publication: string, allTables: boolean): string {
  const found = `FROM pg_publication WHERE pubname = ${literal(publication)}`;
  return block(
    `IF EXISTS (SELECT ${found} AND puballtables <> ${allTables}) THEN
  DROP PUBLICATION ${identifier(publication)};
END IF;
IF NOT EXISTS (SELECT ${found}) THEN
  CREATE PUBLICATION ${identifier(publication)}${allTables ? " FOR ALL TABLES" : ""};
END IF;
IF EXISTS (SELECT ${found} AND obj_description(oid, 'pg_publication') IS NULL) THEN
  COMMENT ON PUBLICATION ${identifier(publication)} IS ${mark};
END IF;`,
  );
}

/** The tables of a list, no others; each with its whole rows as identity, as logical consumers want it. */
function exactly(publication: string, tables: readonly string[], schemas: readonly string[]): string {
  const listed = textArray(tables);
  return block(
    `FOR item IN SELECT o.oid::regclass::text AS named, o.relreplident AS identity, listed.it AS wanted,
    EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
      WHERE p.pubname = ${literal(publication)} AND r.prrelid = o.oid) AS there
  FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
  CROSS JOIN LATERAL (SELECT n.nspname || '.' || o.relname = ANY (${listed})
    OR n.nspname = ANY (${textArray(schemas)}) AND o.relname = ANY (${listed}) AS it) listed
  WHERE o.relkind IN ('r', 'p')
LOOP
  IF item.there <> item.wanted THEN
    EXECUTE format('ALTER PUBLICATION %I %s TABLE %s', ${literal(publication)},
      CASE WHEN item.wanted THEN 'ADD' ELSE 'DROP' END, item.named);
  END IF;
  IF item.wanted AND item.identity <> 'f' THEN
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', item.named);
  END IF;
END LOOP;`,
    "item record;",
  );
}

/**
 * A published table whose rows nothing tells apart refuses UPDATE and DELETE to everybody: one without a primary key, one
 * whose own index is gone, and each partition for itself. An extension sees to its own, TimescaleDB to its chunks.
 */
function identities(publication: string): string {
  return block(
    `FOR item IN SELECT o.oid::regclass::text AS named
  FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname
  JOIN pg_class o ON o.relnamespace = n.oid AND o.relname = t.tablename
  WHERE t.pubname = ${literal(publication)} AND o.relkind = 'r' AND o.relreplident <> 'f'
    AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = o.oid AND i.indisvalid AND i.indimmediate
      AND (o.relreplident = 'd' AND i.indisprimary OR o.relreplident = 'i' AND i.indisreplident))
    AND NOT starts_with(n.nspname, '_timescaledb')
    AND ${own("pg_class")}
    AND pg_has_role(o.relowner, 'USAGE')
LOOP
  EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', item.named);
END LOOP;`,
    "item record;",
  );
}

function grantConnect({ name }: LoginRole): string {
  return block(`EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), ${literal(name)});`);
}
