/** An SQL identifier in quotes, whatever is in it. PostgreSQL has no way to write a NUL, so neither have we. */
export function identifier(name: string): string {
  if (name === "" || name.includes("\0")) throw new Error("an SQL identifier cannot be empty or hold NUL");
  return `"${name.replaceAll('"', '""')}"`;
}

/** An SQL string literal, whatever is in it, and whatever `standard_conforming_strings` says. */
export function literal(text: string): string {
  if (text.includes("\0")) throw new Error("an SQL string cannot hold NUL");
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? ` E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** Several literals as an SQL array of text. */
export function textArray(items: readonly string[]): string {
  return items.length === 0 ? "'{}'::text[]" : `ARRAY[${items.map(literal).join(", ")}]::text[]`;
}

/** A block of PL/pgSQL as one statement, in dollar quotes that its text does not hold. */
export function block(body: string, declarations = ""): string {
  let tag = "$groundwork$";
  for (let n = 1; body.includes(tag) || declarations.includes(tag); n++) tag = `$groundwork${n}$`;
  const declare = declarations === "" ? "" : `DECLARE ${declarations} `;
  return `DO ${tag} ${declare}BEGIN\n${body}\nEND ${tag};`;
}
