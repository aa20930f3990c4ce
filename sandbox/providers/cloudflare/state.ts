/**
 * From what a program says to what is recorded, and back: pure functions over {@link Field}s. "wanted" is the
 * program's inputs with the provider's defaults, "recorded" a state, "answer" JSON of the API.
 */
import { isObject, isUnknown, sameValue, secret, UNKNOWN, type Value, type Values } from "../values";
import type { Field, Type } from "./shape";

/** The inputs, with defaults filled in wherever the object around them is there. */
export function wantedOf(fields: readonly Field[], inputs: Values): Values {
  const wanted: Values = {};
  for (const field of fields) {
    if (field.kind === "computed") continue;
    const given = inputs[field.name] ?? undefined;
    const value = wantedValue(field.type, given ?? field.rule.default);
    if (value !== undefined) wanted[field.name] = value;
  }
  return wanted;
}

function wantedValue(type: Type, value: Value): Value {
  if (type.is === "list" && Array.isArray(value)) return value.map((item) => wantedValue(type.of, item));
  if (!isObject(value)) return value;
  if (type.is === "map") return mapValues(value, (item) => wantedValue(type.of, item));
  if (type.is === "object") return wantedOf(type.fields, value);
  return value;
}

/** What is recorded after a create or update: the program's own values, everything computed from the answer. */
export function stateAfterWrite(fields: readonly Field[], wanted: Values, answer: Value): Values {
  const answered = isObject(answer) ? answer : {};
  const state: Values = {};
  for (const field of fields) {
    const own = wanted[field.name];
    const found = answered[field.answer];
    const value =
      own === undefined
        ? field.kind === "filled" || field.kind === "computed"
          ? decode(field, found)
          : undefined
        : filledIn(field.type, own, found);
    if (value !== undefined) state[field.name] = value;
  }
  return state;
}

function filledIn(type: Type, own: Value, found: Value): Value {
  if (type.is === "list" && Array.isArray(own)) {
    const items = Array.isArray(found) && found.length === own.length ? found : [];
    return own.map((item, index) => filledIn(type.of, item, items[index]));
  }
  if (!isObject(own)) return own;
  if (type.is === "map") {
    return mapValues(own, (item, name) => filledIn(type.of, item, isObject(found) ? found[name] : undefined));
  }
  return type.is === "object" ? stateAfterWrite(type.fields, own, found) : own;
}

/**
 * What is recorded after a read: the answer, but a recorded value stays where the answer means the same, where it is
 * empty on both sides, and where the API never tells (`kept`).
 */
export function stateAfterRead(fields: readonly Field[], recorded: Values, answer: Value): Values {
  const answered = isObject(answer) ? answer : {};
  const state: Values = {};
  for (const field of fields) {
    const before = recorded[field.name] ?? undefined;
    const found = answered[field.answer];
    const { kept } = field.rule;
    const stays = before !== undefined && (typeof kept === "function" ? kept(found, before) : kept);
    const value = stays ? before : readValue(field, before, found, recorded);
    if (value !== undefined) state[field.name] = value;
  }
  return state;
}

function readValue(field: Field, before: Value, found: Value, siblings: Values): Value {
  if (field.rule.local && before !== undefined) return before;
  const value = decodeOver(field.type, before, found, field);
  if (before === undefined && isUnsaid(field, value)) return undefined;
  if (value === undefined) return field.kind !== "computed" && isEmpty(before) ? before : undefined;
  if (before === undefined) return value;
  if (field.rule.same === sameUnordered && Array.isArray(before) && Array.isArray(value)) {
    return inOrderOf(before, value);
  }
  return field.rule.same?.(before, value, siblings) ? before : value;
}

/** As {@link decode}, where nested values are laid over those recorded. */
function decodeOver(type: Type, before: Value, found: Value, field: Field): Value {
  if (field.rule.asGiven && Array.isArray(found)) {
    return asGiven(type, Array.isArray(before) ? before : [], found);
  }
  if (type.is === "list" && Array.isArray(found)) {
    const olds = Array.isArray(before) ? before : [];
    // Elements belong together by place only when none came or went.
    const aligned = olds.length === found.length;
    return found
      .map((item, index) => nested(type.of, aligned ? olds[index] : undefined, item))
      .filter(isThere);
  }
  if ((type.is === "map" || type.is === "object") && isObject(found)) return nested(type, before, found);
  return decode(field, found);
}

function nested(type: Type, before: Value, found: Value): Value {
  const olds = isObject(before) ? before : {};
  if (type.is === "object" && isObject(found)) return stateAfterRead(type.fields, olds, found);
  if (type.is === "map" && isObject(found)) {
    const values: Values = {};
    for (const [name, item] of Object.entries(found)) {
      const value = nested(type.of, olds[name], item);
      if (value !== undefined) values[name] = value;
    }
    return values;
  }
  return decodeType(type, found);
}

/** Elements that the program described keep exactly the members it gave; others appear as the API tells them. */
function asGiven(type: Type, before: readonly Value[], found: readonly Value[]): Value {
  const element = type.is === "list" ? type.of : type;
  return found
    .map((item, index) => {
      const value = decodeType(element, item);
      const given = before[index];
      // A reference to something with a place of its own, whose content does not belong here.
      if (isObject(value) && given === undefined && isObject(item) && item["reusable"] === true)
        return pick(value, ["id", "precedence"]);
      if (!isObject(value) || !isObject(given)) return value;
      const isSame = given["id"] === undefined || given["id"] === value["id"];
      return isSame ? pick(value, Object.keys(given)) : pick(value, ["id", "precedence"]);
    })
    .filter(isThere);
}

function pick(value: Values, names: readonly string[]): Values {
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)));
}

