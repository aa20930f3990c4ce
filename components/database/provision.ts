import { Client, type ClientConfig } from "pg";
import { identifier } from "./quoting";

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

/** Makes the database if it is missing, then runs the statements in one transaction. */
export async function provision(input: ProvisionInput): Promise<{ readonly created: boolean }> {
  const created = await connected(input, input.adminDatabase, async (client) => {
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [input.database]);
    if (found.rowCount !== 0) return false;
    await client.query(`CREATE DATABASE ${identifier(input.database)}`);
    return true;
  });
  await connected(input, input.database, async (client) => {
    // One message with several statements is one transaction; said all the same.
    await client.query(`BEGIN;\n${input.statements}\nCOMMIT;`);
  });
  return { created };
}

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
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
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
