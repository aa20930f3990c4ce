/** What a list of Access applications is searched for. */
export interface AccessAddresses {
  /** `host/path` as in an application's destinations; `*` stands for a part of a label or of a segment. */
  readonly uris: readonly string[];
}

/**
 * The application whose address fits a host and path most closely: a whole host name before one with a wildcard,
 * then the longer path. Nothing is inherited from less specific ones.
 *
 * @param path with a leading slash, without the query string
 */
export function closestApplication<T extends AccessAddresses>(
  applications: readonly T[],
  host: string,
  path: string,
): T | undefined {
  let best: { readonly application: T; readonly score: number } | undefined;
  for (const application of applications) {
    for (const uri of application.uris) {
      const score = fit(uri, host, path);
      if (score !== undefined && score > (best?.score ?? -1)) best = { application, score };
    }
  }
  return best?.application;
}

/** How closely an address fits; undefined where it does not. */
function fit(uri: string, host: string, path: string): number | undefined {
  const slash = uri.indexOf("/");
  const hostPattern = (slash === -1 ? uri : uri.slice(0, slash)).toLowerCase();
  const pathPattern = slash === -1 ? "" : uri.slice(slash).replace(/\/$/, "");
  if (!matchParts(hostPattern.split("."), host.split("."), "whole")) return undefined;
  if (!matchParts(pathPattern.split("/").slice(1), path.split("/").slice(1), "start")) return undefined;
  // A path may have 2,000 characters and more; a whole host name outweighs any.
  return pathPattern.replaceAll("*", "").length + (hostPattern.includes("*") ? 0 : 1_000_000);
}

function matchParts(
  patterns: readonly string[],
  parts: readonly string[],
  until: "whole" | "start",
): boolean {
  if (until === "whole" ? patterns.length !== parts.length : patterns.length > parts.length) return false;
  return patterns.every((pattern, index) => matchPart(pattern, parts[index] ?? ""));
}

function matchPart(pattern: string, part: string): boolean {
  const star = pattern.indexOf("*");
  if (star === -1) return pattern === part;
  const [start, end] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return (
    part.length > start.length + end.length - 1 && part !== "" && part.startsWith(start) && part.endsWith(end)
  );
}
