import { randomBytes } from "node:crypto";
import type { Client } from "pg";
import { identifier, literal } from "../../../components/database/quoting";

/** What everything that an attack makes begins with. */
export const attackPrefix = "groundwork_attack_";

/** Objects that the migrator makes for an attack, as a migration after provisioning would; quoted, with their schema. */
export interface Fixture {
  readonly prefix: string;
  /** The schema that the objects are in, quoted. */
  readonly schema: string;
  /** `id serial, name unique, owner`, with a row `first`. */
  readonly items: string;
  readonly itemsSequence: string;
  readonly itemsKey: string;
  /** An identity key, and a trigger whose function the application may not execute. */
  readonly identities: string;
  readonly trigger: string;
  readonly triggerFunction: string;
  /** Row security by the setting `groundwork.tenant`; a row each of tenant `one` and `two`. */
  readonly tenants: string;
  readonly policy: string;
  /** Partitioned by `day`; a partition from 1 to 10. */
  readonly days: string;
  readonly colours: string;
  readonly painted: string;
  readonly answer: string;
  /** A schema that the application was not given, and a table in it. */
  readonly closedSchema: string;
  readonly closedTable: string;
  /** A name that nothing has. */
  readonly unused: string;
}

/** Makes them, in one transaction. What a killed run has left is removed first. */
export async function makeFixture(
  migrator: Client,
  schemaName: string,
  app: string,
  group: string,
): Promise<Fixture> {
  await removeFixtures(migrator);
  const prefix = `${attackPrefix}${randomBytes(3).toString("hex")}`;
  const schema = identifier(schemaName);
  const named = (name: string) => `${schema}.${identifier(`${prefix}_${name}`)}`;
  const fixture: Fixture = {
    prefix,
    schema,
    items: named("items"),
    itemsSequence: named("items_id_seq"),
    itemsKey: identifier(`${prefix}_items_pkey`),
    identities: named("identities"),
    trigger: identifier(`${prefix}_stamping`),
    triggerFunction: named("stamp"),
    tenants: named("tenants"),
    policy: identifier(`${prefix}_own`),
    days: named("days"),
    colours: named("colours"),
    painted: named("painted"),
    answer: named("answer"),
    closedSchema: identifier(`${prefix}_closed`),
    closedTable: `${identifier(`${prefix}_closed`)}.notes`,
    unused: `${prefix}_unused`,
  };
  await migrator.query(`BEGIN;
CREATE TABLE ${fixture.items} (id serial PRIMARY KEY, name text NOT NULL UNIQUE, owner text);
INSERT INTO ${fixture.items} (name) VALUES ('first');
CREATE TABLE ${fixture.identities} (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stamp text);
CREATE FUNCTION ${fixture.triggerFunction}() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN NEW.stamp := 'stamped'; RETURN NEW; END $$;
REVOKE EXECUTE ON FUNCTION ${fixture.triggerFunction}() FROM PUBLIC, ${identifier(group)}, ${identifier(app)};
CREATE TRIGGER ${fixture.trigger} BEFORE INSERT ON ${fixture.identities}
  FOR EACH ROW EXECUTE FUNCTION ${fixture.triggerFunction}();
CREATE TABLE ${fixture.tenants} (tenant text PRIMARY KEY);
INSERT INTO ${fixture.tenants} VALUES ('one'), ('two');
ALTER TABLE ${fixture.tenants} ENABLE ROW LEVEL SECURITY;
CREATE POLICY ${fixture.policy} ON ${fixture.tenants} USING (tenant = current_setting('groundwork.tenant', true));
CREATE TABLE ${fixture.days} (day int, tenant text, PRIMARY KEY (day, tenant)) PARTITION BY RANGE (day);
ALTER TABLE ${fixture.days} ENABLE ROW LEVEL SECURITY;
CREATE POLICY ${fixture.policy} ON ${fixture.days} USING (tenant = current_setting('groundwork.tenant', true));
CREATE TABLE ${named("days_1")} PARTITION OF ${fixture.days} FOR VALUES FROM (1) TO (10);
CREATE TYPE ${fixture.colours} AS ENUM ('red', 'green');
CREATE TABLE ${fixture.painted} (id serial PRIMARY KEY, colour ${fixture.colours});
CREATE FUNCTION ${fixture.answer}() RETURNS int LANGUAGE sql AS 'SELECT 42';
CREATE SCHEMA ${fixture.closedSchema};
CREATE TABLE ${fixture.closedTable} (note text PRIMARY KEY);
COMMIT;`);
  return fixture;
}

/** Removes everything that attacks of this database have made. */
export async function removeFixtures(migrator: Client): Promise<void> {
  await migrator.query("ROLLBACK");
  await migrator.query(`DO $$ DECLARE item record; BEGIN
FOR item IN SELECT format('DROP SCHEMA %I CASCADE', nspname) AS statement FROM pg_namespace WHERE starts_with(nspname, ${literal(attackPrefix)})
LOOP EXECUTE item.statement; END LOOP;
FOR item IN SELECT format('DROP TABLE IF EXISTS %s CASCADE', oid::regclass) AS statement FROM pg_class
  WHERE starts_with(relname, ${literal(attackPrefix)}) AND relkind IN ('r', 'p') AND NOT relispartition
LOOP EXECUTE item.statement; END LOOP;
FOR item IN SELECT format('DROP ROUTINE %s', oid::regprocedure) AS statement FROM pg_proc WHERE starts_with(proname, ${literal(attackPrefix)})
LOOP EXECUTE item.statement; END LOOP;
FOR item IN SELECT format('DROP TYPE %s', oid::regtype) AS statement FROM pg_type WHERE starts_with(typname, ${literal(attackPrefix)}) AND typtype = 'e'
LOOP EXECUTE item.statement; END LOOP;
END $$`);
}
