/**
 * An env file that Docker Compose reads back as exactly these values. Single quotes keep everything as it is; a value
 * that holds one (or ends with a backslash) is written in double quotes, with its dollars doubled against substitution.
 *
 * @example
 * envFile({ PORT: "4000" }); // "PORT='4000'\n"
 */
export function envFile(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${name}=${quoted(value)}\n`)
    .join("");
}

function quoted(value: string): string {
  if (!value.includes("'") && !value.includes("\\")) return `'${value}'`;
  const escaped = value
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("$", "$$$$")
    .replaceAll("\r", "\\r")
    .replaceAll("\n", "\\n");
  return `"${escaped}"`;
}

/** `NAME=value` lines as platforms' own programs read them; a value with a line break cannot be written so. */
export function variableLines(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => {
      if (/[\r\n]/.test(value))
        throw new Error(`${name} has a line break, which NAME=value lines cannot carry`);
      return `${name}=${value}\n`;
    })
    .join("");
}
