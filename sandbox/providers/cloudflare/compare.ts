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
    compareField(
      field,
      field.name,
      wanted[field.name],
      recorded[field.name],
      oldInputs[field.name],
      (path, kind) => found.push({ path, kind, replace }),
    );
  }
  return found;
}

type Add = (path: string, kind: Difference["kind"]) => void;

function compareField(
  field: Field,
  path: string,
  wanted: Value,
  recorded: Value,
  old: Value,
  add: Add,
): void {
  if (field.kind === "computed" || field.rule.ignored) return;
  if (wanted === undefined) {
    // Left to the API: whatever it says is right.
    if (field.kind === "filled" || recorded === undefined || recorded === null) return;
    if (isUnsaid(field, recorded) || (old === undefined && isEmpty(recorded))) return;
    return add(path, "delete");
  }
  if (recorded === undefined || recorded === null) return add(path, "add");
  if (isUnknown(wanted)) return add(path, "update");
  if (field.rule.same?.(wanted, recorded)) return;
  compareValue(field.type, path, wanted, recorded, old, add);
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
        const name = field.name;
        compareField(field, joinPath(path, name), wanted[name], recorded[name], olds[name], add);
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
