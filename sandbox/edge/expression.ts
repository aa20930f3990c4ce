/**
 * The part of Cloudflare's rules language that a zone of ours uses: comparisons of text, numbers and booleans, `in`,
 * `wildcard`, logic, and the usual functions. An expression outside of it is an error, never a silent "false".
 */

export type Value = string | number | boolean | readonly Value[];
/** Values of fields, asked by name, such as `http.host`; undefined = there is no such field. */
export type Fields = (name: string) => Value | undefined;
export type Compiled = (fields: Fields) => Value;

/** An expression that cannot be read, or uses what the sandbox does not know. */
export class ExpressionError extends Error {}

const compiled = new Map<string, Compiled | ExpressionError>();

/** @throws ExpressionError */
export function compile(text: string): Compiled {
  let known = compiled.get(text);
  if (known === undefined) {
    try {
      known = new Parser(tokenize(text)).parse();
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      known = error;
    }
    if (compiled.size > 1000) compiled.clear();
    compiled.set(text, known);
  }
  if (known instanceof ExpressionError) throw known;
  return known;
}

interface Token {
  readonly kind: "text" | "number" | "name" | "sign" | "end";
  readonly text: string;
}

const tokenPattern =
  /\s+|r#"([^]*?)"#|r"([^"]*)"|"((?:[^"\\]|\\[^])*)"|(\d+(?:\.\d+){3}(?:\/\d+)?)|(\d+)|([A-Za-z_][A-Za-z0-9_.]*)|(==|!=|<=|>=|&&|\|\||\^\^|\.\.|[<>!~(){}[\],*])/y;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.length) {
    const at = tokenPattern.lastIndex;
    const found = tokenPattern.exec(text);
    if (found === null) throw new ExpressionError(`unexpected ${JSON.stringify(text.slice(at, at + 10))}`);
    const [, hashed, raw, quoted, address, digits, name, sign] = found;
    if (hashed !== undefined || raw !== undefined) tokens.push({ kind: "text", text: hashed ?? raw ?? "" });
    else if (quoted !== undefined) tokens.push({ kind: "text", text: unescapeText(quoted) });
    else if (address !== undefined) tokens.push({ kind: "text", text: address });
    else if (digits !== undefined) tokens.push({ kind: "number", text: digits });
    else if (name !== undefined) tokens.push({ kind: "name", text: name });
    else if (sign !== undefined) tokens.push({ kind: "sign", text: sign });
  }
  tokens.push({ kind: "end", text: "the end" });
  return tokens;
}

function unescapeText(text: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|[^])/g, (_all, escape: string) =>
    escape.length === 3 ? String.fromCharCode(parseInt(escape.slice(1), 16)) : escape,
  );
}

const comparisons: Record<string, string> = {
  eq: "eq",
  "==": "eq",
  ne: "ne",
  "!=": "ne",
  lt: "lt",
  "<": "lt",
  le: "le",
  "<=": "le",
  gt: "gt",
  ">": "gt",
  ge: "ge",
  ">=": "ge",
  contains: "contains",
  wildcard: "wildcard",
};

/** Recursive descent; `or` binds weakest, then `xor`, `and`, `not`. */
class Parser {
  private at = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  parse(): Compiled {
    const result = this.or();
    if (this.peek().kind !== "end") throw this.unexpected();
    return result;
  }

  private or(): Compiled {
    return this.chain(
      ["or", "||"],
      () => this.xor(),
      (a, b) => (f) => truth(a(f)) || truth(b(f)),
    );
  }

  private xor(): Compiled {
    return this.chain(
      ["xor", "^^"],
      () => this.and(),
      (a, b) => (f) => truth(a(f)) !== truth(b(f)),
    );
  }

  private and(): Compiled {
    return this.chain(
      ["and", "&&"],
      () => this.not(),
      (a, b) => (f) => truth(a(f)) && truth(b(f)),
    );
  }

  private chain(
    words: readonly string[],
    next: () => Compiled,
    join: (a: Compiled, b: Compiled) => Compiled,
  ): Compiled {
    let left = next();
    while (words.some((word) => this.take(word))) left = join(left, next());
    return left;
  }

  private not(): Compiled {
    if (!this.take("not") && !this.take("!")) return this.comparison();
    const inner = this.not();
    return (f) => !truth(inner(f));
  }

  private comparison(): Compiled {
    const left = this.value();
    if (this.take("in")) return this.set(left);
    const strict = this.take("strict");
    const operator = comparisons[this.peek().text];
    if (operator === undefined || this.peek().kind === "text") {
      if (this.peek().text === "matches" || this.peek().text === "~") {
        throw new ExpressionError("regular expressions need a paid plan");
      }
      if (strict) throw this.unexpected();
      return left;
    }
    this.at++;
    const right = this.value();
    return (f) => compare(operator, left(f), right(f), strict);
  }

  private set(left: Compiled): Compiled {
    this.expect("{");
    const members: ((value: Value) => boolean)[] = [];
    while (!this.take("}")) {
      this.take(",");
      const token = this.next();
      if (token.kind !== "text" && token.kind !== "number") throw this.unexpected(token);
      const from: Value = token.kind === "number" ? Number(token.text) : token.text;
      if (this.take("..")) {
        const to = Number(this.next().text);
        members.push((value) => Number(value) >= Number(from) && Number(value) <= to);
      } else {
        members.push((value) => value === from || (typeof from === "string" && inNetwork(value, from)));
      }
    }
    return (f) => {
      const value = left(f);
      return members.some((member) => member(value));
    };
  }