/** The elements of `found` in the order that was recorded; new ones at the end. */
function inOrderOf(recorded: readonly Value[], found: readonly Value[]): Value[] {
  const left = [...found];
  const ordered: Value[] = [];
  for (const item of recorded) {
    const index = left.findIndex((other) => sameUnordered(item, other));
    if (index >= 0) ordered.push(...left.splice(index, 1).map(() => item));
  }
  return [...ordered, ...left];
}

/** A value of an answer; undefined when there is none, or one of another type. */
export function decode(field: Field, found: Value): Value {
  if (field.rule.json && found !== null && typeof found === "object") return JSON.stringify(found);
  return decodeType(field.type, found);
}

export function decodeFields(fields: readonly Field[], answer: Value): Values {
  return stateAfterRead(fields, {}, answer);
}

function decodeType(type: Type, found: Value): Value {
  if (found === undefined || found === null) return undefined;
  switch (type.is) {
    case "anything":
      return found;
    case "text":
      // Some properties are declared as text and hold JSON (a DNS record's `meta`).
      return typeof found === "string" ? found : JSON.stringify(found);
    case "number":
      return typeof found === "number" ? found : undefined;
    case "boolean":
      return typeof found === "boolean" ? found : undefined;
    case "list":
      return Array.isArray(found)
        ? found.map((item) => decodeType(type.of, item)).filter(isThere)
        : undefined;
    default:
      return isObject(found) ? nested(type, undefined, found) : undefined;
  }
}

/** The API's own default, which is as good as nothing where the program says nothing. */
export function isUnsaid(field: Field, value: Value): boolean {
  return field.rule.unsaid !== undefined && sameValue(field.rule.unsaid, value);
}

/** Absent, false, zero, empty, or an object of nothing but those. */
export function isEmpty(value: Value): boolean {
  if (!value) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.values(value).every(isEmpty);
}

/** Equal, where lists are bags at every depth. */
export function sameUnordered(one: Value, other: Value): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    const left = [...other];
    return (
      one.length === other.length &&
      one.every((item) => {
        const index = left.findIndex((candidate) => sameUnordered(item, candidate));
        if (index >= 0) left.splice(index, 1);
        return index >= 0;
      })
    );
  }
  if (isObject(one) && isObject(other)) {
    return [...new Set([...Object.keys(one), ...Object.keys(other)])].every((name) =>
      sameUnordered(one[name], other[name]),
    );
  }
  return sameValue(one, other) || sameJson(one, other);
}

/** Two texts of the same JSON. */
export function sameJson(one: Value, other: Value): boolean {
  if (typeof one !== "string" || typeof other !== "string" || !/^\s*[[{]/.test(one)) return false;
  try {
    return sameValue(JSON.parse(one) as Value, JSON.parse(other) as Value);
  } catch {
    return false;
  }
}

/** Every property whose rule says so, wrapped as a secret, at any depth. */
export function withSecrets(fields: readonly Field[], values: Values): Values {
  const marked: Values = { ...values };
  for (const field of fields) {
    const value = marked[field.name];
    if (value !== undefined && value !== null) marked[field.name] = secretsIn(field, field.type, value);
  }
  return marked;
}

function secretsIn(field: Field | undefined, type: Type, value: Value): Value {
  if (field?.rule.secret) return isUnknown(value) || value === "" ? value : secret(value);
  if (type.is === "list" && Array.isArray(value))
    return value.map((item) => secretsIn(undefined, type.of, item));
  if (!isObject(value)) return value;
  if (type.is === "map") return mapValues(value, (item) => secretsIn(undefined, type.of, item));
  return type.is === "object" ? withSecrets(type.fields, value) : value;
}

/** What a preview shows after a create: what the program says, and everything computed unknown, nested too. */
export function previewOf(fields: readonly Field[], wanted: Values): Values {
  const state: Values = {};
  for (const field of fields) {
    const own = wanted[field.name];
    if (own !== undefined) state[field.name] = previewValue(field.type, own);
    else if (field.kind === "computed" || field.kind === "filled") state[field.name] = UNKNOWN;
  }
  return state;
}

function previewValue(type: Type, value: Value): Value {
  if (type.is === "list" && Array.isArray(value)) return value.map((item) => previewValue(type.of, item));
  if (!isObject(value)) return value;
  if (type.is === "map") return mapValues(value, (item) => previewValue(type.of, item));
  return type.is === "object" ? previewOf(type.fields, value) : value;
}

/** For messages and comparisons: text as it is, anything else as JSON. */
export function textOf(value: Value): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

export function mapValues(values: Values, change: (value: Value, name: string) => Value): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value, name)]));
}

function isThere(value: Value): boolean {
  return value !== undefined;
}

/**
 * The inputs that lead to a state that was read: what the program gave, with the values found. At an import
 * (`given` undefined) everything that was found and is no output.
 */
export function inputsOf(fields: readonly Field[], given: Values | undefined, state: Values): Values {
  const inputs: Values = {};
  for (const field of fields) {
    const found = state[field.name];
    const own = given?.[field.name];
    if (field.kind === "computed" || found === undefined || (given !== undefined && own === undefined))
      continue;
    if (given === undefined && field.kind !== "required" && isEmpty(found)) continue;
    inputs[field.name] = inputValue(field.type, own, found);
  }
  return inputs;
}

function inputValue(type: Type, given: Value, found: Value): Value {
  if (type.is === "list" && Array.isArray(found)) {
    const items = Array.isArray(given) && given.length === found.length ? given : [];
    return found.map((item, index) => inputValue(type.of, items[index], item));
  }
  if (!isObject(found)) return found;
  const own = isObject(given) ? given : undefined;
  if (type.is === "map") return mapValues(found, (item, name) => inputValue(type.of, own?.[name], item));
  return type.is === "object" ? inputsOf(type.fields, own, found) : found;
}
