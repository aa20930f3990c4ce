import type { z } from "zod";

/** What a person needs to know of one setting; the texts of docs, editors and error messages all come from here. */
export interface FieldInfo {
  /** What it is for and what happens if it is left out. */
  readonly description: string;
  /** The unit of a number: "seconds", "days", "characters". */
  readonly unit?: string;
  /** What is allowed, in words; shown by error messages. */
  readonly allowed?: string;
  /** Values that are right. */
  readonly examples?: readonly unknown[];
  /** Names the schema in the JSON Schema, which then has it once however often it is used. */
  readonly id?: string;
  /** A regular expression for editors only: the exact rule, with its better message, is a check. */
  readonly pattern?: string;
  /** What to do where the value is wrong. */
  readonly fix?: string;
  /** True: checked and handed on, but no part of Groundwork acts on it yet. The docs say so. */
  readonly later?: boolean;
}

const infos = new WeakMap<z.core.$ZodType, FieldInfo>();

/** Describes a schema. Its unit, limits and examples reach the JSON Schema and docs/settings.md as well. */
export function field<S extends z.ZodType>(schema: S, info: FieldInfo): S {
  const unit = info.unit === undefined ? "" : ` Unit: ${info.unit}.`;
  const later = info.later === true ? " (Checked, but nothing acts on it yet.)" : "";
  const description = `${info.description}${unit}${later}`;
  const described = schema.meta({
    description,
    ...(info.examples === undefined ? {} : { examples: [...info.examples] }),
    ...(info.id === undefined ? {} : { id: info.id }),
    ...(info.pattern === undefined ? {} : { pattern: info.pattern }),
  });
  infos.set(described, info);
  return described;
}

/** What {@link field} said of this schema, or of the one that it wraps. */
export function infoOf(schema: z.core.$ZodType): FieldInfo | undefined {
  const { parent } = schema._zod as { parent?: z.core.$ZodType };
  return infos.get(schema) ?? (parent === undefined ? undefined : infos.get(parent));
}

/** Marks a described schema: checked and handed on, but no part of Groundwork acts on it yet. */
export function later<S extends z.ZodType>(schema: S): S {
  const info = infoOf(schema);
  if (info === undefined) throw new Error("only a described field can be marked");
  return field(schema, { ...info, later: true });
}

/** Why a value is refused. */
export interface Complaint {
  readonly what: string;
  readonly allowed?: string | undefined;
  readonly fix?: string | undefined;
}

/** Adds a rule with messages of its own to a schema. The rule sees only values of the right type. */
export function checked<S extends z.ZodType>(
  schema: S,
  rule: (value: z.output<S>) => Complaint | undefined,
): S {
  return schema.check((context) => {
    const complaint = rule(context.value);
    if (complaint === undefined) return;
    context.issues.push({
      code: "custom",
      input: context.value,
      message: complaint.what,
      params: { allowed: complaint.allowed, fix: complaint.fix },
    });
  });
}
