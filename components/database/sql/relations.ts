import { block, identifier, literal, textArray } from "../quoting";
import { readersOf, type RoleStatementsArgs } from "./types";

/** Objects that belong to no extension: those are left as the extension made them. */
export const own = (catalogue: string) =>
  `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalogue}'::regclass AND d.objid = o.oid AND d.deptype = 'e')`;

const inSchemas = (column: string, { schemas }: RoleStatementsArgs) =>
  `${column} IN (SELECT oid FROM pg_namespace WHERE nspname = ANY (${textArray(schemas)}))`;

/** What is in the schemas already: owned by the migrator from now on, and granted one by one. */
export function relations(args: RoleStatementsArgs): string[] {
  return [
    adopt(args),
    grantedByOthers(args),
    grantTables(args),
    grantRoutines(args),
    ...exceptions(args, args.readOnlyTables, "INSERT, UPDATE, DELETE"),
    ...exceptions(args, args.hiddenRelations, "ALL"),
  ];
}

/**
 * An old volume's objects belong to the superuser, through whose views and functions the application could do too much;
 * another role's tables have none of the default privileges. All of them become the migrator's. Where that is not ours
 * to do, they are named.
 */
function adopt(args: RoleStatementsArgs): string {
  const migrator = literal(args.migrator.name);
  const foreign = (owner: string) => `${owner} <> (SELECT oid FROM pg_roles WHERE rolname = ${migrator})`;
  return block(
    `FOR item IN SELECT o.oid::regclass::text AS named, o.relowner AS owner FROM pg_class o
  WHERE ${inSchemas("o.relnamespace", args)} AND o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND ${foreign("o.relowner")} AND ${own("pg_class")}
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = o.oid
      AND o.relkind = 'S' AND d.deptype IN ('a', 'i'))
LOOP
  IF pg_has_role(item.owner, 'USAGE') THEN
    EXECUTE format('ALTER TABLE %s OWNER TO %I', item.named, ${migrator});
  ELSE
    others := others || format('%s of %s', item.named, item.owner::regrole);
  END IF;
END LOOP;
FOR item IN SELECT o.oid::regprocedure::text AS named FROM pg_proc o
  WHERE ${inSchemas("o.pronamespace", args)} AND o.prokind <> 'a' AND ${foreign("o.proowner")}
    AND ${own("pg_proc")} AND pg_has_role(o.proowner, 'USAGE')
LOOP
  EXECUTE format('ALTER ROUTINE %s OWNER TO %I', item.named, ${migrator});
END LOOP;
FOR item IN SELECT o.oid::regtype::text AS named FROM pg_type o
  WHERE ${inSchemas("o.typnamespace", args)} AND o.typtype IN ('e', 'd') AND ${foreign("o.typowner")}
    AND ${own("pg_type")} AND pg_has_role(o.typowner, 'USAGE')
LOOP
  EXECUTE format('ALTER TYPE %s OWNER TO %I', item.named, ${migrator});
END LOOP;
IF cardinality(others) > 0 THEN
  RAISE EXCEPTION 'objects in the schemas do not belong to the migrator: %', array_to_string(others[1:8], ', ')
    USING ERRCODE = '42501', HINT = format('Nothing was changed. Their owners make them the migrator''s: ALTER TABLE … OWNER TO %I', ${migrator});
END IF;`,
    "item record; others text[] := '{}';",
  );
}

/** Who has rights on relations by nothing but the grants made here. */
function stripped({ appGroup, appLogins }: RoleStatementsArgs): string {
  const names = ["PUBLIC", ...[appGroup, ...appLogins.map(({ name }) => name)].map(identifier)];
  return names.join(", ").replaceAll("%", "%%");
}

