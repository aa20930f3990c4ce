/** What is sent: whole objects for POST and PUT, only what changed for PATCH. */
import { isObject, sameValue, type Value, type Values } from "../values";
import type { Field, Type } from "./shape";
import { mapValues } from "./state";

/**
 * Everything the program says. What is recorded and no longer said becomes an explicit null, which is how the API
 * learns that it has to go.
 */
export function wholeBody(fields: readonly Field[], wanted: Values, recorded: Values = {}): Values {
  const body: Values = {};
  for (const field of fields) {
    if (field.rule.local || field.kind === "computed") continue;
    const value = wanted[field.name];
    const before = recorded[field.name] ?? undefined;
    if (value !== undefined) body[field.wire] = encodeField(field, value, before);
    else if (before !== undefined && field.kind === "optional") body[field.wire] = null;
  }
  return body;
}

function encodeField(field: Field, value: Value, before?: Value): Value {
  if (field.rule.json && typeof value === "string") {
    try {
      return JSON.parse(value) as Value;
    } catch {
      throw new Error(`${field.name} has to be JSON text, and is not`);
    }
  }
  return encode(field.type, value, before);
}

function encode(type: Type, value: Value, before?: Value): Value {
  if (type.is === "list" && Array.isArray(value)) return value.map((item) => encode(type.of, item));
  if (!isObject(value)) return value;
  if (type.is === "map") return mapValues(value, (item) => encode(type.of, item));
  if (type.is === "object") return wholeBody(type.fields, value, isObject(before) ? before : {});
  return value;
}

/** Only what differs, nested objects and maps taken apart; what is gone is null. Lists are sent whole. */
export function changedBody(fields: readonly Field[], wanted: Values, recorded: Values): Values {
  const body: Values = {};
  for (const field of fields) {
    if (field.rule.local || field.kind === "computed" || field.rule.ignored) continue;
    const change = changed(field, field.type, wanted[field.name], recorded[field.name] ?? undefined, wanted);
    if (change !== undefined) body[field.wire] = change;
  }
  return body;
}

function changed(
  field: Field | undefined,
  type: Type,
  wanted: Value,
  recorded: Value,
  siblings: Values,
): Value {
  if (wanted === undefined) {
    if (recorded === undefined || field?.kind === "filled") return undefined;
    // A map's entries are taken away one by one; nothing else would be understood as removal.
    if (type.is === "map" && isObject(recorded)) return mapValues(recorded, () => null);
    return null;
  }
  if (sameValue(wanted, recorded) || field?.rule.same?.(wanted, recorded, siblings)) return undefined;
  if (isObject(wanted) && isObject(recorded)) {
    if (type.is === "object") return nothingAsUndefined(changedBody(type.fields, wanted, recorded));
    if (type.is === "map") {
      const body: Values = {};
      for (const name of new Set([...Object.keys(wanted), ...Object.keys(recorded)])) {
        const change = changed(undefined, type.of, wanted[name], recorded[name], wanted);
        if (change !== undefined) body[name] = change;
      }
      return nothingAsUndefined(body);
    }
  }
  return field ? encodeField(field, wanted) : encode(type, wanted);
}

function nothingAsUndefined(body: Values): Values | undefined {
  return Object.keys(body).length > 0 ? body : undefined;
}