  private value(): Compiled {
    const token = this.next();
    if (token.kind === "text") return () => token.text;
    if (token.kind === "number") return () => Number(token.text);
    if (token.text === "(") {
      const inner = this.or();
      this.expect(")");
      return inner;
    }
    if (token.kind !== "name") throw this.unexpected(token);
    if (token.text === "true" || token.text === "false") return () => token.text === "true";
    const base = this.take("(") ? this.call(token.text) : field(token.text);
    return this.indexes(base);
  }

  private indexes(base: Compiled): Compiled {
    let result = base;
    while (this.take("[")) {
      const key = this.next();
      this.expect("]");
      const inner = result;
      if (key.text === "*") continue;
      result = (f) => item(inner(f), key);
    }
    return result;
  }

  private call(name: string): Compiled {
    const make = functions[name];
    if (make === undefined) throw new ExpressionError(`the sandbox does not know the function ${name}`);
    const args: Compiled[] = [];
    while (!this.take(")")) {
      if (args.length > 0) this.expect(",");
      args.push(this.or());
    }
    return (f) => make(args.map((arg) => arg(f)));
  }

  private peek(): Token {
    return this.tokens[this.at] ?? { kind: "end", text: "the end" };
  }

  private next(): Token {
    const token = this.peek();
    this.at++;
    return token;
  }

  private take(word: string): boolean {
    const token = this.peek();
    if (token.text !== word || token.kind === "text" || token.kind === "end") return false;
    this.at++;
    return true;
  }

  private expect(sign: string): void {
    if (!this.take(sign)) throw new ExpressionError(`expected ${sign} before ${this.peek().text}`);
  }

  private unexpected(token = this.peek()): ExpressionError {
    return new ExpressionError(`unexpected ${token.text}`);
  }
}

function field(name: string): Compiled {
  return (fields) => {
    const value = fields(name);
    if (value === undefined) throw new ExpressionError(`the sandbox does not know the field ${name}`);
    return value;
  };
}

/** `http.request.headers["x"]` is a list of `name: value` pairs here, and `[0]` an item of a list. */
function item(value: Value, key: Token): Value {
  if (!Array.isArray(value)) return "";
  const list = value as readonly Value[];
  if (key.kind === "number") return list[Number(key.text)] ?? "";
  const wanted = `${key.text.toLowerCase()}:`;
  return list
    .filter((pair) => text(pair).startsWith(wanted))
    .map((pair) => text(pair).slice(wanted.length + 1));
}

function compare(operator: string, left: Value, right: Value, strict: boolean): boolean {
  if (Array.isArray(left)) {
    return (left as readonly Value[]).some((one) => compare(operator, one, right, strict));
  }
  switch (operator) {
    case "eq":
      return left === right || (typeof right === "string" && inNetwork(left, right));
    case "ne":
      return left !== right;
    case "lt":
      return left < right;
    case "le":
      return left <= right;
    case "gt":
      return left > right;
    case "ge":
      return left >= right;
    case "contains":
      return text(left).includes(text(right));
    default:
      return wildcard(text(right), strict).test(text(left));
  }
}

function wildcard(pattern: string, strict: boolean): RegExp {
  const source = pattern.split(/(\\[*\\]|\*)/).map((part) => {
    if (part === "*") return "([^]*?)";
    const literal = part === "\\*" || part === "\\\\" ? part.slice(1) : part;
    return literal.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  });
  return new RegExp(`^${source.join("")}$`, strict ? "" : "i");
}

const functions: Record<string, (args: readonly Value[]) => Value> = {
  concat: (args) => args.map(text).join(""),
  lower: ([value]) => text(value).toLowerCase(),
  upper: ([value]) => text(value).toUpperCase(),
  len: ([value]) => (Array.isArray(value) ? value.length : Buffer.byteLength(text(value))),
  to_string: ([value]) => text(value),
  starts_with: ([value, start]) => text(value).startsWith(text(start)),
  ends_with: ([value, end]) => text(value).endsWith(text(end)),
  substring: ([value, from, to]) =>
    text(value).slice(Number(from), to === undefined ? undefined : Number(to)),
  remove_query_args: ([query, ...names]) => withoutArgs(text(query), names.map(text)),
  url_decode: ([value]) => decode(text(value)),
  any: ([value]) => (Array.isArray(value) ? value.some((one: Value) => truth(one)) : truth(value ?? false)),
  wildcard_replace: ([value, pattern, replacement, flags]) => {
    const found = wildcard(text(pattern), flags === "s").exec(text(value));
    if (found === null) return text(value);
    return text(replacement).replace(/\$\{(\d)\}/g, (_all, digit: string) => found[Number(digit)] ?? "");
  },
};

function withoutArgs(query: string, names: readonly string[]): string {
  const kept = query.split("&").filter((part) => !names.includes(part.split("=")[0] ?? ""));
  return kept.join("&");
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Whether an IPv4 address lies in a CIDR block. */
function inNetwork(value: Value, block: string): boolean {
  const [network, bits] = block.split("/");
  if (bits === undefined || network === undefined || typeof value !== "string") return false;
  const [a, b] = [toNumber(network), toNumber(value)];
  if (a === undefined || b === undefined) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(a / size) === Math.floor(b / size);
}

function toNumber(address: string): number | undefined {
  if (!/^\d+(\.\d+){3}$/.test(address)) return undefined;
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function truth(value: Value): boolean {
  return value === true;
}

export function text(value: Value | undefined): string {
  if (value === undefined) return "";
  return typeof value === "string"
    ? value
    : typeof value === "object"
      ? value.map(text).join(",")
      : String(value);
}
