/** What the API needs to start, read from the environment once. */
export interface ApiConfig {
  /** Plain HTTP port. Default 4000; 0 picks a free one. */
  readonly port: number;
  /** HTTPS beside the plain port, when both files are named. */
  readonly tls: { readonly port: number; readonly certFile: string; readonly keyFile: string } | undefined;
  /** Address to listen on. Default `0.0.0.0`: inside a container the published port decides who gets in. */
  readonly host: string;
  readonly databaseUrl: string;
  /** Signs session cookies; at least 32 characters. */
  readonly secretKeyBase: string;
  /** Origins a browser may call from, with credentials. `https://x.example:*` allows every port. */
  readonly corsOrigins: readonly string[];
  /** `Domain` of the session cookie, with a leading dot; undefined makes the cookie the API host's own. */
  readonly cookieDomain: string | undefined;
  /** Identity of what is running, in `x-release` and in the health report. Default `unreleased`. */
  readonly release: string;
  /** The longest a stop may take, in seconds. Default 20; the container's grace period must be longer. */
  readonly drainSeconds: number;
}

/** Everything that is wrong with the environment, at once. Names variables, never their values. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    super(["the API cannot start:", ...problems.map((problem) => `  - ${problem}`)].join("\n"));
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * @throws ConfigError listing every problem of the environment.
 * @example readConfig({ DATABASE_URL: "postgresql://…", SECRET_KEY_BASE: "…", PHX_HOST: "streampai.com" })
 */
export function readConfig(env: Environment): ApiConfig {
  const problems: string[] = [];
  const databaseUrl = readDatabaseUrl(env, problems);
  const secretKeyBase = text(env, "SECRET_KEY_BASE");
  if (secretKeyBase === undefined) problems.push("SECRET_KEY_BASE is missing: it signs session cookies");
  else if (secretKeyBase.length < 32) problems.push("SECRET_KEY_BASE is too short: at least 32 characters");
  const config: ApiConfig = {
    port: readNumber(env, "PORT", 4000, 0, 65535, problems),
    tls: readTls(env, problems),
    host: text(env, "HOST") ?? "0.0.0.0",
    databaseUrl,
    secretKeyBase: secretKeyBase ?? "",
    corsOrigins: readOrigins(env, problems),
    cookieDomain: readCookieDomain(env, problems),
    release: text(env, "RELEASE_ID") ?? text(env, "RELEASE") ?? "unreleased",
    drainSeconds: readNumber(env, "DRAIN_SECONDS", 20, 0, 600, problems),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function text(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === undefined || value === "" ? undefined : value;
}

/** The connection string, required and checked without ever repeating it: it holds a password. */
export function readDatabaseUrl(env: Environment, problems: string[], name = "DATABASE_URL"): string {
  const value = text(env, name);
  if (value === undefined) {
    problems.push(`${name} is missing: postgresql://user:password@host:5432/database`);
    return "";
  }
  try {
    const url = new URL(value);
    if (!["postgres:", "postgresql:", "ecto:"].includes(url.protocol) || url.pathname.length < 2)
      throw new Error();
    // Phoenix accepts ecto://; the driver here does not.
    return url.protocol === "ecto:" ? value.replace(/^ecto:/, "postgresql:") : value;
  } catch {
    problems.push(`${name} is not a PostgreSQL address: postgresql://user:password@host:5432/database`);
    return "";
  }
}

function readNumber(
  env: Environment,
  name: string,
  fallback: number,
  min: number,
  max: number,
  problems: string[],
): number {
  const value = text(env, name);
  if (value === undefined) return fallback;
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= min && number <= max) return number;
  problems.push(`${name} must be a whole number from ${min} to ${max}`);
  return fallback;
}

function readTls(env: Environment, problems: string[]): ApiConfig["tls"] {
  const certFile = text(env, "TLS_CERT_FILE");
  const keyFile = text(env, "TLS_KEY_FILE");
  const port = readNumber(env, "TLS_PORT", 4443, 0, 65535, problems);
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    problems.push("TLS_CERT_FILE and TLS_KEY_FILE go together: set both, or none for plain HTTP only");
    return undefined;
  }
  return { port, certFile, keyFile };
}

function readOrigins(env: Environment, problems: string[]): string[] {
  const host = text(env, "PHX_HOST");
  const value = text(env, "CORS_ORIGIN") ?? (host === undefined ? undefined : `https://${host}`);
  if (value === undefined) {
    problems.push("CORS_ORIGIN is missing (and PHX_HOST to derive it from): https://streampai.com");
    return [];
  }
  const origins = value.split(",").map((origin) => origin.trim().replace(/\/$/, ""));
  for (const origin of origins) {
    if (!/^https?:\/\/[a-z0-9.-]+(:(\d+|\*))?$/i.test(origin)) {
      problems.push("CORS_ORIGIN must list origins, separated by commas: https://streampai.com");
    }
  }
  return origins;
}

function readCookieDomain(env: Environment, problems: string[]): string | undefined {
  const value = text(env, "COOKIE_DOMAIN");
  if (value === undefined) return undefined;
  if (!/^\.?[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(value)) {
    problems.push("COOKIE_DOMAIN must be a domain both hosts share: .streampai.com");
  }
  return value.startsWith(".") ? value : `.${value}`;
}
