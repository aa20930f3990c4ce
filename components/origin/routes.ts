/** A route's key, taken apart. */
export interface Route {
  /** Undefined: any host name of the origin. */
  readonly hostname: string | undefined;
  /** `/api/*`, `/*`, `/exact`. */
  readonly path: string;
}

const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
const pattern = new RegExp(`^((${label}\\.)+${label})?(/[A-Za-z0-9._~/@:!&+,;=%-]*\\*?)$`);

/** Whether a text is a route: a path (`*` only at its end), with a host name before it or not. */
export function isRoute(key: string): boolean {
  return pattern.test(key) && !key.includes("//");
}

/**
 * Takes a route apart.
 *
 * @example
 * parseRoute("www.example.com/*"); // { hostname: "www.example.com", path: "/*" }
 */
export function parseRoute(key: string): Route {
  const slash = key.indexOf("/");
  return { hostname: slash === 0 ? undefined : key.slice(0, slash), path: key.slice(slash) };
}

/** Whether requests to the path are the route's: the longest match wins. */
export function routeMatches(route: Route, hostname: string, path: string): boolean {
  if (route.hostname !== undefined && route.hostname !== hostname) return false;
  return route.path.endsWith("*") ? path.startsWith(route.path.slice(0, -1)) : path === route.path;
}

/** The order in which routes are tried: those of one host name first, then the longer path, the exact one first. */
export function byPrecedence(one: Route, other: Route): number {
  const named = Number(other.hostname !== undefined) - Number(one.hostname !== undefined);
  const exact = Number(one.path.endsWith("*")) - Number(other.path.endsWith("*"));
  const text = (route: Route) => route.path.replace(/\*$/, "");
  return named || text(other).length - text(one).length || exact || (one.path < other.path ? -1 : 1);
}
