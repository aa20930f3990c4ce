import { isArchive, isAsset, isObject, isUnknown, sameValue, type Value, type Values } from "./values";

/** One property that differs, by its path (`connection.host`, `triggers[0]`). */
export interface Difference {
  readonly path: string;
  readonly kind: "add" | "delete" | "update";
  /** It cannot be changed in place. */
  readonly replace: boolean;
}

const plainName = /^[A-Za-z_$][\w$]*$/;

/** `a.b`, or `a["b-c"]` where the name is no plain word. */
export function joinPath(parent: string, name: string): string {
  if (!plainName.test(name)) return `${parent}["${name.replaceAll('"', '\\"')}"]`;
  return parent === "" ? name : `${parent}.${name}`;
}

/** The leaves that differ. `replace` is asked for each top-level name. */
export function differences(
  olds: Values,
  news: Values,
  replace: (name: string) => boolean = () => false,
): Difference[] {
  const found: Difference[] = [];
  for (const name of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    walk(joinPath("", name), olds[name], news[name], (path, kind) =>
      found.push({ path, kind, replace: replace(name) }),
    );
  }
  return found;
}

function walk(
  path: string,
  before: Value,
  after: Value,
  add: (path: string, kind: Difference["kind"]) => void,
): void {
  if (sameValue(before, after)) return;
  if ((before ?? undefined) === undefined) return add(path, "add");
  if ((after ?? undefined) === undefined) return add(path, "delete");
  if (isUnknown(before) || isUnknown(after)) return add(path, "update");
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++) {
      walk(`${path}[${index}]`, before[index], after[index], add);
    }
    return;
  }
  const atomic = isAsset(before) || isAsset(after) || isArchive(before) || isArchive(after);
  if (!atomic && isObject(before) && isObject(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      walk(joinPath(path, name), before[name], after[name], add);
    }
    return;
  }
  add(path, "update");
}
