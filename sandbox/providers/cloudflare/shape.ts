/**
 * The properties of a resource or function, put together of what the SDK declares (shapes.json, see
 * test/sandbox/providers/cloudflare-shapes.test.ts), the names on the wire and the rules of the resource's table.
 */
import type { Value, Values } from "../values";
import { snakeCase, wireNames } from "./names";
import shapes from "./shapes.json";

/**
 * - required, optional: the program's value counts, whatever an answer says; a read takes the answer's
 * - filled: as optional, but the answer's value is taken where the program says nothing
 * - computed: only ever from an answer
 */
export type Kind = "required" | "optional" | "filled" | "computed";

export type Type =
  | { readonly is: "text" | "number" | "boolean" | "anything" }
  | { readonly is: "list" | "map"; readonly of: Type }
  | { readonly is: "object"; readonly fields: readonly Field[] };

/** What a table says about one property beyond its declaration. */
export interface FieldRule {
  /** Sent and recorded when the program says nothing and the object around it is there. */
  readonly default?: Value;
  /** Its name in requests. @default see names.ts */
  readonly wire?: string;
  /** Its name in answers. @default as in requests */
  readonly answer?: string;
  /** Never sent: part of the path, a header, or of this provider only. */
  readonly local?: boolean;
  /** Encrypted in the state, also where it is nested. */
  readonly secret?: boolean;
  /** Not taken from a read: the recorded value stays. A function says for which answers. */
  readonly kept?: boolean | ((found: Value, before: Value) => boolean);
  /** A change of it is no difference. */
  readonly ignored?: boolean;
  /** A change of it in place is impossible. Top-level properties only. */
  readonly replace?: boolean;
  /** JSON text in the program, an object on the wire. */
  readonly json?: boolean;
  /** What the API answers when nothing was said about it: no difference then. */
  readonly unsaid?: Value;
  /** Whether two different values mean the same, beside these others. `sameUnordered` for lists without order. */
  readonly same?: (one: Value, other: Value, siblings: Values) => boolean;
  /** A read takes only the members that the program gave; the API answers with more. */
  readonly asGiven?: boolean;
}

/** By path, `*` standing for every element: `rules.*.enabled`. */
export type FieldRules = Readonly<Record<string, FieldRule>>;

export interface Field {
  readonly name: string;
  readonly wire: string;
  readonly answer: string;
  readonly kind: Kind;
  readonly type: Type;
  readonly rule: FieldRule;
}

const kinds: Readonly<Record<string, Kind>> = {
  "!": "required",
  "?": "optional",
  "+": "filled",
  "=": "computed",
};
const noRule: FieldRule = {};
const types = shapes.types as Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface Shape {
  readonly token: string;
  readonly fields: readonly Field[];
}

export interface ShapeOptions {
  /** How names are written on the wire. @default "snake" */
  readonly names?: "snake" | "camel";
  readonly rules?: FieldRules;
}

/** The shape of a resource by its class name. */
export function resourceShape(name: string, options: ShapeOptions = {}): Shape {
  const found = (shapes.resources as Record<string, { token: string; properties: Record<string, string> }>)[
    name
  ];
  if (!found) throw new Error(`shapes.json has no resource ${name}`);
  return { token: found.token, fields: fieldsOf(name, found.properties, "", options) };
}

/** The shape of a function's result by the function's name. */
export function functionShape(name: string, options: ShapeOptions = {}): Shape {
  const found = (shapes.functions as Record<string, { token: string; result: Record<string, string> }>)[name];
  if (!found) throw new Error(`shapes.json has no function ${name}`);
  return { token: found.token, fields: fieldsOf(name, found.result, "", options) };
}

function fieldsOf(
  owner: string,
  codes: Readonly<Record<string, string>>,
  path: string,
  options: ShapeOptions,
): readonly Field[] {
  return Object.entries(codes).map(([name, code]) => {
    const own = path === "" ? name : `${path}.${name}`;
    const rule = options.rules?.[own] ?? noRule;
    const wire =
      rule.wire ?? wireNames[owner]?.[name] ?? (options.names === "camel" ? name : snakeCase(name));
    return {
      name,
      wire,
      answer: rule.answer ?? wire,
      kind: kinds[code[0]!]!,
      type: typeOf(code.slice(1), own, options),
      rule,
    };
  });
}

function typeOf(code: string, path: string, options: ShapeOptions): Type {
  if (code.startsWith("[]")) return { is: "list", of: typeOf(code.slice(2), `${path}.*`, options) };
  if (code.startsWith("{}")) return { is: "map", of: typeOf(code.slice(2), `${path}.*`, options) };
  switch (code) {
    case "s":
      return { is: "text" };
    case "n":
      return { is: "number" };
    case "b":
      return { is: "boolean" };
    case "*":
      return { is: "anything" };
  }
  const name = code.slice(1);
  let fields: readonly Field[] | undefined;
  return {
    is: "object",
    // Only when it is needed: most of the thousands of nested properties never are.
    get fields() {
      fields ??= fieldsOf(name, types[name] ?? {}, path, options);
      return fields;
    },
  };
}
