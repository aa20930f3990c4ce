/** The namespace of all keys in a stack file, and the project's name. */
export const NAMESPACE = "groundwork";

/** Where something is in the settings: keys of maps and indices of lists. */
export type Keys = readonly (string | number)[];

/** A path as `pulumi config --path` takes it: `origins.api.hostnames[0]`, `tunnels.main.ingress["api.pika.dance"]`. */
export function configPath(keys: Keys): string {
  let path = "";
  for (const key of keys) {
    if (typeof key === "number") path += `[${key}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(key)) path += path === "" ? key : `.${key}`;
    else path += `[${JSON.stringify(key)}]`;
  }
  return path;
}

/** The same with its namespace: `groundwork:origins.api.port`; a key of another namespace keeps its own. */
export function configKey(keys: Keys): string {
  const [first, ...rest] = keys;
  if (typeof first === "string" && first.includes(":")) {
    const path = configPath(rest);
    return path === "" || path.startsWith("[") ? `${first}${path}` : `${first}.${path}`;
  }
  return `${NAMESPACE}:${configPath(keys)}`;
}

/** The value at a path; undefined where there is none. Looks at own keys only. */
export function valueAt(root: unknown, keys: Keys): unknown {
  let value = root;
  for (const key of keys) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}

/** Is there something at the path, be it null? */
export function existsAt(root: unknown, keys: Keys): boolean {
  if (keys.length === 0) return root !== undefined;
  const parent = valueAt(root, keys.slice(0, -1));
  return typeof parent === "object" && parent !== null && Object.hasOwn(parent, keys.at(-1) ?? "");
}

/** A copy without what is at the path. An element of a list is taken out, so later ones move up. */
export function withoutPath(root: unknown, keys: Keys): unknown {
  const [key, ...rest] = keys;
  if (key === undefined || typeof root !== "object" || root === null) return root;
  if (Array.isArray(root)) {
    const list: unknown[] = [...(root as unknown[])];
    if (typeof key !== "number") return list;
    if (rest.length === 0) list.splice(key, 1);
    else if (key < list.length) list[key] = withoutPath(list[key], rest);
    return list;
  }
  if (!Object.hasOwn(root, key)) return root;
  return Object.fromEntries(
    Object.entries(root).flatMap(([name, value]): [string, unknown][] => {
      if (name !== String(key)) return [[name, value]];
      return rest.length === 0 ? [] : [[name, withoutPath(value, rest)]];
    }),
  );
}

export function startsWith(keys: Keys, prefix: Keys): boolean {
  return prefix.every((key, index) => keys[index] === key);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
