import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { roleStatements, type RoleStatementsArgs } from "../../components/database/roles";
import { roleSalt, scramVerifier } from "../../components/database/scram";
import type { TestPostgres } from "./postgres";

/** A server with databases whose roles are made by the statements under test. */
export class DatabaseRoles {
  readonly seed = randomBytes(32).toString("base64");
  /** Passwords by role, as far as they are known. */
  readonly passwords = new Map<string, string>();

  constructor(private readonly server: TestPostgres) {}

  /** A login with a password of its own. */
  login(name: string): { readonly name: string; readonly verifier: string } {
    const password = this.passwords.get(name) ?? randomBytes(24).toString("base64url");
    this.passwords.set(name, password);
    return { name, verifier: scramVerifier(password, roleSalt(this.seed, name, 1)) };
  }

  /** The statements of a database, its roles named after it. */
  statements(database: string, changes: Partial<RoleStatementsArgs> = {}): string {
    return roleStatements({
      database,
      schemas: ["public"],
      extensions: [],
      migrator: this.login(`${database}_migrator`),
      furtherMigrators: [],
      reduceRoles: false,
      appGroup: `${database}_app`,
      appLogins: [this.login(`${database}_app_a`), { name: `${database}_app_b` }],
      readOnly: this.login(`${database}_ro`),
      backup: this.login(`${database}_backup`),
      monitor: this.login(`${database}_monitor`),
      replication: undefined,
      readOnlyTables: ["schema_migrations"],
      hiddenRelations: [],
      passwordOverlap: true,
      connectionLimit: 50,
      statementTimeout: 30_000,
      lockTimeout: 5_000,
      idleInTransactionTimeout: 60_000,
      migratorLockTimeout: 5_000,
      isolateDatabases: true,
      ...changes,
    });
  }

  /** Runs statements in one transaction as the superuser does. */
  async provision(database: string, changes: Partial<RoleStatementsArgs> = {}): Promise<void> {
    await this.server.query(database, `BEGIN;\n${this.statements(database, changes)}\nCOMMIT;`);
  }

  /** Makes a database, fills it as the superuser, and provisions it. */
  async database(name: string, before = "", changes: Partial<RoleStatementsArgs> = {}): Promise<void> {
    await this.server.query("postgres", `CREATE DATABASE ${name}`);
    if (before !== "") await this.server.query(name, before);
    await this.provision(name, changes);
  }

  url(role: string, database: string): string {
    return this.server.url(database, role, this.passwords.get(role));
  }

  async as<T>(role: string, database: string, work: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ connectionString: this.url(role, database) });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  /** The SQLSTATE a statement ends with, or "done". Rolled back in any case. */
  async attempt(role: string, database: string, sql: string): Promise<string> {
    return this.as(role, database, async (client) => {
      try {
        await client.query("BEGIN");
        await client.query(sql);
        return "done";
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      } finally {
        await client.query("ROLLBACK").catch(() => undefined);
      }
    }).catch((error: unknown) => (error as { code?: string }).code ?? String(error));
  }
}
