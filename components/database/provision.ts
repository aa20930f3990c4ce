import { Client, type ClientConfig } from "pg";
import { identifier } from "./quoting";
import { advisoryLock } from "./roles";

/** What the step for a database elsewhere reads as JSON from standard input. */
export interface ProvisionInput {
  readonly host: string;
  readonly port: number;
  /** The name in the server's certificate; differs from `host` where an override says where the server really is. */
  readonly serverName: string;
  readonly tls: "verify-full" | "require" | "disable";
  /** PEM. */
  readonly certificateAuthority?: string | undefined;
  readonly adminUser: string;
  readonly adminPassword: string;
  readonly adminDatabase: string;
  readonly database: string;
  readonly statements: string;
}

/**
 * Makes the database if it is missing, then runs the statements in one transaction. Roles belong to the whole server, so
 * that one runs at a time on it, whichever database it is for.
 */
export async function provision(input: ProvisionInput): Promise<{ readonly created: boolean }> {
  return connected(input, input.adminDatabase, async (admin) => {
    // Advisory locks are a database's own: this one is in the database that everybody connects to first. Another number
    // than the statements', as that database may be the application's.
    await admin.query(`SELECT pg_advisory_lock(${advisoryLock + 1})`);
    const found = await admin.query("SELECT 1 FROM pg_database WHERE datname = $1", [input.database]);
    const created = found.rowCount === 0;
    if (created) await admin.query(`CREATE DATABASE ${identifier(input.database)}`);
    await connected(input, input.database, async (client) => {
      // One message with several statements is one transaction; said all the same.
      await client.query(`BEGIN;\n${input.statements}\nCOMMIT;`);
      await client.query(endRetired).catch(() => undefined);
    });
    return { created };
  });
}

/** A login that was ended, by a rotation or as it is no longer named, keeps its connections until somebody cuts them. */
const endRetired = `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
  JOIN pg_roles r ON r.oid = a.usesysid WHERE NOT r.rolcanlogin AND a.datname = current_database()`;

async function connected<T>(
  input: ProvisionInput,
  database: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    host: input.host,
    port: input.port,
    user: input.adminUser,
    password: input.adminPassword,
    database,
    connectionTimeoutMillis: 15_000,
    application_name: "groundwork",
    ...tlsOf(input),
  });
  // A connection that is cut is told by the query that was under way, not by the end of the program.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function tlsOf({ tls, serverName, certificateAuthority }: ProvisionInput): Pick<ClientConfig, "ssl"> {
  if (tls === "disable") return { ssl: false };
  return {
    ssl: {
      servername: serverName,
      rejectUnauthorized: tls === "verify-full",
      ...(certificateAuthority === undefined ? {} : { ca: certificateAuthority }),
    },
  };
}
