import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
} from "yaml";
import { engineReading } from "./engine-reading";
import { isRecord, type Keys } from "./paths";

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Stands in parsed values where a stack file has an encrypted one (`secure: …`). */
export const ENCRYPTED = Symbol("encrypted");

/** A mistake of the YAML itself. */
export interface SyntaxMistake extends Position {
  readonly what: string;
}

/** A text without quotes that the engine takes for something else. */
export interface OtherReading {
  /** Its path in the file. */
  readonly keys: Keys;
  /** Is it the key there? */
  readonly isKey: boolean;
  readonly as: "a moment" | "a number";
}

/** A stack file: its values, and where each of them stands. */
export interface StackDocument {
  readonly mistakes: readonly SyntaxMistake[];
  /** The whole file; encrypted values are {@link ENCRYPTED}. */
  readonly root: unknown;
  /** What the engine reads otherwise than `root` says. */
  readonly otherReadings: readonly OtherReading[];
  /** Where the value at a path of the file stands (its key, with `atKey`), or the nearest thing above it. */
  position(keys: Keys, atKey?: boolean): Position | undefined;
}

/** The parser's own messages repeat text of the file, which may be secret: only its codes are used. */
const WHAT: Readonly<Record<string, string>> = {
  ALIAS_PROPS: "an alias cannot have an anchor or a tag",
  BAD_ALIAS: "an alias (`*name`) is malformed",
  BAD_COLLECTION_TYPE: "a tag does not fit what it stands before",
  BAD_DIRECTIVE: "a directive (`%…`) is malformed",
  BAD_DQ_ESCAPE: "a double-quoted text has an unknown escape (`\\…`)",
  BAD_INDENT: "the indentation is not right",
  BAD_PROP_ORDER: "anchors and tags are in the wrong place",
  BAD_SCALAR_START: "a text starts with a character that needs quotes",
  BLOCK_AS_IMPLICIT_KEY:
    "a nested map or list is where a key is expected: indentation, or a colon in a text without quotes",
  BLOCK_IN_FLOW: "an indented block is inside brackets",
  DUPLICATE_KEY: "the same key stands twice in one map",
  IMPOSSIBLE: "this is not YAML",
  KEY_OVER_1024_CHARS: "a key has more than 1024 characters",
  MISSING_CHAR: "a character is missing: a closing quote or bracket, a comma, or a space after a colon",
  MULTILINE_IMPLICIT_KEY: "a key goes over several lines: a quote or a colon is missing",
  MULTIPLE_ANCHORS: "there are several anchors",
  MULTIPLE_DOCS: "there are several documents (`---`) in the file",
  MULTIPLE_TAGS: "there are several tags",
  NON_STRING_KEY: "a key is not text",
  TAB_AS_INDENT: "there is a tab in the indentation: YAML takes spaces only",
  TAG_RESOLVE_FAILED: "a tag is not known",
  UNEXPECTED_TOKEN: "something stands where it cannot: a quote, a bracket or the indentation",
};

/** A run asks for the same file several times, and reading it is a tenth of what its own start takes. */
let latest: { readonly text: string; readonly document: StackDocument } | undefined;

/** Parses a stack file. Never throws; what is wrong is in `mistakes`, without any text of the file. */
export function parseStackDocument(text: string): StackDocument {
  if (latest?.text !== text) latest = { text, document: parsed(text) };
  return latest.document;
}

function parsed(text: string): StackDocument {
  const lineCounter = new LineCounter();
  const nowhere = (): undefined => undefined;
  let document: Document;
  let plain: unknown;
  try {
    document = parseDocument(text, {
      lineCounter,
      prettyErrors: false,
      merge: true,
      strict: true,
      logLevel: "error",
    });
    const usable = document.errors.length === 0;
    plain = usable ? markEncrypted(document.toJS({ maxAliasCount: 100 }) as unknown) : undefined;
  } catch {
    const what = "the file cannot be read as YAML: aliases that lead nowhere, or too many of them";
    return {
      mistakes: [{ what, line: 1, column: 1 }],
      root: undefined,
      otherReadings: [],
      position: nowhere,
    };
  }
  const mistakes = document.errors.map((error) => ({
    what: WHAT[error.code] ?? "this is not YAML",
    ...positionOf(lineCounter, error.pos[0]),
  }));
  return {
    mistakes,
    root: plain,
    otherReadings: mistakes.length === 0 ? otherReadings(document.contents) : [],
    position: (keys, atKey) => find(document, lineCounter, keys, atKey === true),
  };
}

/** Aliases are not followed: what they stand for is told where it is written. */
function otherReadings(node: unknown, keys: Keys = [], isKey = false): OtherReading[] {
  if (isMap(node)) {
    return node.items.flatMap(({ key, value }) => {
      const at = [...keys, isScalar(key) ? String(key.value) : ""];
      return [...otherReadings(key, at, true), ...otherReadings(value, at)];
    });
  }
  if (isSeq(node)) return node.items.flatMap((item, index) => otherReadings(item, [...keys, index]));
  if (!isScalar(node) || node.type !== "PLAIN" || node.tag !== undefined) return [];
  const as = engineReading(node.source ?? "", node.value);
  return as === undefined ? [] : [{ keys, isKey, as }];
}

function positionOf(lineCounter: LineCounter, offset: number): Position {
  const { line, col } = lineCounter.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function find(
  document: Document,
  lineCounter: LineCounter,
  keys: Keys,
  atKey: boolean,
): Position | undefined {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0];
  let lastKeyOffset: number | undefined;
  for (const [index, key] of keys.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    let next: Node | undefined;
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
      );
      if (pair === undefined) break;
      lastKeyOffset = (pair.key as Node).range?.[0];
      next = (pair.value ?? undefined) as Node | undefined;
    } else if (isSeq(node) && typeof key === "number") {
      next = node.items[key] as Node | undefined;
      lastKeyOffset = next?.range?.[0];
    } else break;
    const isLast = index === keys.length - 1;
    offset =
      (isLast && atKey) || next?.range === undefined || next.range === null || isMap(next) || isSeq(next)
        ? lastKeyOffset
        : next.range[0];
    if (next === undefined) break;
    node = next;
  }
  return offset === undefined ? undefined : positionOf(lineCounter, offset);
}

/** Replaces `{secure: "…"}` by a mark, everywhere. A value that contains itself overflows, which counts as unreadable. */
function markEncrypted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(markEncrypted);
  if (!isRecord(value)) return value;
  const names = Object.keys(value);
  if (names.length === 1 && names[0] === "secure" && typeof value.secure === "string") return ENCRYPTED;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, markEncrypted(inner)]));
}