/** What others than the owner have granted, by an option to do so: the owner's REVOKE leaves that, and says nothing. */
function grantedByOthers(args: RoleStatementsArgs): string {
  const names = textArray([args.appGroup, ...args.appLogins.map(({ name }) => name)]);
  return block(
    `FOR item IN SELECT DISTINCT o.oid::regclass::text AS named, CASE o.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
    a.grantor, a.privilege_type AS granted
  FROM pg_class o CROSS JOIN LATERAL aclexplode(o.relacl) a
  WHERE ${inSchemas("o.relnamespace", args)} AND o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${own("pg_class")}
    AND a.grantor <> o.relowner
    AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM pg_roles WHERE rolname = ANY (${names})))
LOOP
  IF NOT pg_has_role(item.grantor, 'MEMBER') THEN
    RAISE EXCEPTION '% has granted rights on % to the application, or to everybody', item.grantor::regrole, item.named
      USING ERRCODE = '42501', HINT = 'Nothing was changed. Only the role itself takes them back, or a superuser.';
  END IF;
  EXECUTE format('SET LOCAL ROLE %s', item.grantor::regrole);
  EXECUTE format(${literal(`REVOKE %s ON %s %s FROM ${stripped(args)} CASCADE`)}, item.granted, item.kind, item.named);
  RESET ROLE;
END LOOP;`,
    "item record;",
  );
}

function grantTables(args: RoleStatementsArgs): string {
  const app = literal(args.appGroup);
  const from = stripped(args);
  const readers = readersOf(args).map(
    ({ name }) => `  EXECUTE format('GRANT SELECT ON TABLE %s TO %I', item.named, ${literal(name)});\n`,
  );
  return block(
    `FOR item IN SELECT o.oid::regclass::text AS named, o.relkind AS kind FROM pg_class o
  WHERE ${inSchemas("o.relnamespace", args)} AND o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${own("pg_class")}
    AND pg_has_role(o.relowner, 'USAGE')
    AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = o.relowner)
LOOP
  IF item.kind = 'S' THEN
    EXECUTE format(${literal(`REVOKE ALL ON SEQUENCE %s FROM ${from}`)}, item.named);
    EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO %I', item.named, ${app});
    CONTINUE;
  END IF;
  EXECUTE format(${literal(`REVOKE ALL ON TABLE %s FROM ${from}`)}, item.named);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO %I', item.named, ${app});
${readers.join("")}END LOOP;`,
    "item record;",
  );
}

/** PUBLIC may execute every function by PostgreSQL's own default; a function of a definer's is more than it looks. */
function grantRoutines(args: RoleStatementsArgs): string {
  const { readOnly } = args;
  return block(
    `FOR item IN SELECT o.oid::regprocedure::text AS named, o.prosecdef AS definer FROM pg_proc o
  WHERE ${inSchemas("o.pronamespace", args)} AND ${own("pg_proc")} AND pg_has_role(o.proowner, 'USAGE')
LOOP
  EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', item.named);
  EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', item.named, ${literal(args.appGroup)});
${
  readOnly === undefined
    ? ""
    : `  IF NOT item.definer THEN
    EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', item.named, ${literal(readOnly.name)});
  END IF;
`
}END LOOP;`,
    "item record;",
  );
}

/** Takes rights on some relations away again, as the grants above know no exceptions. */
function exceptions(args: RoleStatementsArgs, relationNames: readonly string[], rights: string): string[] {
  if (relationNames.length === 0) return [];
  const qualified = relationNames.filter((name) => name.includes("."));
  const bare = relationNames.filter((name) => !name.includes("."));
  return [
    block(
      `FOR item IN SELECT o.oid::regclass::text AS named FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
  WHERE o.relkind IN ('r', 'p', 'v', 'm', 'f') AND (n.nspname || '.' || o.relname = ANY (${textArray(qualified)})
    OR n.nspname = ANY (${textArray(args.schemas)}) AND o.relname = ANY (${textArray(bare)}))
LOOP
  EXECUTE format('REVOKE ${rights} ON TABLE %s FROM %I', item.named, ${literal(args.appGroup)});
END LOOP;`,
      "item record;",
    ),
  ];
}
