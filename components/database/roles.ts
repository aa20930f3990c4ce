import { block, identifier, literal, textArray } from "./quoting";

/** A role that logs in; without a verifier it exists but cannot. */
export interface LoginRole {
  readonly name: string;
  /** SCRAM-SHA-256 verifier of its password. */
  readonly verifier?: string | undefined;
}

/** What {@link roleStatements} is about. */
export interface RoleStatementsArgs {
  readonly database: string;
  readonly schemas: readonly string[];
  readonly extensions: readonly string[];
  readonly migrator: LoginRole;
  /** The group that holds the application's grants. */
  readonly appGroup: string;
  /** Its logins. */
  readonly appLogins: readonly LoginRole[];
  readonly readOnly?: LoginRole | undefined;
  readonly backup?: LoginRole | undefined;
  readonly monitor?: LoginRole | undefined;
  readonly replication?:
    | {
        readonly role: LoginRole;
        readonly publication: string;
        readonly tables?: readonly string[] | undefined;
      }
    | undefined;
  /** `schema.table`, or a name for that table in each schema. Only those that exist are looked at. */
  readonly readOnlyTables: readonly string[];
  /** As `readOnlyTables`: out of the application's reach altogether. */
  readonly hiddenRelations: readonly string[];
  readonly connectionLimit: number;
  /** Milliseconds. */
  readonly statementTimeout: number;
  /** Milliseconds. */
  readonly lockTimeout: number;
  /** Milliseconds. */
  readonly idleInTransactionTimeout: number;
  /** Milliseconds. */
  readonly migratorLockTimeout: number;
  readonly isolateDatabases: boolean;
}

const harmless = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";

/** Any number that nobody else is likely to lock by. */
const advisoryLock = 7_401_533_928;

/** Functions that anybody may call by default and that nobody here needs: large objects, messages in the WAL. */
const closedFunctions = ["pg_logical_emit_message", "lo_create", "lo_creat", "lo_from_bytea", "lo_put"];

/**
 * The statements that make roles and grants what they should be, whatever they were: to be run in one transaction in the
 * application's database, again and again, by a superuser or (elsewhere) a role that may create roles.
 *
 * The migrator owns what is there and what will be made. The application's group may read and write rows, and nothing
 * else; its two logins alternate when passwords are rotated.
 */
export function roleStatements(args: RoleStatementsArgs): string {
  return [
    "SET LOCAL client_min_messages = warning;",
    block(`PERFORM pg_advisory_xact_lock(${advisoryLock});`),
    ...roles(args),
    ...databases(args),
    ...args.extensions.map((name) => `CREATE EXTENSION IF NOT EXISTS ${identifier(name)};`),
    ...args.schemas.flatMap((schema) => schemaStatements(schema, args)),
    ...relations(args),
    ...closing(args),
    ...settings(args),
    ...replication(args),
    "",
  ].join("\n");
}

function roles(args: RoleStatementsArgs): string[] {
  const { migrator, appGroup, appLogins, readOnly, backup, monitor } = args;
  const logins = [migrator, ...appLogins, readOnly, backup, monitor].filter((role) => role !== undefined);
  const limited = new Set(appLogins.map(({ name }) => name));
  return [
    ensureRole(appGroup, harmless),
    ...logins.map(({ name }) => ensureRole(name, harmless)),
    ...logins.map((role) => login(role, limited.has(role.name) ? args.connectionLimit : -1)),
    `ALTER ROLE ${identifier(appGroup)} NOLOGIN;`,
    ...[appGroup, ...appLogins.map(({ name }) => name)].map((name) => dropMemberships(name)),
    ...appLogins.map(({ name }) => `GRANT ${identifier(appGroup)} TO ${identifier(name)};`),
    ...(backup === undefined ? [] : [`GRANT pg_read_all_data TO ${identifier(backup.name)};`]),
    ...(monitor === undefined ? [] : [`GRANT pg_monitor TO ${identifier(monitor.name)};`]),
    // Whoever is not a superuser has to be a member to act for the owner.
    block(
      `IF NOT pg_has_role(current_user, ${literal(migrator.name)}, 'USAGE') THEN\n` +
        `  GRANT ${identifier(migrator.name)} TO CURRENT_USER;\nEND IF;`,
    ),
  ];
}

