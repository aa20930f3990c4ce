import type { Client } from "pg";
import type { Fixture } from "./fixture";
import type { Connect } from "./connect";

/** What a row has at hand. */
export interface RowContext {
  readonly connect: Connect;
  readonly fixture: Fixture;
  readonly facts: Facts;
}

/** What was found out about the database before the rows run. */
export interface Facts {
  readonly database: string;
  readonly app: string;
  readonly group: string;
  readonly migrator: string;
  readonly schemas: readonly string[];
  /** Tables of the migration history and others that the application only reads; quoted, with a column each. */
  readonly readOnlyTables: readonly { readonly named: string; readonly column: string }[];
  /** Relations out of the application's reach; quoted. */
  readonly hiddenRelations: readonly string[];
  /** Databases of the server that are not the application's. */
  readonly otherDatabases: readonly string[];
  readonly superusers: readonly string[];
  /** Views outside of PostgreSQL's own schemas that are made of password verifiers; quoted. */
  readonly verifierViews: readonly string[];
  /** An extension that anybody with CREATE could make, and one that only a superuser could; where there is one. */
  readonly trustedExtension: string | undefined;
  readonly untrustedExtension: string | undefined;
  /** Process of a connection of the migrator's that stays open. */
  readonly migratorProcess: number;
}

/** One attempt of a row. */
export type Attempt = SqlAttempt | CheckedAttempt;

export interface SqlAttempt {
  readonly sql: string;
  /** SQLSTATEs that say "refused". @default 42501 */
  readonly refusedBy?: RegExp;
  /** The migrator may do the same, or the refusal proves nothing. @default not tried */
  readonly byMigrator?: boolean;
  /** What cannot be in a transaction; what undoes it if it should succeed. @default rolled back */
  readonly outside?: { readonly undo?: string };
  /** Only a superuser can close this: where none provisions, it stays open and is said. */
  readonly superuserCloses?: boolean;
}

/** An attempt of its own kind: returns what is wrong, or nothing. */
export interface CheckedAttempt {
  readonly what: string;
  /** What it must come to, for the table. */
  readonly wanted: string;
  readonly superuserCloses?: boolean;
  check(client: Client, context: RowContext): Promise<string | undefined>;
}

/** A row of one of the two tables. */
export interface Row {
  /** `attack`: every attempt must be refused. `work`: every one must succeed. */
  readonly table: "attack" | "work";
  readonly number: number;
  readonly title: string;
  attempts(context: RowContext): readonly Attempt[];
}

/** A statement that must be refused, and that the migrator may do. */
export const closed = (sql: string): SqlAttempt => ({ sql, byMigrator: true });

/** A statement that must be refused, and that not even the migrator may do. */
export const never = (sql: string): SqlAttempt => ({ sql });

/** A check by a query that must find nothing: its one column names what is wrong. */
export const nothing = (what: string, sql: string): CheckedAttempt => ({
  what,
  wanted: "none",
  check: async (client) => {
    const { rows } = await client.query<{ found: string }>({ text: sql });
    if (rows.length === 0) return undefined;
    const names = rows.slice(0, 5).map(({ found }) => found);
    return `${names.join(", ")}${rows.length > 5 ? ` and ${rows.length - 5} more` : ""}`;
  },
});
