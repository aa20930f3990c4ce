/** A statement of a script, or a backslash command on a line of its own. */
export interface ScriptPart {
  readonly kind: "sql" | "command";
  readonly text: string;
  /** Line of the script where it begins, from 1. */
  readonly line: number;
}

/**
 * Cuts a psql script into statements at `;` outside of quotes, dollar quotes, comments and parentheses, and puts in
 * psql's variables: `:name`, `:'name'` (a literal), `:"name"` (an identifier). Unknown variables stay as written.
 */
export function splitScript(script: string, variables: ReadonlyMap<string, string>): ScriptPart[] {
  const parts: ScriptPart[] = [];
  let text = "";
  let line = 1;
  let begun = 1;
  let depth = 0;
  let index = 0;
  const take = (length: number): void => {
    const piece = script.slice(index, index + length);
    if (text.trim() === "" && piece.trim() !== "") begun = line;
    text += piece;
    line += piece.split("\n").length - 1;
    index += length;
  };
  const close = (): void => {
    if (text.trim() !== "") parts.push({ kind: "sql", text: text.trim(), line: begun });
    text = "";
  };
  while (index < script.length) {
    const rest = script.slice(index);
    const skipped = /^(?:--[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/|$))/.exec(rest);
    if (skipped !== null) {
      line += skipped[0].split("\n").length - 1;
      index += skipped[0].length;
      text += " ";
      continue;
    }
    const quoted =
      /^[eE]'(?:[^'\\]|''|\\[\s\S])*(?:'|$)/.exec(rest) ??
      /^'(?:[^']|'')*(?:'|$)/.exec(rest) ??
      /^"(?:[^"]|"")*(?:"|$)/.exec(rest) ??
      dollarQuoted(rest);
    if (quoted !== null && !(/^[eE]'/.test(quoted[0]) && /\w$/.test(text))) {
      take(quoted[0].length);
      continue;
    }
    const variable = /^:(?:'([A-Za-z0-9_]+)'|"([A-Za-z0-9_]+)"|([A-Za-z0-9_]+))/.exec(rest);
    if (variable !== null && !text.endsWith(":")) {
      const value = variables.get(variable[1] ?? variable[2] ?? variable[3] ?? "");
      if (value !== undefined) {
        if (text.trim() === "") begun = line;
        if (variable[1] !== undefined) text += literal(value);
        else if (variable[2] !== undefined) text += `"${value.replace(/"/g, '""')}"`;
        else text += value;
        index += variable[0].length;
        continue;
      }
    }
    const char = rest.charAt(0);
    if (char === "\\" && text.trim() === "") {
      const command = /^[^\n]*/.exec(rest)?.[0] ?? "";
      parts.push({ kind: "command", text: command.trim(), line });
      text = "";
      index += command.length;
      continue;
    }
    if (char === "(") depth++;
    if (char === ")") depth = Math.max(0, depth - 1);
    if (char === ";" && depth === 0) {
      index++;
      close();
      continue;
    }
    take(1);
  }
  close();
  return parts;
}

function dollarQuoted(rest: string): RegExpExecArray | null {
  const tag = /^\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$/.exec(rest);
  if (tag === null) return null;
  const end = rest.indexOf(tag[0], tag[0].length);
  tag[0] = end === -1 ? rest : rest.slice(0, end + tag[0].length);
  return tag;
}

function literal(value: string): string {
  const quoted = `'${value.replace(/'/g, "''")}'`;
  return value.includes("\\") ? ` E${quoted.replace(/\\/g, "\\\\")}` : quoted;
}
