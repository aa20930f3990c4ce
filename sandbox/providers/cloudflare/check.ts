/** What a declaration alone tells about wrong inputs, at every depth. Values are never part of a message. */
import type { CheckFailure } from "../definition";
import { joinPath } from "../differences";
import { isObject, isUnknown, type Value, type Values } from "../values";
import type { Field, Type } from "./shape";

export function checkShape(fields: readonly Field[], inputs: Values): CheckFailure[] {
  const failures: CheckFailure[] = [];
  // Names and presence at the top are the scaffold's.
  for (const field of fields) {
    const value = inputs[field.name];
    if (field.kind !== "computed" && value !== undefined) checkValue(field.type, field.name, value, failures);
  }
  return failures;
}

function checkValue(type: Type, path: string, value: Value, failures: CheckFailure[]): void {
  if (value === undefined || value === null || isUnknown(value)) return;
  const expected = wrongType(type, value);
  if (expected !== undefined) {
    failures.push({ property: path, reason: `"${path}" has to be ${expected}` });
  } else if (type.is === "list" && Array.isArray(value)) {
    value.forEach((item, index) => checkValue(type.of, `${path}[${index}]`, item, failures));
  } else if (type.is === "map" && isObject(value)) {
    for (const [name, item] of Object.entries(value))
      checkValue(type.of, joinPath(path, name), item, failures);
  } else if (type.is === "object" && isObject(value)) checkObject(type.fields, path, value, failures);
}

function checkObject(fields: readonly Field[], path: string, value: Values, failures: CheckFailure[]): void {
  for (const name of Object.keys(value)) {
    if (name.startsWith("__") || fields.some((field) => field.name === name)) continue;
    const names = fields.map((field) => field.name).join(", ");
    failures.push({
      property: joinPath(path, name),
      reason: `"${path}" has no "${name}"; it has ${names || "nothing"}`,
    });
  }
  for (const field of fields) {
    const own = joinPath(path, field.name);
    const item = value[field.name];
    if (item !== undefined) checkValue(field.type, own, item, failures);
    else if (field.kind === "required" && field.rule.default === undefined) {
      failures.push({ property: own, reason: `"${own}" is missing` });
    }
  }
}

/** What it should have been; undefined when it is right. */
function wrongType(type: Type, value: Value): string | undefined {
  switch (type.is) {
    case "text":
      return typeof value === "string" ? undefined : "text";
    case "number":
      return typeof value === "number" ? undefined : "a number";
    case "boolean":
      return typeof value === "boolean" ? undefined : "true or false";
    case "list":
      return Array.isArray(value) ? undefined : "a list";
    case "map":
    case "object":
      return isObject(value) ? undefined : "an object";
    case "anything":
      return undefined;
  }
}
