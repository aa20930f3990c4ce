import { block, identifier, literal, textArray } from "../quoting";
import { readersOf, type RoleStatementsArgs } from "./types";

/**
 * Roles of before that the arguments no longer name lose what they were given. Which ones were this database's is said by
 * their comments: roles, and those, belong to the whole server. A comment that is somebody's own stays, and so does its role.
 */
export function retired(args: RoleStatementsArgs): string[] {
  const { appGroup, appLogins, backup, migrator, monitor, readOnly, replication } = args;
  const app = [appGroup, ...appLogins.map(({ name }) => name)];
  const others = [migrator, readOnly, backup, monitor, replication?.role].flatMap((role) => role?.name ?? []);
  const [ofApp, ofOthers] = [`groundwork ${args.database} application`, `groundwork ${args.database}`];
  // What still runs with the application's login, and a rollback, need it until the overlap of a rotation ends.
  const ended = args.passwordOverlap ? [ofOthers] : [ofOthers, ofApp];
  return [
    ...app.map((name) => marked(name, ofApp, ofOthers)),
    ...others.map((name) => marked(name, ofOthers, ofApp)),
    block(
      `FOR item IN SELECT rolname FROM pg_roles WHERE rolcanlogin AND shobj_description(oid, 'pg_authid') = ANY (${textArray(ended)})
  AND rolname <> ALL (${textArray([...app, ...others])})
LOOP
  EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL', item.rolname);
END LOOP;`,
      "item record;",
    ),
    formerMigrators(args),
  ];
}

function marked(name: string, mark: string, otherMark: string): string {
  return block(
    `IF EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(name)}
  AND coalesce(shobj_description(oid, 'pg_authid'), ${literal(otherMark)}) = ${literal(otherMark)}) THEN
  COMMENT ON ROLE ${identifier(name)} IS ${literal(mark)};
END IF;`,
  );
}

/** Further migrators are no roles of ours: what tells that one was listed is all of its default privileges for the application. */
function formerMigrators(args: RoleStatementsArgs): string {
  const present = textArray([args.migrator.name, ...args.furtherMigrators]);
  const grantees = [args.appGroup, ...readersOf(args).map(({ name }) => name)].map(identifier).join(", ");
  const revoke = ["TABLES", "SEQUENCES", "FUNCTIONS"].map(
    (kind) =>
      `  EXECUTE format(${literal(
        `ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %s REVOKE ALL ON ${kind} FROM ${grantees.replaceAll("%", "%%")}`,
      )}, item.role, item.schema);`,
  );
  return block(
    `FOR item IN SELECT d.defaclrole::regrole AS role, d.defaclnamespace::regnamespace AS schema
  FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole
  WHERE r.rolname <> ALL (${present}) AND pg_has_role(r.oid, 'USAGE') AND d.defaclobjtype IN ('r', 'S', 'f')
    AND d.defaclnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY (${textArray(args.schemas)}))
    AND EXISTS (SELECT FROM aclexplode(d.defaclacl) a
      WHERE a.grantee = (SELECT oid FROM pg_roles WHERE rolname = ${literal(args.appGroup)}))
  GROUP BY d.defaclrole, d.defaclnamespace HAVING count(*) = 3
LOOP
  EXECUTE format('REVOKE USAGE, CREATE ON SCHEMA %s FROM %s', item.schema, item.role);
  EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM %s', current_database(), item.role);
${revoke.join("\n")}
END LOOP;`,
    "item record;",
  );
}
