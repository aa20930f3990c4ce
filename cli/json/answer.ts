/** Answers as JSON. What a command prints is held against its schema by the compiler: nothing of zod is run for it. */
import type { z } from "zod";
import type { Answering, jsonSchemas } from "./schemas";

/** What a command's schema describes, as it may be handed in: nothing of it is changed. */
export type Answer<Command extends Answering> = Given<z.infer<(typeof jsonSchemas)[Command]>>;

type Given<Value> = unknown extends Value
  ? Value
  : Value extends object
    ? { readonly [Key in keyof Value]: Given<Value[Key]> }
    : Value;

/** `Value` itself where it has nothing that `Shape` does not name, however deep; else what no value is. */
type Exactly<Shape, Value> = unknown extends Shape
  ? Value
  : Value extends readonly (infer Item)[]
    ? readonly Exactly<ItemOf<Shape>, Item>[]
    : Value extends object
      ? {
          readonly [Key in keyof Value]: Key extends KeyOf<Shape>
            ? Exactly<MemberOf<Shape, Key>, Value[Key]>
            : never;
        }
      : Value;

type ItemOf<Shape> = Shape extends readonly (infer Item)[] ? Item : never;
type KeyOf<Shape> = Shape extends object ? keyof Shape : never;
type MemberOf<Shape, Key> = Shape extends object ? (Key extends keyof Shape ? Shape[Key] : never) : never;

/**
 * The answer of a command as JSON.
 *
 * @param indent 0: all in one line, for an answer that is read while the command goes on. @default 2
 * @example
 * context.print(jsonAnswer("db reset", { stack: "dev", database: "main" }));
 */
export function jsonAnswer<Command extends Answering, Value extends Answer<Command>>(
  _command: Command,
  answer: Value & Exactly<Answer<Command>, Value>,
  indent: 0 | 2 = 2,
): string {
  return JSON.stringify(answer, undefined, indent);
}
