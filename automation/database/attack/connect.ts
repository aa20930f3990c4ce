import { Client, type ClientConfig } from "pg";

/** Where a database is, and by which names one logs in. */
export interface AttackTarget {
  /** The place as the application reaches it. */
  readonly host: string;
  readonly port: number;
  /** @default no TLS: inside of one machine */
  readonly ssl?: ClientConfig["ssl"];
  /** Where the migrator goes, where that is another place, as past a pooler. @default the same */
  readonly migratorPlace?: Pick<AttackTarget, "host" | "port" | "ssl">;
  readonly database: string;
  readonly app: { readonly user: string; readonly password: string };
  readonly migrator: { readonly user: string; readonly password: string };
  /** The role that holds the application's grants. */
  readonly group: string;
  readonly schemas: readonly string[];
  readonly readOnlyTables: readonly string[];
  readonly hiddenRelations: readonly string[];
  /** Whether a superuser provisions: else some of PostgreSQL's own defaults stay open, and are said to. */
  readonly bySuperuser: boolean;
  /** Databases of the same server that must be closed. @default every other one */
  readonly otherDatabases?: readonly string[];
}

export interface ConnectOptions {
  readonly database?: string;
  readonly password?: string;
  readonly replication?: boolean;
}

/** Opens a connection as one of the two. */
export type Connect = (who: "app" | "migrator", options?: ConnectOptions) => Promise<Client>;

/** Milliseconds for one connection. */
const patience = 20_000;

export function connector(target: AttackTarget): Connect {
  return async (who, { database = target.database, password, replication } = {}) => {
    const { host, port, ssl = false } = who === "app" ? target : (target.migratorPlace ?? target);
    const login = target[who];
    const client = new Client({
      host,
      port,
      ssl,
      database,
      user: login.user,
      password: password ?? login.password,
      connectionTimeoutMillis: patience,
      application_name: "groundwork db attack",
      ...(replication === true ? { replication: "database" } : {}),
    });
    // A connection that is cut later is told by the query that was under way.
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
}

/** Does `work` on a connection of its own. */
export async function connected<T>(
  connect: Connect,
  who: "app" | "migrator",
  work: (client: Client) => Promise<T>,
  options: ConnectOptions = {},
): Promise<T> {
  const client = await connect(who, options);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The SQLSTATE of an error, where the server said one. */
export function stateOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code ?? message ?? String(error);
}
