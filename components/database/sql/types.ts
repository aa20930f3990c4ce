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
  /** Names, or `name@version`. */
  readonly extensions: readonly string[];
  readonly migrator: LoginRole;
  /** Roles that exist and make objects in the schemas as well. */
  readonly furtherMigrators: readonly string[];
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
  /** Whether logins of the application that are no longer named stay usable. */
  readonly passwordOverlap: boolean;
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
  /** Whether rights that a role of ours has beyond what it may are taken away, instead of named in an error. */
  readonly reduceRoles: boolean;
}

/** The roles that read the schemas and write nothing. */
export function readersOf(args: RoleStatementsArgs): LoginRole[] {
  return [args.readOnly, args.replication?.role].filter((role) => role !== undefined);
}

/** Attributes of every role but the replication's. */
export const harmless = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";

/** Attributes of the replication's role. */
export const replicating = "NOSUPERUSER NOCREATEDB NOCREATEROLE REPLICATION NOBYPASSRLS";
