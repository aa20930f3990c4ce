import type { PropertyChange } from "./model";
import type { ResourceChange } from "./resource-change";
import { type Value, type Values, hidden, isValues, shown, unknown } from "./values";

/** More than that of one resource says nothing to a reader. */
const most = 20;

interface Difference {
  readonly path: string;
  readonly before: Value | undefined;
  readonly after: Value | undefined;
}

/**
 * The inputs that differ, each by its path, as deep as they can be told apart. What is made or goes has none: its title
 * says what it is.
 *
 * @param diffs paths that the engine names; those are told also where both sides look the same, as secrets do
 */
export function diffed(
  change: ResourceChange,
  diffs: readonly string[],
): { readonly properties: PropertyChange[]; readonly moreProperties: number } {
  if (change.operation !== "update" && change.operation !== "replace") {
    return { properties: [], moreProperties: 0 };
  }
  const { before = {}, after = {} } = change;
  const found = new Map<string, Difference>();
  for (const name of change.changed) {
    const differences = compare(name, before[name], after[name]);
    for (const difference of differences) found.set(difference.path, difference);
    if (differences.length > 0) continue;
    const at = [...diffs].filter(
      (path) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`),
    );
    const secret = before[name] === hidden || after[name] === hidden;
    // Below a secret, paths would tell what it is made of.
    for (const path of secret || at.length === 0 ? [name] : at) {
      const value = secret ? hidden : undefined;
      found.set(path, { path, before: value, after: value });
    }
  }
  const properties = [...found.values()]
    .map((difference) => propertyOf(difference, change.replaceKeys))
    .sort((one, other) => Number(other.replaces) - Number(one.replaces) || (one.path < other.path ? -1 : 1));
  return { properties: properties.slice(0, most), moreProperties: Math.max(0, properties.length - most) };
}

function propertyOf({ path, before, after }: Difference, replaceKeys: readonly string[]): PropertyChange {
  const secret = before === hidden || after === hidden;
  const replaces = replaceKeys.some((key) => path === key || isBelow(path, key) || isBelow(key, path));
  const kind =
    before === undefined && after !== undefined
      ? "add"
      : after === undefined && before !== undefined
        ? "delete"
        : "update";
  return {
    path,
    kind,
    secret,
    ...(secret || before === undefined ? {} : { before: shown(before) }),
    ...(secret || after === undefined ? {} : { after: shown(after) }),
    replaces,
  };
}

function isBelow(path: string, above: string): boolean {
  return path.startsWith(`${above}.`) || path.startsWith(`${above}[`);
}

function compare(path: string, before: Value | undefined, after: Value | undefined): Difference[] {
  if (before === hidden || after === hidden) return before === after ? [] : [{ path, before, after }];
  if (isValues(before) && isValues(after)) {
    return names(before, after).flatMap((name) => compare(below(path, name), before[name], after[name]));
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const [old, wanted] = [before as readonly Value[], after as readonly Value[]];
    return Array.from({ length: Math.max(old.length, wanted.length) }, (_, index) =>
      compare(`${path}[${index}]`, old[index], wanted[index]),
    ).flat();
  }
  if (before === after && before !== unknown) return [];
  return before === undefined && after === undefined ? [] : [{ path, before, after }];
}

function names(one: Values, other: Values): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])];
}

function below(path: string, name: string): string {
  return /^[A-Za-z_$][\w$-]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
}
