import { homedir } from "node:os";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Where to connect and as whom. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password: string | undefined;
}

/** What the command line says; the environment and libpq's defaults fill the rest. */
export interface TargetFlags {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly user?: string | undefined;
  /** A name, a `postgresql://` address or a `key=value` list. */
  readonly database?: string | undefined;
}

/** Resolves as libpq does: connection text, flags, PG… variables, defaults, then the password file. */
export function resolveTarget(flags: TargetFlags, environment: NodeJS.ProcessEnv): Target {
  const text = connectionText(flags.database);
  const user = flags.user ?? text["user"] ?? environment["PGUSER"] ?? environment["USER"] ?? "root";
  const database = text["dbname"] ?? (Object.keys(text).length > 0 ? undefined : flags.database);
  const target = {
    host: flags.host ?? text["host"] ?? environment["PGHOST"] ?? "/var/run/postgresql",
    port: Number(flags.port ?? text["port"] ?? environment["PGPORT"] ?? 5432),
    user,
    database: database ?? environment["PGDATABASE"] ?? user,
  };
  const password = text["password"] ?? environment["PGPASSWORD"] ?? passwordFromFile(target, environment);
  return { ...target, password };
}

function connectionText(text: string | undefined): Record<string, string> {
  if (text === undefined) return {};
  if (/^postgres(ql)?:\/\//.test(text)) {
    const url = new URL(text);
    const parts: Record<string, string> = { ...Object.fromEntries(url.searchParams) };
    if (url.hostname !== "") parts["host"] = decodeURIComponent(url.hostname).replace(/^\[|\]$/g, "");
    if (url.port !== "") parts["port"] = url.port;
    if (url.username !== "") parts["user"] = decodeURIComponent(url.username);
    if (url.password !== "") parts["password"] = decodeURIComponent(url.password);
    if (url.pathname.length > 1) parts["dbname"] = decodeURIComponent(url.pathname.slice(1));
    return parts;
  }
  if (!text.includes("=")) return {};
  const parts: Record<string, string> = {};
  for (const match of text.matchAll(/(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S*))/g)) {
    parts[match[1] ?? ""] = (match[2] ?? match[3] ?? "").replace(/\\(.)/g, "$1");
  }
  return parts;
}

function passwordFromFile(
  target: Omit<Target, "password">,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  const file = environment["PGPASSFILE"] ?? join(homedir(), ".pgpass");
  let content: string;
  try {
    // As libpq: a file that others can read is not used.
    if ((statSync(file).mode & 0o077) !== 0) return undefined;
    content = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  const wanted = [
    target.host.startsWith("/") ? "localhost" : target.host,
    String(target.port),
    target.database,
    target.user,
  ];
  for (const line of content.split("\n")) {
    const fields = line.split(/(?<!\\):/).map((field) => field.replace(/\\(.)/g, "$1"));
    if (
      fields.length === 5 &&
      wanted.every((value, index) => fields[index] === "*" || fields[index] === value)
    )
      return fields[4];
  }
  return undefined;
}
