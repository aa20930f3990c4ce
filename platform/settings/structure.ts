import type { z } from "zod";
import type { Finding } from "./issue";
import { listOf, nearest, nearestNumber } from "./nearest";
import { configPath, existsAt, isRecord, type Keys, valueAt } from "./paths";
import { stackSchema } from "./stack-schema";
import {
  definitionOf,
  describeType,
  discriminatorValues,
  infoAt,
  knownKeys,
  schemasAt,
  unwrap,
} from "./walk-schema";

type ZodIssue = z.core.$ZodIssue;

/** A finding of the schema, with the paths that must go so that what remains can be read. */
export interface StructuralFinding extends Finding {
  /** The place to leave out when the rest is checked further. */
  readonly prune: Keys;
}

/** Turns what zod says of `values` into findings in our own words. */
export function structuralFindings(values: unknown, issues: readonly ZodIssue[]): StructuralFinding[] {
  return issues.flatMap((issue) => translate(values, issue, []));
}

function translate(values: unknown, issue: ZodIssue, base: Keys): StructuralFinding[] {
  const keys: Keys = [...base, ...issue.path.filter((key) => typeof key !== "symbol")];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(values, [...keys, key]));
    case "invalid_key": {
      const [inner] = issue.issues;
      const { allowed, fix } = paramsOf(inner);
      const what = inner?.code === "custom" ? inner.message : "the name cannot be used";
      return [
        {
          keys,
          prune: keys,
          atKey: true,
          what: `${JSON.stringify(String(keys.at(-1) ?? ""))} cannot stand here: ${what}`,
          allowed: allowed ?? keyAllowed(values, keys),
          fix: fix ?? `give ${configPath(keys.slice(0, -1))} another key`,
        },
      ];
    }
    case "invalid_union":
      return union(values, issue, keys);
    default:
      return [simple(values, issue, keys)];
  }
}

function keyAllowed(values: unknown, keys: Keys): string | undefined {
  for (const schema of schemasAt(stackSchema(), keys.slice(0, -1), values)) {
    const { keyType } = definitionOf(schema);
    if (keyType !== undefined) return unwrap(keyType).info?.allowed;
  }
  return undefined;
}

function unknownKey(values: unknown, keys: Keys): StructuralFinding {
  const key = String(keys.at(-1) ?? "");
  const parent = keys.slice(0, -1);
  const schemas = schemasAt(stackSchema(), parent, values);
  const known = knownKeys(schemas) ?? [];
  const present = valueAt(values, parent);
  const free = known.filter((name) => !isRecord(present) || !Object.hasOwn(present, name));
  const elsewhere = otherKinds(values, parent, key);
  const better = elsewhere === undefined ? nearest(key, free) : undefined;
  const where = parent.length === 0 ? "the stack's settings" : configPath(parent);
  return {
    keys,
    prune: keys,
    atKey: true,
    what:
      elsewhere === undefined
        ? `unknown key ${JSON.stringify(key)}${better === undefined ? "" : `; ${better} is the nearest right one`}`
        : `${JSON.stringify(key)} is for kind: ${elsewhere}`,
    allowed: `in ${where}: ${listOf(known, 40)}`,
    fix: better === undefined ? "remove it" : `rename it to ${better}`,
  };
}

/** The kinds that have this key, where the kind that the value names has not. */
function otherKinds(values: unknown, parent: Keys, key: string): string | undefined {
  const grandparent = parent.slice(0, -1);
  for (const schema of schemasAt(stackSchema(), grandparent, values)) {
    const { valueType } = definitionOf(schema);
    if (valueType === undefined) continue;
    const { options, discriminator } = definitionOf(unwrap(valueType).schema);
    if (options === undefined || discriminator === undefined) continue;
    const kinds = options
      .filter((option) => Object.hasOwn(definitionOf(unwrap(option).schema).shape ?? {}, key))
      .flatMap((option) => discriminatorValues(option, discriminator));
    if (kinds.length > 0) return kinds.map(String).join(" or ");
  }
  return undefined;
}