/** Attributes are only touched where they differ: touching them at all needs a superuser. */
function ensureRole(name: string, attributes: string): string {
  const wanted = (attribute: string) => (attributes.split(" ").includes(`NO${attribute}`) ? "" : "NOT ");
  const differs = [
    `${wanted("SUPERUSER")}rolsuper`,
    `${wanted("CREATEDB")}rolcreatedb`,
    `${wanted("CREATEROLE")}rolcreaterole`,
    `${wanted("REPLICATION")}rolreplication`,
    `${wanted("BYPASSRLS")}rolbypassrls`,
  ].join(" OR ");
  return block(
    `IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(name)}) THEN\n` +
      `  CREATE ROLE ${identifier(name)} NOLOGIN ${attributes};\n` +
      `ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(name)} AND (${differs})) THEN\n` +
      `  ALTER ROLE ${identifier(name)} ${attributes};\n` +
      `END IF;`,
  );
}

/** Whatever else the role was made a member of, it is not any more. */
function dropMemberships(name: string): string {
  return block(
    `FOR other IN SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
  JOIN pg_roles own ON own.oid = m.member WHERE own.rolname = ${literal(name)}
LOOP
  EXECUTE format('REVOKE %I FROM %I', other, ${literal(name)});
END LOOP;`,
    "other name;",
  );
}

function login({ name, verifier }: LoginRole, connectionLimit: number): string {
  if (verifier === undefined) return `ALTER ROLE ${identifier(name)} NOLOGIN PASSWORD NULL;`;
  return `ALTER ROLE ${identifier(name)} LOGIN CONNECTION LIMIT ${connectionLimit} PASSWORD ${literal(verifier)};`;
}

function databases(args: RoleStatementsArgs): string[] {
  const database = identifier(args.database);
  const guests = [args.readOnly, args.backup, args.monitor].filter((role) => role !== undefined);
  const isolate = block(
    `FOR other IN SELECT datname FROM pg_database\n` +
      `  WHERE datallowconn AND datname <> ${literal(args.database)} AND pg_has_role(datdba, 'USAGE')\n` +
      `LOOP\n  EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', other);\nEND LOOP;`,
    "other name;",
  );
  return [
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC;`,
    `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${database} TO ${identifier(args.migrator.name)};`,
    `REVOKE ALL ON DATABASE ${database} FROM ${identifier(args.appGroup)};`,
    `GRANT CONNECT ON DATABASE ${database} TO ${identifier(args.appGroup)};`,
    ...guests.map(({ name }) => `GRANT CONNECT ON DATABASE ${database} TO ${identifier(name)};`),
    ...(args.isolateDatabases ? [isolate] : []),
  ];
}

function schemaStatements(name: string, args: RoleStatementsArgs): string[] {
  const schema = identifier(name);
  const migrator = identifier(args.migrator.name);
  const app = identifier(args.appGroup);
  const defaults = `ALTER DEFAULT PRIVILEGES FOR ROLE ${migrator} IN SCHEMA ${schema}`;
  const readers = [args.readOnly, args.replication?.role].filter((role) => role !== undefined);
  return [
    block(
      `IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = ${literal(name)}) THEN\n` +
        `  CREATE SCHEMA ${schema} AUTHORIZATION ${migrator};\nEND IF;`,
    ),
    `REVOKE ALL ON SCHEMA ${schema} FROM PUBLIC;`,
    `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${migrator};`,
    `REVOKE ALL ON SCHEMA ${schema} FROM ${app};`,
    `GRANT USAGE ON SCHEMA ${schema} TO ${app};`,
    `${defaults} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${app};`,
    `${defaults} GRANT USAGE, SELECT ON SEQUENCES TO ${app};`,
    `${defaults} GRANT EXECUTE ON FUNCTIONS TO ${app};`,
    `GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema} TO ${app};`,
    ...readers.flatMap((role) => [
      ...(role === args.replication?.role ? [ensureRole(role.name, replicating)] : []),
      `GRANT USAGE ON SCHEMA ${schema} TO ${identifier(role.name)};`,
      `${defaults} GRANT SELECT ON TABLES TO ${identifier(role.name)};`,
    ]),
  ];
}

const replicating = "NOSUPERUSER NOCREATEDB NOCREATEROLE REPLICATION NOBYPASSRLS";

/** Objects of the schemas that belong to no extension. */
const ownObjects = (catalogue: string) =>
  `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalogue}'::regclass AND d.objid = o.oid AND d.deptype = 'e')`;

/**
 * What is in the schemas already: owned by the migrator from now on (an old volume's objects belong to the superuser,
 * through whose views the application could see too much), and granted one by one, extensions' relations left alone.
 */
