/** Why a host's API refused: its own words and the status, in one line; never the request, which holds the token. */
export function reasonOf(error: unknown): string {
  const {
    message = String(error),
    status,
    cause,
  } = Object(error) as { readonly message?: string; readonly status?: unknown; readonly cause?: unknown };
  const below = (Object(cause) as { readonly message?: unknown }).message;
  const whole = typeof below === "string" && below !== "" ? `${message}: ${below}` : message;
  const line = (whole.split("\n")[0] ?? "").slice(0, 300);
  return typeof status === "number" ? `${line} (status ${status})` : line;
}

/** Whether a host's API answered that there is no such thing. */
export function isNotThere(error: unknown): boolean {
  return (Object(error) as { readonly status?: unknown }).status === 404;
}
