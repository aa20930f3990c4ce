import type { z } from "zod";
import { type FieldInfo, infoOf } from "./schema/field";
import { isRecord, type Keys } from "./paths";

/** Walks a zod schema along the path of a value: what is known of the place, and which keys it has. */

type Schema = z.core.$ZodType;

/** The parts of zod's definitions that are used here. */
interface Definition {
  readonly type: string;
  readonly innerType?: Schema;
  readonly in?: Schema;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly valueType?: Schema;
  readonly keyType?: Schema;
  readonly element?: Schema;
  readonly options?: readonly Schema[];
  readonly discriminator?: string;
  readonly entries?: Readonly<Record<string, string>>;
  readonly values?: readonly unknown[];
  readonly defaultValue?: unknown;
}

export function definitionOf(schema: Schema): Definition {
  return schema._zod.def;
}

const WRAPPERS = new Set([
  "optional",
  "default",
  "prefault",
  "nullable",
  "pipe",
  "readonly",
  "catch",
  "nonoptional",
]);

/** The schema inside optional, default and the like, with the first description that was met on the way. */
export function unwrap(schema: Schema): { readonly schema: Schema; readonly info: FieldInfo | undefined } {
  let info = infoOf(schema);
  let current = schema;
  for (;;) {
    const definition = definitionOf(current);
    const inner = WRAPPERS.has(definition.type) ? (definition.innerType ?? definition.in) : undefined;
    if (inner === undefined) return { schema: current, info };
    current = inner;
    info ??= infoOf(current);
  }
}

/** Schemas that the place at `keys` may have, given the value around it (a union has several). */
export function schemasAt(root: Schema, keys: Keys, value: unknown): readonly Schema[] {
  let schemas = optionsFor(root, value);
  let current = value;
  for (const key of keys) {
    current =
      typeof current === "object" && current !== null
        ? (current as Record<string | number, unknown>)[key]
        : undefined;
    const inner = schemas.flatMap((schema) => step(schema, key));
    schemas = inner.flatMap((schema) => optionsFor(schema, current));
  }
  return schemas;
}

/** As {@link schemasAt}, but before a union at the end is taken apart: it may have the description. */
export function infoAt(root: Schema, keys: Keys, value: unknown): FieldInfo | undefined {
  if (keys.length === 0) return unwrap(root).info;
  let parent: unknown = value;
  for (const key of keys.slice(0, -1)) {
    parent =
      typeof parent === "object" && parent !== null
        ? (parent as Record<string | number, unknown>)[key]
        : undefined;
  }
  for (const schema of schemasAt(root, keys.slice(0, -1), value)) {
    for (const inner of step(schema, keys.at(-1) ?? "")) {
      const { info } = unwrap(inner);
      if (info !== undefined) return info;
    }
  }
  return undefined;
}

function step(schema: Schema, key: string | number): readonly Schema[] {
  const definition = definitionOf(schema);
  if (definition.type === "object") {
    const found = Object.hasOwn(definition.shape ?? {}, key) ? definition.shape?.[key] : undefined;
    return found === undefined ? [] : [found];
  }
  const { element, type, valueType } = definition;
  // Of a list or a map, whichever the place has: a number is a place in a list.
  if (type === "record" && valueType !== undefined && typeof key === "string") return [valueType];
  if (type === "array" && element !== undefined && typeof key === "number") return [element];
  return [];
}

/** Takes unions apart; of those with a `kind`, only the one that the value names, if it names one. */
function optionsFor(schema: Schema, value: unknown): readonly Schema[] {
  const { schema: inner } = unwrap(schema);
  const { type, options, discriminator } = definitionOf(inner);
  if (type !== "union" || options === undefined) return [inner];
  if (discriminator !== undefined && isRecord(value)) {
    const named = options.filter((option) =>
      discriminatorValues(option, discriminator).includes(value[discriminator]),
    );
    if (named.length > 0) return named.flatMap((option) => optionsFor(option, value));
  }
  return options.flatMap((option) => optionsFor(option, value));
}

/** The values of `kind` that an option of a union takes. */
export function discriminatorValues(option: Schema, discriminator: string): readonly unknown[] {
  const shape = definitionOf(unwrap(option).schema).shape;
  const field = shape?.[discriminator];
  return field === undefined ? [] : (definitionOf(unwrap(field).schema).values ?? []);
}

/** The keys that a map at this place may have; undefined where it may have any, or is no map. */
export function knownKeys(schemas: readonly Schema[]): readonly string[] | undefined {
  const shapes = schemas.flatMap((schema) => {
    const { type, shape } = definitionOf(schema);
    return type === "object" && shape !== undefined ? [Object.keys(shape)] : [];
  });
  return shapes.length === 0 ? undefined : [...new Set(shapes.flat())];
}

/** What a schema takes, in words. */
export function describeType(schema: Schema): string {
  const { schema: inner } = unwrap(schema);
  const { type, entries, values, shape, options } = definitionOf(inner);
  switch (type) {
    case "string":
      return "text";
    case "number":
    case "int":
      return "a number";
    case "boolean":
      return "true or false";
    case "enum":
      return `one of ${Object.values(entries ?? {}).join(", ")}`;
    case "literal":
      return (values ?? []).map(String).join(", ");
    case "array":
      return "a list (`[a, b]`, or lines that start with `- `)";
    case "object":
      return `a map with the keys ${Object.keys(shape ?? {}).join(", ")}`;
    case "record":
      return "a map of names to values";
    case "union":
      return (options ?? []).map(describeType).join(", or ");
    default:
      return "another value";
  }
}
