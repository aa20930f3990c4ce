import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findOnPath } from "../../common/find-on-path";
import { UserError } from "../../common/user-error";
import type { DatabaseRole, EnvironmentDatabase } from "./database";

/**
 * Runs this machine's psql on a database, its input and output being ours; where there is none, the container's, which
 * has no terminal. The password goes by a file that only this user can read.
 *
 * @param print told each line that the container's psql prints
 * @throws UserError where psql ends with an error
 */
export async function runPsql(
  database: EnvironmentDatabase,
  role: DatabaseRole,
  args: readonly string[],
  print: (line: string) => void,
): Promise<void> {
  const code =
    findOnPath("psql") === undefined
      ? await containerPsql(database, role, args, print)
      : await ownPsql(database, role, args);
  if (code === 0) return;
  throw new UserError({
    what: "psql ended with an error",
    value: `exit code ${code}`,
    next: "mend what it has said above",
  });
}

async function ownPsql(
  database: EnvironmentDatabase,
  role: DatabaseRole,
  args: readonly string[],
): Promise<number> {
  const { password, user } = database.login(role);
  const { host, port, ssl, serverName, authorities } = await database.place(role);
  const folder = mkdtempSync(join(tmpdir(), "groundwork-psql-"));
  try {
    const file = (name: string, content: string): string => {
      const path = join(folder, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
    const environment: NodeJS.ProcessEnv = {
      ...process.env,
      PGHOST: serverName ?? host,
      // Where the server really is; the name is what its certificate is held against.
      ...(serverName === undefined ? {} : { PGHOSTADDR: host }),
      PGPORT: String(port),
      PGUSER: user,
      PGDATABASE: database.settings.database,
      PGPASSFILE: file("password", `*:*:*:*:${password.replace(/[\\:]/g, "\\$&")}\n`),
      PGAPPNAME: "groundwork db psql",
      PGSSLMODE: ssl === false ? "disable" : "verify-full",
      ...(authorities === undefined ? {} : { PGSSLROOTCERT: file("authorities.pem", authorities) }),
    };
    delete environment["PGPASSWORD"];
    return await new Promise((resolve, reject) => {
      const child = spawn("psql", [...args], { stdio: "inherit", env: environment });
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 130)));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function containerPsql(
  database: EnvironmentDatabase,
  role: DatabaseRole,
  args: readonly string[],
  print: (line: string) => void,
): Promise<number> {
  if (database.settings.kind === "external") {
    throw new UserError({
      what: "this machine has no psql",
      next: "install PostgreSQL's client: apt-get install postgresql-client, or brew install libpq",
    });
  }
  const chunks: Buffer[] = [];
  // With -c or -f nothing is read; else what is typed or piped, to its end.
  if (!args.some((word) => /^-[cf]|^--(command|file)/.test(word))) {
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  }
  return database.shell(role, args, Buffer.concat(chunks).toString("utf8"), print);
}
