/** A path pattern of `_headers` and `_redirects`: `*` is a splat, `:name` a placeholder for one segment. */
export interface PathPattern {
  /** Values of `splat` and the placeholders, or undefined where the path (or the host) does not match. */
  match(host: string, path: string): Readonly<Record<string, string>> | undefined;
  readonly dynamic: boolean;
}

/**
 * @param source a path, or an `https://` address whose host is matched as well; one `*` at most
 * @returns undefined where the source is no valid pattern
 */
export function pathPattern(source: string): PathPattern | undefined {
  const absolute = /^https:\/\/([^/]+)(\/.*)?$/.exec(source);
  const path = absolute === null ? source : (absolute[2] ?? "/");
  if (!path.startsWith("/") || source.split("*").length > 2) return undefined;
  const names = new Set<string>();
  const pathSource = toSource(path, "[^/]+", names);
  const hostSource = absolute === null ? undefined : toSource(absolute[1] ?? "", "[^/.]+", names);
  if (pathSource === undefined || (absolute !== null && hostSource === undefined)) return undefined;
  const pathExpression = new RegExp(`^${pathSource}$`);
  const hostExpression = hostSource === undefined ? undefined : new RegExp(`^${hostSource}$`, "i");
  return {
    dynamic: names.size > 0,
    match(host, requestPath) {
      const inHost = hostExpression?.exec(host);
      const inPath = pathExpression.exec(requestPath);
      if (inPath === null || inHost === null) return undefined;
      return { ...inHost?.groups, ...inPath.groups };
    },
  };
}

/** The regular expression of one part; undefined where a name comes twice. */
function toSource(text: string, segment: string, names: Set<string>): string | undefined {
  let valid = true;
  const use = (name: string): void => {
    valid &&= !names.has(name);
    names.add(name);
  };
  const parts = text.split(/(\*|:[A-Za-z]\w*)/).map((part) => {
    if (part === "*") {
      use("splat");
      return "(?<splat>.*)";
    }
    if (/^:[A-Za-z]/.test(part)) {
      use(part.slice(1));
      return `(?<${part.slice(1)}>${segment})`;
    }
    return part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  });
  return valid ? parts.join("") : undefined;
}

/** Puts the values of `:splat` and the placeholders into a redirect's target or a header's value. */
export function fillIn(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/:([A-Za-z]\w*)/g, (all, name: string) => values[name] ?? all);
}
