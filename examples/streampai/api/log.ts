/** One JSON object a line on standard output: what a log collector wants and a person can still read. */
export interface Log {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, error: unknown, fields?: Fields): void;
}
type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * @param secrets exact strings that are never written, whatever text carries them
 * @param write takes one finished line without its newline
 */
export function createLog(
  secrets: readonly string[],
  write: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): Log {
  const line = (level: string, event: string, fields: Fields) => {
    write(redact(JSON.stringify({ time: new Date().toISOString(), level, event, ...fields }), secrets));
  };
  return {
    info: (event, fields = {}) => line("info", event, fields),
    warn: (event, fields = {}) => line("warn", event, fields),
    error: (event, error, fields = {}) => line("error", event, { ...fields, error: describe(error) }),
  };
}

/** Message and code of an error. An AggregateError (no address answered) has its message in its parts. */
export function describe(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(describe).join("; ");
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" && !error.message.includes(code)
    ? `${error.message} (${code})`
    : error.message;
}

/** Replaces each secret, as it stands, JSON-escaped and URL-encoded. */
export function redact(line: string, secrets: readonly string[]): string {
  let clean = line;
  for (const secret of secrets) {
    if (secret.length < 4) continue;
    const forms = new Set([secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]);
    for (const form of forms) clean = clean.split(form).join("[secret]");
  }
  return clean;
}

/** What must never appear in a log: the signing key, the connection string and the password inside it. */
export function secretsOf(parts: { databaseUrl: string; secretKeyBase?: string }): string[] {
  const secrets = [parts.databaseUrl, parts.secretKeyBase ?? ""];
  try {
    const { password } = new URL(parts.databaseUrl);
    secrets.push(password, decodeURIComponent(password));
  } catch {
    // An address that cannot be read was refused before.
  }
  return secrets.filter((secret) => secret !== "");
}
