/** Several statements in one message, told apart by what the server said of each. Pure. */
import { splitScript } from "../../../common/split-sql";

/** When a DDL statement began or ended. */
export interface DdlEvent {
  readonly event: "ddl_command_start" | "ddl_command_end" | "table_rewrite" | "commit";
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Such as `ALTER TABLE`. */
  readonly tag?: string;
}

/** A part of a message: one DDL statement, or those between two of them, whose own times the server does not tell. */
export interface MessagePart {
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
  readonly ddl: boolean;
}

/**
 * Cuts a message at its DDL statements. A message of one statement is one part; so is one whose events are not those of its
 * statements, such as a block that makes others.
 *
 * @param start when the message came, milliseconds since 1970
 * @param end when all of it was done
 */
export function partsOf(
  text: string,
  events: readonly DdlEvent[],
  start: number,
  end: number,
): MessagePart[] {
  const whole = [{ text, start, end, ddl: events.some(({ event }) => event !== "commit") }];
  const texts = splitScript(text, new Map()).map((part) => part.text);
  if (texts.length < 2) return whole;
  const parts: MessagePart[] = [];
  let next = 0;
  let reached = start;
  for (const { begin, finish, tag } of outermost(events)) {
    const found = texts.findIndex((each, index) => index >= next && isOf(each, tag));
    if (found < 0) return whole;
    if (found > next)
      parts.push({ text: joined(texts.slice(next, found)), start: reached, end: begin, ddl: false });
    parts.push({ text: texts[found] ?? "", start: begin, end: finish, ddl: true });
    next = found + 1;
    reached = finish;
  }
  if (next < texts.length) parts.push({ text: joined(texts.slice(next)), start: reached, end, ddl: false });
  return parts;
}

/** DDL statements that are no part of another one. */
function outermost(
  events: readonly DdlEvent[],
): { readonly begin: number; readonly finish: number; readonly tag: string }[] {
  const found: { begin: number; finish: number; tag: string }[] = [];
  let depth = 0;
  let begin = 0;
  for (const { at, event, tag = "" } of events) {
    if (event === "ddl_command_start") {
      if (depth === 0) begin = at;
      depth += 1;
    } else if (event === "ddl_command_end") {
      depth -= 1;
      if (depth === 0) found.push({ begin, finish: at, tag });
    }
  }
  return found;
}

/** Whether a statement is of a tag: `create unique index` is of CREATE INDEX. */
function isOf(text: string, tag: string): boolean {
  const words = text.toUpperCase().split(/[^A-Z]+/, 8);
  return words[0] === tag.split(" ")[0] && tag.split(" ").every((word) => words.includes(word));
}

function joined(texts: readonly string[]): string {
  return texts.join("; ");
}
