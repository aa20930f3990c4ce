import { accessSync, constants, openSync, readdirSync, readSync, closeSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * The machine's own `psql` or `pg_isready`: a real program, not a script (Debian's /usr/bin/psql is one that chooses
 * a version), and not one of the sandbox's.
 */
export function findRealProgram(name: string, path = process.env["PATH"] ?? ""): string | undefined {
  const candidates = [
    ...path.split(delimiter).map((folder) => join(folder, name)),
    ...debianVersions().map((version) => `/usr/lib/postgresql/${version}/bin/${name}`),
  ];
  return candidates.find(isProgram);
}

/** The machine's database client, unless GROUNDWORK_STAND_IN=1 asks for the sandbox's stand-in. */
export function findDatabaseClient(name: "psql" | "pg_isready"): string | undefined {
  return process.env["GROUNDWORK_STAND_IN"] === "1" ? undefined : findRealProgram(name);
}

function debianVersions(): string[] {
  try {
    return readdirSync("/usr/lib/postgresql").sort((a, b) => Number(b) - Number(a));
  } catch {
    return [];
  }
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    const handle = openSync(file, "r");
    const head = Buffer.alloc(2);
    readSync(handle, head, 0, 2, 0);
    closeSync(handle);
    return head.toString("latin1") !== "#!";
  } catch {
    return false;
  }
}
