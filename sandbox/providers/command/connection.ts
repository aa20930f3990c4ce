import { isObject, type Value, type Values } from "../values";

/** Where and how to log in: one hop, as the SDK's `ConnectionArgs` and `ProxyConnectionArgs` name it. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly privateKey?: string | undefined;
  readonly privateKeyPassword?: string | undefined;
  readonly password?: string | undefined;
  readonly agentSocketPath?: string | undefined;
  /** Failed attempts that are tried again; -1 is for ever. */
  readonly dialErrorLimit: number;
  /** Seconds for the TCP connection of one attempt; 0 is no limit. */
  readonly perDialTimeout: number;
  /** One key in the form of authorized_keys. Any key is accepted without. */
  readonly hostKey?: string | undefined;
  readonly proxy?: Connection | undefined;
}

const defaults = { port: 22, user: "root", dialErrorLimit: 10, perDialTimeout: 15 } as const;

const textFields = [
  "host",
  "user",
  "privateKey",
  "privateKeyPassword",
  "password",
  "agentSocketPath",
  "hostKey",
] as const;
const numberFields = ["port", "dialErrorLimit", "perDialTimeout"] as const;
const known: ReadonlySet<string> = new Set([...textFields, ...numberFields, "proxy"]);

/** Wrong fields by path, without any of their values: a private key may be among them. Unknowns pass. */
export function wrongConnection(value: Value, path = "connection"): { property: string; reason: string }[] {
  if (!isObject(value)) return [];
  const failures: { property: string; reason: string }[] = [];
  const fail = (name: string, reason: string) => failures.push({ property: `${path}.${name}`, reason });
  for (const name of Object.keys(value)) {
    if (!known.has(name))
      fail(name, `unknown field of a connection; known are ${[...known].sort().join(", ")}`);
  }
  if (value["host"] === undefined) fail("host", "a connection needs a host");
  if (value["proxy"] !== undefined) {
    if (path !== "connection") fail("proxy", "only one hop is possible");
    else failures.push(...wrongConnection(value["proxy"], `${path}.proxy`));
  }
  return failures;
}

/** Reads a checked connection, filling in the defaults; of the environment only SSH_AUTH_SOCK is used. */
export function readConnection(value: Value, environment: NodeJS.ProcessEnv = process.env): Connection {
  const given = isObject(value) ? value : {};
  const fields: Values = { ...defaults };
  for (const name of textFields) if (typeof given[name] === "string") fields[name] = given[name];
  for (const name of numberFields) {
    const number = Number(given[name]);
    if (given[name] !== undefined && Number.isFinite(number)) fields[name] = number;
  }
  fields["agentSocketPath"] ??= environment["SSH_AUTH_SOCK"] || undefined;
  const proxy = given["proxy"] === undefined ? undefined : readConnection(given["proxy"], environment);
  return { ...(fields as unknown as Connection), proxy };
}
