import { block, identifier, literal, textArray } from "../quoting";
import type { LoginRole, RoleStatementsArgs } from "./types";

/** The publication, its tables, and their row identity. */
export function replication({ replication, schemas }: RoleStatementsArgs): string[] {
  if (replication === undefined) return [];
  const { role, publication, tables } = replication;
  const missing = `NOT EXISTS (SELECT FROM pg_publication WHERE pubname = ${literal(publication)})`;
  const create = block(
    `IF ${missing} THEN\n  CREATE PUBLICATION ${identifier(publication)}${tables === undefined ? " FOR ALL TABLES" : ""};\nEND IF;`,
  );
  const add = block(
    `FOR item IN SELECT o.oid::regclass::text AS named, o.relreplident AS identity, o.oid AS id
  FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
  WHERE o.relkind IN ('r', 'p') AND (n.nspname || '.' || o.relname = ANY (${textArray(tables ?? [])})
    OR n.nspname = ANY (${textArray(schemas)}) AND o.relname = ANY (${textArray(tables ?? [])}))
LOOP
  IF NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
    WHERE p.pubname = ${literal(publication)} AND r.prrelid = item.id) THEN
    EXECUTE format('ALTER PUBLICATION %I ADD TABLE %s', ${literal(publication)}, item.named);
  END IF;
  IF item.identity <> 'f' THEN EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', item.named); END IF;
END LOOP;`,
    "item record;",
  );
  return [grantConnect(role), create, ...(tables === undefined ? [] : [add])];
}

function grantConnect({ name }: LoginRole): string {
  return block(`EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), ${literal(name)});`);
}
