/** Variables by name; undefined = not set. */
export type Lookup = (name: string) => string | undefined;

/**
 * Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?error}`, `${NAME?error}`,
 * `${NAME:+other}`, `${NAME+other}` (nested ones too) and `$$`, as Compose does.
 *
 * @throws Error for a required variable that is missing and for a `${` that is no variable.
 */
export function interpolate(
  text: string,
  lookup: Lookup,
  warn: (name: string) => void = () => undefined,
): string {
  let result = "";
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index);
    if (char !== "$") {
      result += char;
      continue;
    }
    const next = text.charAt(index + 1);
    if (next === "$") {
      result += "$";
      index++;
    } else if (next === "{") {
      const end = closingBrace(text, index + 2);
      if (end === -1) throw invalid(text);
      result += braced(text.slice(index + 2, end), lookup, warn, text);
      index = end;
    } else {
      const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(text.slice(index + 1))?.[0];
      if (name === undefined) throw invalid(text);
      result += plain(name, lookup, warn);
      index += name.length;
    }
  }
  return result;
}

function plain(name: string, lookup: Lookup, warn: (name: string) => void): string {
  const value = lookup(name);
  if (value === undefined) warn(name);
  return value ?? "";
}

function braced(body: string, lookup: Lookup, warn: (name: string) => void, whole: string): string {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?+])([\s\S]*))?$/.exec(body);
  if (match === null) throw invalid(whole);
  const [, name = "", operator, word = ""] = match;
  if (operator === undefined) return plain(name, lookup, warn);
  const value = lookup(name);
  const present = value !== undefined && (!operator.startsWith(":") || value !== "");
  const other = (): string => interpolate(word, lookup, warn);
  switch (operator.at(-1)) {
    case "-":
      return present ? value : other();
    case "+":
      return present ? other() : "";
    default:
      if (present) return value;
      throw new Error(`required variable ${name} is missing a value${word === "" ? "" : `: ${other()}`}`);
  }
}

function closingBrace(text: string, from: number): number {
  let depth = 1;
  for (let index = from; index < text.length; index++) {
    if (text.startsWith("${", index)) depth++;
    else if (text.charAt(index) === "}" && --depth === 0) return index;
  }
  return -1;
}

function invalid(text: string): Error {
  return new Error(`invalid interpolation format for "${text}". You may need to escape any $ with another $`);
}
