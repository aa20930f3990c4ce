/**
 * Property values as they travel between the engine and a provider, in plain JavaScript: unknowns are the
 * string {@link UNKNOWN}, secrets are unwrapped on the way in and marked with {@link secret} on the way out
 * (an output whose input of the same name was secret by {@link copySecrets}).
 */

/** One property value. Assets and archives stay objects, see {@link isAsset} and {@link isArchive}. */
export type Value = null | undefined | boolean | number | string | Value[] | { [name: string]: Value };

/** The properties of a resource, by name. */
export type Values = Record<string, Value>;

/** Stands for a value that is not known before the update has run. Only ever seen in a preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The protocol has a sentinel for each type a value would have; a provider needs to tell them apart never. */
const unknowns = new Set([
  UNKNOWN,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const outputSignature = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const assetSignature = "c44067f5952c0a294b673a41bacd8c17";
const archiveSignature = "0def7320c3a5731c473e5ecbe6d01bc7";

/** Marks an output as secret: encrypted in the state, hidden in every display. */
export function secret(value: Value): Value {
  return { [signatureKey]: secretSignature, value };
}

export function isUnknown(value: Value): boolean {
  return value === UNKNOWN;
}

export function isObject(value: Value): value is { [name: string]: Value } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isSecret(value: Value): boolean {
  return isObject(value) && value[signatureKey] === secretSignature;
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
  return isObject(value) && value[signatureKey] === assetSignature;
}

/** A folder, a packed file or a map of assets: `{ path?, uri?, assets?, hash }` and the signature. */
export function isArchive(value: Value): value is { [name: string]: Value } {
  return isObject(value) && value[signatureKey] === archiveSignature;
}

/** True when the value or anything inside it is unknown. */
export function containsUnknown(value: Value): boolean {
  if (Array.isArray(value)) return value.some(containsUnknown);
  if (isObject(value)) return Object.values(value).some(containsUnknown);
  return isUnknown(value);
}

/** As received from the engine: secrets and output values unwrapped, every kind of unknown made one, null left out. */
export function fromWire(value: Value): Value {
  if (typeof value === "string") return unknowns.has(value) ? UNKNOWN : value;
  if (Array.isArray(value)) return value.map(fromWire);
  if (!isObject(value)) return value ?? undefined;
  const signature = value[signatureKey];
  if (signature === secretSignature) return fromWire(value["value"]);
  if (signature === outputSignature) return "value" in value ? fromWire(value["value"]) : UNKNOWN;
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