function union(values: unknown, issue: z.core.$ZodIssueInvalidUnion, keys: Keys): StructuralFinding[] {
  const discriminator = discriminatorAt(keys, issue);
  if (discriminator !== undefined) {
    const at = [
      ...keys.slice(0, keys.length - (keys.at(-1) === discriminator.name ? 1 : 0)),
      discriminator.name,
    ];
    const given = valueAt(values, at);
    const better = typeof given === "string" ? nearest(given, discriminator.values) : undefined;
    const missing = given === undefined;
    return [
      {
        keys: at,
        prune: at.slice(0, -1),
        what: missing ? `${discriminator.name} is missing` : `this ${discriminator.name} is not known`,
        value: !missing,
        allowed: discriminator.values.join(", "),
        fix: `write ${discriminator.name}: ${better ?? discriminator.values[0] ?? ""}`,
      },
    ];
  }
  const value = valueAt(values, keys);
  const branch = bestBranch(issue.errors, value);
  if (branch !== undefined) return branch.flatMap((inner) => translate(values, inner, keys));
  return [wrongType(values, keys, value)];
}

function discriminatorAt(
  keys: Keys,
  issue: z.core.$ZodIssueInvalidUnion,
): { readonly name: string; readonly values: readonly string[] } | undefined {
  const { discriminator: name } = issue as { discriminator?: string };
  if (name === undefined) return undefined;
  const at = keys.at(-1) === name ? keys.slice(0, -1) : keys;
  const kinds = schemasAt(stackSchema(), at, {}).flatMap((schema) => discriminatorValues(schema, name));
  return { name, values: kinds.map(String) };
}

/** The errors of the option that a value was meant for: the one whose type it has, with the fewest errors. */
function bestBranch(
  errors: readonly (readonly ZodIssue[])[],
  value: unknown,
): readonly ZodIssue[] | undefined {
  const fitting = errors.filter((branch) =>
    branch.every((issue) => issue.code !== "invalid_type" || issue.path.length > 0),
  );
  const usable = isRecord(value)
    ? fitting.filter((branch) => {
        const unknown = branch.flatMap((issue) =>
          issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys : [],
        );
        return Object.keys(value).some((key) => !unknown.includes(key));
      })
    : fitting.filter((branch) =>
        branch.every((issue) => issue.code !== "invalid_value" || issue.path.length > 0),
      );
  return [...usable].sort((a, b) => a.length - b.length)[0];
}

function simple(values: unknown, issue: ZodIssue, keys: Keys): StructuralFinding {
  const value = valueAt(values, keys);
  const info = infoAt(stackSchema(), keys, values);
  const [schema] = schemasAt(stackSchema(), keys, values);
  const common = { keys, prune: keys, value: true };
  const allowedHere = info?.allowed ?? (schema === undefined ? undefined : describeType(schema));
  switch (issue.code) {
    case "custom": {
      const { allowed, fix } = paramsOf(issue);
      return { ...common, what: issue.message, allowed: allowed ?? allowedHere, fix: fix ?? info?.fix };
    }
    case "invalid_value": {
      if (value === undefined && !existsAt(values, keys)) return missing(values, keys, info?.examples);
      const options = issue.values.map(String);
      const better =
        typeof value === "string"
          ? nearest(value, options)
          : typeof value === "number" && info?.unit !== undefined
            ? nearestNumber(value, issue.values)
            : undefined;
      if (typeof value === "number" && options.includes(String(value))) {
        return {
          ...common,
          what: "this is a number; text is needed",
          allowed: allowedHere,
          fix: `write "${value}" in quotes`,
        };
      }
      if (typeof value === "boolean" && options.includes(value ? "on" : "off")) {
        const word = value ? "on" : "off";
        return {
          ...common,
          what: "this is true or false; a word is needed",
          allowed: allowedHere,
          fix: `write "${word}" in quotes`,
        };
      }
      return {
        ...common,
        what: "this is not one of the values that are allowed",
        allowed: info?.allowed ?? options.join(", "),
        fix: better === undefined ? undefined : `write ${better}`,
      };
    }
    case "too_small":
    case "too_big": {
      const small = issue.code === "too_small";
      const limit = Number(small ? issue.minimum : issue.maximum);
      const amount = sizeOf(issue.origin, value);
      const what =
        small && limit === 1 && issue.origin !== "number" && issue.origin !== "int"
          ? `the ${issue.origin === "array" ? "list" : "text"} is empty`
          : `${amount} is ${small ? "too small; the least" : "too large; the most"} is ${limit}`;
      const counted =
        issue.origin === "array" ? `${small ? "at least" : "at most"} ${limit} in the list` : undefined;
      return { ...common, what, allowed: info?.allowed ?? counted ?? allowedHere };
    }
    case "invalid_format":
      return { ...common, what: "this is not of the right form", allowed: allowedHere };
    case "invalid_type":
      return value === undefined && !existsAt(values, keys)
        ? missing(values, keys, info?.examples)
        : wrongType(values, keys, value);
    default:
      return { ...common, what: "this cannot stand here", allowed: allowedHere };
  }
}

