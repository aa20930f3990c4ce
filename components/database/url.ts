import { isIPv6 } from "node:net";
import type { PostgresWithAppUserArgs } from "./args";

/** What stands behind the question mark of a database's URLs. */
export function urlParameters(args: PostgresWithAppUserArgs): Readonly<Record<string, string>> {
  if (args.kind === "container") return args.urlParameters ?? {};
  return { sslmode: args.tls ?? "verify-full", ...args.urlParameters };
}

/** As `encodeURIComponent`, and the five marks that it leaves: some parsers and shells stumble over those. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
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
    .map(([key, value]) => `${encoded(key)}=${encoded(value)}`)
    .join("&");
  return (
    `postgresql://${encoded(user)}:${encoded(password)}@${place}:${port}` +
    `/${encoded(database)}${query === "" ? "" : `?${query}`}`
  );
}
