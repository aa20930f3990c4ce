import { spawn } from "node:child_process";
import { findOnPath } from "../../common/find-on-path";
import { endProcess, identify } from "../../common/processes";
import { UserError } from "../../common/user-error";
import type { DatabaseRole, EnvironmentDatabase } from "./database";
import { HandedFiles } from "./handed-files";

/** What psql is run in. */
export interface PsqlSurroundings {
  /** Told each line that the container's psql prints. */
  readonly print: (line: string) => void;
  /** Aborted, this machine's psql is not begun. */
  readonly signal: AbortSignal;
  /** This machine's psql runs within it: it has the terminal, and cancels a query by Ctrl-C. */
  readonly handOver: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * Runs this machine's psql on a database, its input and output being ours; where there is none, the container's, which
 * has no terminal. The password goes by a file without a name, or one that only this user can read.
 *
 * @throws UserError where psql ends with an error
 */
export async function runPsql(
  database: EnvironmentDatabase,
  role: DatabaseRole,
  args: readonly string[],
  surroundings: PsqlSurroundings,
): Promise<void> {
  const code =
    findOnPath("psql") === undefined
      ? await containerPsql(database, role, args, surroundings.print)
      : await ownPsql(database, role, args, surroundings);
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
  { handOver, signal }: PsqlSurroundings,
): Promise<number> {
  const { password, user } = database.login(role);
  const { host, port, ssl, serverName, authorities } = await database.place(role);
  signal.throwIfAborted();
  const files = new HandedFiles();
  try {
    const environment: NodeJS.ProcessEnv = {
      ...process.env,
      PGHOST: serverName ?? host,
      // Where the server really is; the name is what its certificate is held against.
      ...(serverName === undefined ? {} : { PGHOSTADDR: host }),
      PGPORT: String(port),
      PGUSER: user,
      PGDATABASE: database.settings.database,
      PGPASSFILE: files.add("password", `*:*:*:*:${password.replace(/[\\:]/g, "\\$&")}\n`),
      PGAPPNAME: "groundwork db psql",
      PGSSLMODE: ssl === false ? "disable" : "verify-full",
      ...(authorities === undefined ? {} : { PGSSLROOTCERT: files.add("authorities.pem", authorities) }),
    };
    delete environment["PGPASSWORD"];
    return await handOver(() => runOnTerminal(args, environment, files));
  } finally {
    files.remove();
  }
}

/**
 * Runs psql to its end. A signal that ends this process ends psql first: with its terminal shared it would be left to nobody, and go
 * on reading from it.
 */
async function runOnTerminal(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  files: HandedFiles,
): Promise<number> {
  const child = spawn("psql", [...args], { stdio: ["inherit", "inherit", "inherit", ...files.open], env });
  let ending: NodeJS.Signals | undefined;
  const end = (signal: NodeJS.Signals): void => {
    if (ending === undefined && child.pid !== undefined) void endProcess(identify(child.pid));
    ending ??= signal;
  };
  const leave = (): void => {
    child.kill();
    files.remove();
  };
  const signals = ["SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, end);
  process.on("exit", leave);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 130)));
    });
  } finally {
    process.off("exit", leave);
    for (const signal of signals) process.off(signal, end);
    if (ending !== undefined) {
      files.remove();
      process.kill(process.pid, ending);
    }
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