function sizeOf(origin: string, value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "string") return `a text of ${value.length} characters`;
  return origin === "number" || origin === "int" ? "the number" : "this";
}

function missing(values: unknown, keys: Keys, examples: readonly unknown[] | undefined): StructuralFinding {
  const name = String(keys.at(-1) ?? "");
  const info = infoAt(stackSchema(), keys, values);
  const [schema] = schemasAt(stackSchema(), keys, values);
  const example = examples?.[0];
  const shown = typeof example === "string" || typeof example === "number" ? String(example) : undefined;
  return {
    keys,
    prune: keys.slice(0, -1),
    what: `${name} is missing`,
    allowed: info?.allowed ?? (schema === undefined ? undefined : describeType(schema)),
    fix:
      info?.fix === undefined
        ? `add ${name}${shown === undefined ? "" : `, such as ${name}: ${shown}`}`
        : `add ${name}: ${info.fix}`,
  };
}

function wrongType(values: unknown, keys: Keys, value: unknown): StructuralFinding {
  const info = infoAt(stackSchema(), keys, values);
  const schemas = schemasAt(stackSchema(), keys, values);
  const types = new Set(schemas.map((schema) => definitionOf(schema).type));
  const described = [...new Set(schemas.map(describeType))].join(", or ");
  const base = { keys, prune: keys, value: true, allowed: info?.allowed ?? described };
  if (value === null)
    return {
      ...base,
      what: "there is no value after the colon",
      value: false,
      fix: "write a value, or remove the key",
    };
  if (types.has("string") && (typeof value === "number" || typeof value === "boolean")) {
    return {
      ...base,
      what: `this is ${typeof value === "number" ? "a number" : "true or false"}; text is needed`,
      fix: `write "${value}" in quotes`,
    };
  }
  if ((types.has("number") || types.has("int")) && typeof value === "string") {
    const number = /^\s*-?\d+\s*$/.test(value) ? value.trim() : undefined;
    return {
      ...base,
      what: "this is text; a number is needed",
      fix: number === undefined ? "write a number" : `write ${number} without quotes`,
    };
  }
  if ((types.has("number") || types.has("int")) && typeof value === "number") {
    return { ...base, what: "this is not a whole number" };
  }
  if (types.has("boolean") && typeof value === "string") {
    const word = /^(yes|on|y|1|true|enabled?)$/i.test(value)
      ? "true"
      : /^(no|off|n|0|false|disabled?)$/i.test(value)
        ? "false"
        : undefined;
    return {
      ...base,
      what: "this is text; true or false is needed",
      fix: `write ${word ?? "true or false"}, without quotes`,
    };
  }
  if (types.has("array") && !Array.isArray(value)) {
    const what = isRecord(value) ? "this is a map; a list is needed" : "this is one value; a list is needed";
    return {
      ...base,
      what,
      fix: isRecord(value)
        ? "write each entry as a line that starts with `- `"
        : "put it into brackets: [value]",
    };
  }
  if (types.has("record") || types.has("object")) {
    const what = Array.isArray(value)
      ? "this is a list; a map is needed"
      : "this is one value; a map is needed";
    return { ...base, what, fix: "write `name: value` lines below it" };
  }
  return { ...base, what: "this is not of the right type" };
}

function paramsOf(issue: ZodIssue | undefined): { allowed?: string; fix?: string } {
  if (issue?.code !== "custom") return {};
  const { allowed, fix } = (issue.params ?? {}) as { allowed?: string; fix?: string };
  return { ...(allowed === undefined ? {} : { allowed }), ...(fix === undefined ? {} : { fix }) };
}