function relations(args: RoleStatementsArgs): string[] {
  const schemas = textArray(args.schemas);
  const migrator = literal(args.migrator.name);
  const migratorOid = `(SELECT oid FROM pg_roles WHERE rolname = ${migrator})`;
  const inSchemas = (column: string) =>
    `${column} IN (SELECT oid FROM pg_namespace WHERE nspname = ANY (${schemas}))`;
  const adopt = block(
    `IF current_setting('is_superuser') <> 'on' THEN RETURN; END IF;
FOR item IN SELECT o.oid::regclass::text AS named FROM pg_class o
  WHERE ${inSchemas("o.relnamespace")} AND o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND o.relowner <> ${migratorOid} AND ${ownObjects("pg_class")}
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = o.oid
      AND o.relkind = 'S' AND d.deptype IN ('a', 'i'))
LOOP
  EXECUTE format('ALTER TABLE %s OWNER TO %I', item.named, ${migrator});
END LOOP;
FOR item IN SELECT o.oid::regprocedure::text AS named FROM pg_proc o
  WHERE ${inSchemas("o.pronamespace")} AND o.prokind <> 'a'
    AND o.proowner <> ${migratorOid} AND ${ownObjects("pg_proc")}
LOOP
  EXECUTE format('ALTER ROUTINE %s OWNER TO %I', item.named, ${migrator});
END LOOP;
FOR item IN SELECT o.oid::regtype::text AS named FROM pg_type o
  WHERE ${inSchemas("o.typnamespace")} AND o.typtype IN ('e', 'd') AND o.typowner <> ${migratorOid}
    AND ${ownObjects("pg_type")}
LOOP
  EXECUTE format('ALTER TYPE %s OWNER TO %I', item.named, ${migrator});
END LOOP;`,
    "item record;",
  );
  const readers = [args.readOnly, args.replication?.role].filter((role) => role !== undefined);
  const grantReaders = readers.map(
    ({ name }) => `  EXECUTE format('GRANT SELECT ON TABLE %s TO %I', item.named, ${literal(name)});\n`,
  );
  const grant = block(
    `FOR item IN SELECT o.oid::regclass::text AS named, o.relkind AS kind FROM pg_class o
  WHERE ${inSchemas("o.relnamespace")} AND o.relkind IN ('r', 'p', 'v', 'm', 'f') AND ${ownObjects("pg_class")}
    AND pg_has_role(o.relowner, 'USAGE')
    AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = o.relowner)
LOOP
  EXECUTE format('REVOKE ALL ON TABLE %s FROM PUBLIC, %I', item.named, ${literal(args.appGroup)});
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO %I', item.named, ${literal(args.appGroup)});
${grantReaders.join("")}END LOOP;`,
    "item record;",
  );
  const sequences = args.schemas.map(
    (schema) =>
      `GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ${identifier(schema)} TO ${identifier(args.appGroup)};`,
  );
  const readOnly = exceptions(args, args.readOnlyTables, "INSERT, UPDATE, DELETE");
  const hidden = exceptions(args, args.hiddenRelations, "ALL");
  return [adopt, grant, ...sequences, ...readOnly, ...hidden];
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

/** What PUBLIC could do by PostgreSQL's own defaults. */
function closing(args: RoleStatementsArgs): string[] {
  const migrator = identifier(args.migrator.name);
  return [
    // Without IN SCHEMA: the form with it does not take the built-in grant away.
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${migrator} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;`,
    block(
      `IF current_setting('is_superuser') <> 'on' THEN RETURN; END IF;
FOR item IN SELECT oid::regprocedure::text AS named FROM pg_proc
  WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY (${textArray(closedFunctions)})
LOOP
  EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', item.named);
  EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', item.named, ${literal(args.migrator.name)});
END LOOP;`,
      "item record;",
    ),
  ];
}

/** Settings of the logins: a group's would not be inherited. */
function settings(args: RoleStatementsArgs): string[] {
  const path = args.schemas.map(identifier).join(", ");
  const set = (role: string, values: Readonly<Record<string, string | number>>) =>
    Object.entries(values).map(
      ([name, value]) =>
        `ALTER ROLE ${identifier(role)} IN DATABASE ${identifier(args.database)} SET ${name} = ${value};`,
    );
  const limits = {
    statement_timeout: args.statementTimeout,
    lock_timeout: args.lockTimeout,
    idle_in_transaction_session_timeout: args.idleInTransactionTimeout,
  };
  return [
    ...set(args.migrator.name, { search_path: path, lock_timeout: args.migratorLockTimeout }),
    ...args.appLogins.flatMap(({ name }) => set(name, { search_path: path, ...limits })),
    ...(args.readOnly === undefined
      ? []
      : set(args.readOnly.name, { search_path: path, default_transaction_read_only: "on", ...limits })),
  ];
}

function replication({ replication, schemas }: RoleStatementsArgs): string[] {
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
  return [login(role, -1), grantConnect(role), create, ...(tables === undefined ? [] : [add])];
}

function grantConnect({ name }: LoginRole): string {
  return block(`EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), ${literal(name)});`);
}
