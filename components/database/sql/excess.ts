import { block, identifier, literal, textArray } from "../quoting";
import type { RoleStatementsArgs } from "./types";

/** A role of ours and what it may have. */
interface Allowed {
  readonly name: string;
  readonly replication?: boolean;
  /** Whether it may see rows past row security. */
  readonly everyRow?: boolean;
  /** Roles that it may be a member of. Undefined: any but PostgreSQL's own (`pg_…`). */
  readonly groups?: readonly string[];
  readonly mayOwn?: boolean;
  /** Whether rights on objects outside of the schemas are too many. */
  readonly confined?: boolean;
}

function allowedRoles(args: RoleStatementsArgs): Allowed[] {
  const { appGroup, appLogins, backup, migrator, monitor, readOnly, replication } = args;
  return [
    { name: migrator.name, mayOwn: true },
    { name: appGroup, groups: [], confined: true },
    ...appLogins.map(({ name }) => ({ name, groups: [appGroup], confined: true })),
    ...(readOnly === undefined ? [] : [{ name: readOnly.name, groups: [] }]),
    ...(backup === undefined ? [] : [{ name: backup.name, groups: ["pg_read_all_data"], everyRow: true }]),
    ...(monitor === undefined ? [] : [{ name: monitor.name, groups: ["pg_monitor"] }]),
    ...(replication === undefined ? [] : [{ name: replication.role.name, groups: [], replication: true }]),
  ];
}

/**
 * Roles that exist already with more rights than they may have: somebody uses them for something else, or an attacker
 * has left them so. They are named, and reduced only when that is asked for.
 */
export function excess(args: RoleStatementsArgs): string[] {
  const own = allowedRoles(args);
  if (!args.reduceRoles) {
    const hint =
      "Nothing was changed. reduceRoles: true takes these rights away; or give the roles other names.";
    return [refuse(args, own, hint)];
  }
  // What others have granted is not always ours to take: said, and not taken for done.
  const hint =
    "Nothing was changed. reduceRoles cannot take these away: whoever granted them can, or a superuser.";
  return [...reduce(args, own), refuse(args, own, hint)];
}

/** What a role may not have, as rows `(name, what)`. */
function excessQuery(args: RoleStatementsArgs, own: readonly Allowed[]): string {
  const rows = own.map(
    ({ name, groups, replication = false, everyRow = false, mayOwn = false, confined = false }) =>
      `(${literal(name)}, ${groups === undefined ? "NULL::text[]" : textArray(groups)}, ${replication}, ${everyRow}, ${mayOwn}, ${confined})`,
  );
  const here = "s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))";
  const described = "pg_describe_object(s.classid, s.objid, s.objsubid)";
  return `SELECT r.rolname, e.what
  FROM (VALUES ${rows.join(", ")}) own (name, groups, replication, every_row, may_own, confined)
  JOIN pg_roles r ON r.rolname = own.name
  CROSS JOIN LATERAL (
    SELECT a.what FROM (VALUES ('SUPERUSER', r.rolsuper), ('CREATEDB', r.rolcreatedb),
      ('CREATEROLE', r.rolcreaterole), ('REPLICATION', r.rolreplication AND NOT own.replication),
      ('BYPASSRLS', r.rolbypassrls AND NOT own.every_row)) a (what, has) WHERE a.has
    UNION ALL SELECT 'member of ' || g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE m.member = r.oid AND CASE WHEN own.groups IS NULL THEN g.rolname LIKE 'pg\\_%'
        ELSE g.rolname <> ALL (own.groups) END
    UNION ALL SELECT 'owner of ' || ${described} FROM pg_shdepend s
      WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid AND s.deptype = 'o' AND ${here}
        AND s.classid <> 'pg_default_acl'::regclass AND NOT own.may_own
    UNION ALL SELECT 'rights on ' || ${described} FROM pg_shdepend s
      WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid AND s.deptype = 'a' AND ${here}
        AND own.confined AND (
          s.classid = 'pg_database'::regclass
            AND s.objid <> (SELECT oid FROM pg_database WHERE datname = current_database())
          OR s.classid = 'pg_namespace'::regclass
            AND s.objid IN (SELECT oid FROM pg_namespace WHERE nspname <> ALL (${textArray(args.schemas)}))
          OR s.classid = 'pg_class'::regclass AND s.objid IN (SELECT c.oid FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname <> ALL (${textArray(args.schemas)}) AND n.nspname NOT LIKE '\\_timescaledb%')
          OR s.classid = 'pg_proc'::regclass AND s.objid IN (SELECT p.oid FROM pg_proc p
            JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname <> ALL (${textArray(args.schemas)})))
  ) e`;
}

function refuse(args: RoleStatementsArgs, own: readonly Allowed[], hint: string): string {
  return block(
    `FOR item IN SELECT found.rolname, count(*) AS many, (array_agg(found.what ORDER BY found.what))[1:8] AS first
  FROM (${excessQuery(args, own)}) found GROUP BY found.rolname ORDER BY found.rolname
LOOP
  told := told || format('%s role %s: %s%s', CASE WHEN told = '' THEN '' ELSE ';' END, item.rolname,
    array_to_string(item.first, ', '), CASE WHEN item.many > 8 THEN format(' and %s more', item.many - 8) ELSE '' END);
END LOOP;
IF told <> '' THEN
  RAISE EXCEPTION 'roles exist with more rights than they may have:%', told
    USING ERRCODE = '42710', HINT = ${literal(hint)};
END IF;`,
    "item record; told text := '';",
  );
}

/** Takes away what {@link excessQuery} finds; what they own becomes the migrator's. */
function reduce(args: RoleStatementsArgs, own: readonly Allowed[]): string[] {
  const query = excessQuery(args, own);
  return own.map(({ name, mayOwn = false }) => {
    const found = (like: string) =>
      `EXISTS (SELECT FROM (${query}) f WHERE f.rolname = ${literal(name)} AND f.what LIKE ${literal(like)})`;
    const objects = `IF ${found("owner of %")} THEN
  REASSIGN OWNED BY ${identifier(name)} TO ${identifier(args.migrator.name)};
END IF;
IF ${found("rights on %")} THEN
  DROP OWNED BY ${identifier(name)};
END IF;
`;
    return block(
      `IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(name)}) THEN RETURN; END IF;
${mayOwn ? "" : objects}FOR item IN SELECT f.what FROM (${query}) f WHERE f.rolname = ${literal(name)} LOOP
  IF item.what LIKE 'member of %' THEN
    -- Since 16 each grantor's grant is one of its own, and only its like takes it away.
    FOR granter IN SELECT m.grantor::regrole FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE g.rolname = substr(item.what, 11) AND pg_has_role(m.grantor, 'USAGE')
        AND m.member = (SELECT oid FROM pg_roles WHERE rolname = ${literal(name)})
    LOOP
      EXECUTE format('REVOKE %I FROM %I%s CASCADE', substr(item.what, 11), ${literal(name)},
        CASE WHEN current_setting('server_version_num')::int >= 160000 THEN format(' GRANTED BY %s', granter) ELSE '' END);
    END LOOP;
  ELSIF item.what = upper(item.what) THEN
    -- One by one: naming an attribute at all needs more rights than having none.
    EXECUTE format('ALTER ROLE %I NO%s', ${literal(name)}, item.what);
  END IF;
END LOOP;`,
      "item record; granter regrole;",
    );
  });
}
