import { block, identifier, literal } from "../quoting";
import { harmless, replicating, type LoginRole, type RoleStatementsArgs } from "./types";

/** The migrator, before anything else: what others own may become its own. */
export function migratorExists({ migrator }: RoleStatementsArgs): string {
  return ensureRole(migrator.name, harmless);
}

/** Groups, logins, memberships. */
export function roles(args: RoleStatementsArgs): string[] {
  const { migrator, appGroup, appLogins, readOnly, backup, monitor, replication } = args;
  const logins = [migrator, ...appLogins, readOnly, backup, monitor].filter((role) => role !== undefined);
  const limited = new Set(appLogins.map(({ name }) => name));
  return [
    ensureRole(appGroup, harmless),
    ...logins.map(({ name }) => ensureRole(name, harmless)),
    ...(replication === undefined ? [] : [ensureRole(replication.role.name, replicating)]),
    ...logins.map((role) => login(role, limited.has(role.name) ? args.connectionLimit : -1)),
    ...(replication === undefined ? [] : [login(replication.role, -1)]),
    `ALTER ROLE ${identifier(appGroup)} NOLOGIN;`,
    ...appLogins.map(({ name }) => inheriting(appGroup, name)),
    ...(backup === undefined
      ? []
      : [inheriting("pg_read_all_data", backup.name), pastRowSecurity(backup.name)]),
    ...(monitor === undefined ? [] : [inheriting("pg_monitor", monitor.name)]),
    ...[migrator.name, ...args.furtherMigrators].map(actingFor),
  ];
}

/** Rights that an existing role has beyond these are another matter: see excess.ts. */
function ensureRole(name: string, attributes: string): string {
  const role = identifier(name);
  const known = `FROM pg_roles WHERE rolname = ${literal(name)}`;
  const replicates = attributes.split(" ").includes("REPLICATION");
  return block(
    `IF NOT EXISTS (SELECT ${known}) THEN
  CREATE ROLE ${role} NOLOGIN INHERIT ${attributes};
END IF;
IF EXISTS (SELECT ${known} AND NOT rolinherit) THEN
  ALTER ROLE ${role} INHERIT;
END IF;${
      replicates
        ? `
IF EXISTS (SELECT ${known} AND NOT rolreplication) THEN
  ALTER ROLE ${role} REPLICATION;
END IF;`
        : ""
    }`,
  );
}

function login({ name, verifier }: LoginRole, connectionLimit: number): string {
  if (verifier === undefined) return `ALTER ROLE ${identifier(name)} NOLOGIN PASSWORD NULL;`;
  return `ALTER ROLE ${identifier(name)} LOGIN CONNECTION LIMIT ${connectionLimit} PASSWORD ${literal(verifier)};`;
}

/** pg_dump refuses tables whose rows it would not all see. Only who has the attribute, from 16, or a superuser can give it. */
function pastRowSecurity(name: string): string {
  return block(
    `IF NOT (SELECT rolbypassrls FROM pg_roles WHERE rolname = ${literal(name)})
  AND (SELECT rolsuper OR rolbypassrls AND current_setting('server_version_num')::int >= 160000
    FROM pg_roles WHERE rolname = current_user) THEN
  ALTER ROLE ${identifier(name)} BYPASSRLS;
END IF;`,
  );
}

/** Membership whose rights are there without SET ROLE: since 16 the grant itself says so, before that the role. */
function inheriting(group: string, member: string): string {
  const grant = `GRANT ${identifier(group)} TO ${identifier(member)}`;
  return block(
    `IF current_setting('server_version_num')::int >= 160000 THEN
  EXECUTE ${literal(`${grant} WITH INHERIT TRUE`)};
ELSE
  ${grant};
END IF;`,
  );
}

/** Whoever is not a superuser has to be a member to act for an owner. */
function actingFor(owner: string): string {
  return block(
    `IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(owner)}) THEN
  RAISE EXCEPTION 'furtherMigrators: there is no role %', ${literal(owner)} USING ERRCODE = '42704';
ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(owner)} AND rolsuper) THEN
  RAISE EXCEPTION 'furtherMigrators: % is a superuser: the application could do through its views and functions whatever it may', ${literal(owner)}
    USING ERRCODE = '42501';
ELSIF NOT pg_has_role(current_user, ${literal(owner)}, 'USAGE') THEN
  GRANT ${identifier(owner)} TO CURRENT_USER;
END IF;`,
  );
}
