type Raw = Record<string, unknown>;

const replaced = new Set(["command", "entrypoint", "test"]);
const mapsAsLists = new Set(["environment", "labels", "annotations", "extra_hosts", "sysctls"]);
const listsAsMaps = new Set(["depends_on", "networks"]);

/** Lays one compose file over another: maps by key, lists one after the other, commands as a whole. */
export function mergeFiles(base: Raw, override: Raw): Raw {
  return mergeMaps(base, override);
}

function mergeMaps(base: Raw, override: Raw): Raw {
  const result: Raw = { ...base };
  for (const [key, value] of Object.entries(override)) result[key] = mergeValues(key, base[key], value);
  return result;
}

function mergeValues(key: string, base: unknown, override: unknown): unknown {
  if (base === undefined || base === null || override === null || replaced.has(key)) return override ?? base;
  if (mapsAsLists.has(key)) return { ...assignments(base), ...assignments(override) };
  if (listsAsMaps.has(key) && (Array.isArray(base) || Array.isArray(override))) {
    return mergeMaps(keys(base), keys(override));
  }
  if (Array.isArray(base) && Array.isArray(override)) {
    const seen = new Set(base.map((item) => JSON.stringify(item)));
    return [
      ...(base as unknown[]),
      ...(override as unknown[]).filter((item) => !seen.has(JSON.stringify(item))),
    ];
  }
  if (isMap(base) && isMap(override)) return mergeMaps(base, override);
  return override;
}

function isMap(value: unknown): value is Raw {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** `["A=1", "B"]` or `{A: 1, B: null}` -> `{A: "1", B: null}`. */
export function assignments(value: unknown): Record<string, string | null> {
  const result: Record<string, string | null> = {};
  if (Array.isArray(value)) {
    for (const item of value) {
      const text = String(item);
      const at = text.indexOf("=");
      if (at === -1) result[text] = null;
      else result[text.slice(0, at)] = text.slice(at + 1);
    }
  } else if (isMap(value)) {
    for (const [name, content] of Object.entries(value)) {
      result[name] = content === null || content === undefined ? null : scalar(content);
    }
  }
  return result;
}

function scalar(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function keys(value: unknown): Raw {
  return Array.isArray(value)
    ? Object.fromEntries(value.map((name) => [String(name), null]))
    : isMap(value)
      ? value
      : {};
}
