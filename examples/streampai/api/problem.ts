/** A request that cannot be served: becomes `{error: {code, message, fields?}}` with its status. */
export class Problem extends Error {
  override readonly name = "Problem";
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields?: Readonly<Record<string, string>>,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** What a failure of the database means to a caller; undefined where it is a bug of ours. */
export function databaseProblem(error: unknown): Problem | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  const message = error instanceof Error ? error.message : "";
  if (code === "42P01" || code === "3F000") {
    return new Problem(503, "not_migrated", "the database has no tables yet: run the migrations", undefined, {
      "retry-after": "5",
    });
  }
  const away =
    error instanceof AggregateError ||
    (typeof code === "string" &&
      /^(ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|08|28|53|57P|3D000)/.test(code)) ||
    /timeout|terminated|Connection ended|not queryable|Cannot use a pool/i.test(message);
  return away
    ? new Problem(503, "database_unavailable", "the database does not answer", undefined, {
        "retry-after": "2",
      })
    : undefined;
}
