/**
 * Property values as they travel between the engine and a provider, in plain JavaScript: unknowns are the
 * string {@link UNKNOWN}, secrets are unwrapped on the way in and marked with {@link secret} on the way out
 * (an output whose input of the same name was secret by {@link copySecrets}).
 */

import { markKey, marks, unknownTexts, unknownValue } from "../../common/engine-values";

/** One property value. Assets and archives stay objects, see {@link isAsset} and {@link isArchive}. */
export type Value = null | undefined | boolean | number | string | Value[] | { [name: string]: Value };

/** The properties of a resource, by name. */
export type Values = Record<string, Value>;

/** Stands for a value that is not known before the update has run. Only ever seen in a preview. */
export const UNKNOWN = unknownValue;

/** Marks an output as secret: encrypted in the state, hidden in every display. */
export function secret(value: Value): Value {
  return { [markKey]: marks.secret, value };
}

export function isUnknown(value: Value): boolean {
  return value === UNKNOWN;
}

export function isObject(value: Value): value is { [name: string]: Value } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isSecret(value: Value): boolean {
  return isObject(value) && value[markKey] === marks.secret;
}

/** True when the value or anything inside it is secret. Of values as received, see {@link fromWire}. */
export function containsSecret(value: Value): boolean {
  if (Array.isArray(value)) return value.some(containsSecret);
  return isSecret(value) || (isObject(value) && Object.values(value).some(containsSecret));
}

/** Marks what was secret in `received` (not yet unwrapped) where it stands under the same name in `outputs`. */
export function copySecrets(outputs: Values, received: Values): Values {
  const result = { ...outputs };
  for (const [name, before] of Object.entries(received)) {
    const value = result[name];
    if (value === undefined || isSecret(value) || !containsSecret(before)) continue;
    const isNested = !isSecret(before) && isObject(before) && isObject(value);
    result[name] = isNested ? copySecrets(value, before) : secret(value);
  }
  return result;
}

/** A file, a text or a URL given as an asset: `{ path? , text?, uri?, hash }` and the signature. */
export function isAsset(value: Value): value is { [name: string]: Value } {
  return isObject(value) && value[markKey] === marks.asset;
}

/** A folder, a packed file or a map of assets: `{ path?, uri?, assets?, hash }` and the signature. */
export function isArchive(value: Value): value is { [name: string]: Value } {
  return isObject(value) && value[markKey] === marks.archive;
}

/** True when the value or anything inside it is unknown. */
export function containsUnknown(value: Value): boolean {
  if (Array.isArray(value)) return value.some(containsUnknown);
  if (isObject(value)) return Object.values(value).some(containsUnknown);
  return isUnknown(value);
}

/** As received from the engine: secrets and output values unwrapped, every kind of unknown made one, null left out. */
export function fromWire(value: Value): Value {
  if (typeof value === "string") return unknownTexts.has(value) ? UNKNOWN : value;
  if (Array.isArray(value)) return value.map(fromWire);
  if (!isObject(value)) return value ?? undefined;
  const signature = value[markKey];
  if (signature === marks.secret) return fromWire(value["value"]);
  if (signature === marks.output) return "value" in value ? fromWire(value["value"]) : UNKNOWN;
  const result: Values = {};
  for (const [name, item] of Object.entries(value)) {
    const plain = fromWire(item);
    if (plain !== undefined) result[name] = plain;
  }
  return result;
}

/** Ready to be sent: nothing undefined is left, which the protocol has no word for. */
export function toWire(value: Value): Value {
  if (Array.isArray(value)) return value.map((item) => toWire(item) ?? null);
  if (!isObject(value)) return value;
  const result: Values = {};
  for (const [name, item] of Object.entries(value)) {
    if (item !== undefined) result[name] = toWire(item);
  }
  return result;
}

/** Whether two values are the same; absent, undefined and null are one. Assets are the same when their hash is. */
export function sameValue(one: Value, other: Value): boolean {
  if ((one ?? undefined) === (other ?? undefined)) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => sameValue(item, other[index]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  if ((isAsset(one) && isAsset(other)) || (isArchive(one) && isArchive(other))) {
    if (one["hash"] !== undefined && other["hash"] !== undefined) return one["hash"] === other["hash"];
  }
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].every((name) =>
    sameValue(one[name], other[name]),
  );
}
