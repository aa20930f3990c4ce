/** Which of the program's values differ from those recorded. */
import { type Difference, joinPath } from "../differences";
import { isObject, isUnknown, sameValue, type Value, type Values } from "../values";
import type { Field, Type } from "./shape";
import { isEmpty, isUnsaid } from "./state";

/**
 * @param wanted - the inputs with defaults
 * @param recorded - the state
 * @param oldInputs - what the program said last time: something empty that it never gave is no difference
 */
export function compare(
  fields: readonly Field[],
  wanted: Values,
  recorded: Values,
  oldInputs: Values,
): Difference[] {
  const found: Difference[] = [];
  for (const field of fields) {
    const replace = field.rule.replace ?? false;
    const add: Add = (path, kind) => found.push({ path, kind, replace });
    compareField(field, field.name, { wanted, recorded, old: oldInputs }, add);
  }
  return found;
}

type Add = (path: string, kind: Difference["kind"]) => void;

/** The objects that have the property, as {@link compare} is given them. */
interface Owners {
  readonly wanted: Values;
  readonly recorded: Values;
  readonly old: Values;
}

function compareField(field: Field, path: string, owners: Owners, add: Add): void {
  const { name, kind, type, rule } = field;
  const wanted = owners.wanted[name];
  const recorded = owners.recorded[name] ?? undefined;
  const old = owners.old[name];
  if (kind === "computed" || rule.ignored) return;
  if (wanted === undefined) {
    // Left to the API: whatever it says is right.
    if (kind === "filled" || recorded === undefined) return;
    if (isUnsaid(field, recorded) || (old === undefined && isEmpty(recorded))) return;
    return add(path, "delete");
  }
  // An empty default where nothing is, as after an import, says the same.
  if (recorded === undefined && old === undefined && rule.default !== undefined && isEmpty(wanted)) return;
  if (recorded === undefined) return add(path, "add");
  if (isUnknown(wanted)) return add(path, "update");
  if (rule.same?.(wanted, recorded, owners.wanted)) return;
  compareValue(type, path, wanted, recorded, old, add);
}

function compareValue(type: Type, path: string, wanted: Value, recorded: Value, old: Value, add: Add): void {
  if (isUnknown(wanted)) return add(path, "update");
  if (type.is === "list" && Array.isArray(wanted) && Array.isArray(recorded)) {
    const olds = Array.isArray(old) ? old : [];
    for (let index = 0; index < Math.max(wanted.length, recorded.length); index++) {
      const own = `${path}[${index}]`;
      if (index >= recorded.length) add(own, "add");
      else if (index >= wanted.length) add(own, "delete");
      else compareValue(type.of, own, wanted[index], recorded[index], olds[index], add);
    }
    return;
  }
  const isNested = type.is === "map" || type.is === "object";
  if (isNested && isObject(wanted) && isObject(recorded)) {
    const olds = isObject(old) ? old : {};
    if (type.is === "object") {
      for (const field of type.fields) {
        compareField(field, joinPath(path, field.name), { wanted, recorded, old: olds }, add);
      }
      return;
    }
    for (const name of new Set([...Object.keys(wanted), ...Object.keys(recorded)])) {
      const own = joinPath(path, name);
      if (!(name in recorded)) add(own, "add");
      else if (!(name in wanted)) add(own, "delete");
      else compareValue(type.of, own, wanted[name], recorded[name], olds[name], add);
    }
    return;
  }
  if (!sameValue(wanted, recorded)) add(path, "update");
}
