import { isIPv6 } from "node:net";
import type { PostgresWithAppUserArgs } from "./args";

/** What stands behind the question mark of a database's URLs. */
export function urlParameters(args: PostgresWithAppUserArgs): Readonly<Record<string, string>> {
  if (args.kind === "container") return args.urlParameters ?? {};
  return { sslmode: args.tls ?? "verify-full", ...args.urlParameters };
}

/** A `postgresql://` URL; every part is percent-encoded, an IPv6 address stands in brackets. */
export function postgresUrl(parts: {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly parameters?: Readonly<Record<string, string>>;
}): string {
  const { host, port, user, password, database, parameters = {} } = parts;
  const place = isIPv6(host) ? `[${host}]` : host;
  const query = Object.entries(parameters)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .join("&");
  return (
    `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${place}:${port}` +
    `/${encodeURIComponent(database)}${query === "" ? "" : `?${query}`}`
  );
}
