/**
 * Whether a browser page of this origin may call with credentials. Below `.localhost`, which only ever means the
 * machine itself, the port is not compared: a sandbox takes whichever is free.
 */
export function isAllowedOrigin(origin: string, allowed: readonly string[]): boolean {
  return allowed.some((entry) => {
    if (entry === origin) return true;
    const anyPort = entry.endsWith(":*") || /\.localhost(:\d+)?$/.test(entry);
    return anyPort && withoutPort(entry) === withoutPort(origin);
  });
}

function withoutPort(origin: string): string {
  return origin.replace(/:(\d+|\*)$/, "");
}

/** Headers of a response to a request with this `Origin`; a stranger gets `Vary` alone. */
export function corsHeaders(
  origin: string | undefined,
  allowed: readonly string[],
): Readonly<Record<string, string>> {
  if (origin === undefined || !isAllowedOrigin(origin, allowed)) return { vary: "Origin" };
  return {
    vary: "Origin",
    "access-control-allow-origin": origin,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "x-release, x-request-id, retry-after",
  };
}

/** What an allowed preflight is told besides {@link corsHeaders}. */
export const preflightHeaders: Readonly<Record<string, string>> = {
  "access-control-allow-methods": "GET, POST, OPTIONS",
  "access-control-allow-headers": "content-type",
  "access-control-max-age": "600",
};
