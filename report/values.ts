/** Values of the engine's events, with every secret taken out before anything else sees them. */

import { cutEnd } from "../common/cut-end";
import { markKey, marks, unknownTexts } from "../common/engine-values";

/** Stands for a secret: nothing of it is left, not even how long it was. */
export const hidden = Symbol("secret");
/** Stands for what is known only after the run. */
export const unknown = Symbol("known after");

export type Value =
  string | number | boolean | null | typeof hidden | typeof unknown | readonly Value[] | Values;
export type Values = { readonly [name: string]: Value };

/** Names under which people keep secrets without marking them as such. */
const sensitiveName =
  /pass(?:word|phrase|wd)?$|secret|token(?:value)?$|private_?key|credential|api_?key|access_?key|^stdin$|^connection$/i;
/** Names that match, and hold none. */
const harmlessName = /(?:secret|token|password|key)_?(?:id|name|version|length)s?$|^client_?id$|^key_?mode$/i;

/** A value of an event without secrets. Whatever is marked as one, or has the name of one, is {@link hidden}. */
export function masked(value: unknown, name = ""): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") {
    if (unknownTexts.has(value)) return unknown;
    return isSensitive(name) ? hidden : value;
  }
  if (typeof value === "number" || typeof value === "boolean") return isSensitive(name) ? hidden : value;
  if (Array.isArray(value)) {
    return isSensitive(name) ? hidden : value.map((item) => masked(item));
  }
  if (typeof value !== "object") return null;
  const record = value as Readonly<Record<string, unknown>>;
  if (record[markKey] === marks.secret) return hidden;
  if (record[markKey] === marks.output) {
    if (record["secret"] === true) return hidden;
    return "value" in record ? masked(record["value"], name) : unknown;
  }
  if (isSensitive(name)) return hidden;
  return maskedAll(record);
}

export function maskedAll(record: Readonly<Record<string, unknown>> | null | undefined): Values {
  return Object.fromEntries(
    Object.entries(record ?? {})
      .filter(([key]) => !key.startsWith("__"))
      .map(([key, item]) => [key, masked(item, key)]),
  );
}

function isSensitive(name: string): boolean {
  return sensitiveName.test(name) && !harmlessName.test(name);
}

/** Plain texts of marked secrets, where somebody had them shown; they are looked for in all other texts. */
export function plaintextsOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const record = value as Readonly<Record<string, unknown>>;
  if (record[markKey] === marks.secret) {
    const inner = record["plaintext"];
    if (typeof inner === "string") return [inner, ...leaves(parsed(inner))];
    return leaves(record["value"]);
  }
  return Object.values(record).flatMap(plaintextsOf);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Every text in a value. */
export function leaves(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(leaves);
}

const longest = 200;

/** A value in one short line. */
export function shown(value: Value): string {
  const text = typeof value === "string" ? JSON.stringify(value) : wordsOf(value);
  return cutEnd(text, longest);
}

function wordsOf(value: Value): string {
  if (value === hidden) return "[secret]";
  if (value === unknown) return "(known after)";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(wordsOf).join(", ")}]`;
  const members = Object.entries(value as Values).map(([key, item]) => `${key}: ${wordsOf(item)}`);
  return `{${members.join(", ")}}`;
}

/** A text member, where it is known and no secret. */
export function textAt(values: Values | undefined, name: string): string | undefined {
  const value = values?.[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The items of a list member. */
export function listAt(values: Values | undefined, name: string): readonly Value[] {
  const value = values?.[name];
  return Array.isArray(value) ? (value as readonly Value[]) : [];
}

export function isValues(value: Value | undefined): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
