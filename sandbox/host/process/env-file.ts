import { interpolate, type Lookup } from "./interpolate";

/**
 * Reads the lines of an env file: `NAME=value`, `export NAME=value`, comments, single quotes (as written), double
 * quotes (escapes and variables), no quotes (variables; a ` #` begins a comment). A name alone takes the value of the
 * environment, if it is there.
 */
export function parseEnvFile(text: string, lookup: Lookup): Record<string, string> {
  const values: Record<string, string> = {};
  const find: Lookup = (name) => values[name] ?? lookup(name);
  const lines =
    /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*(?:=[ \t]*(?:'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|([^\r\n]*))|(?=\r?\n|$))/;
  let rest = text.replace(/^\uFEFF/, "");
  while (rest !== "") {
    const blank = /^[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/.exec(rest);
    if (blank !== null) {
      if (blank[0] === "") break;
      rest = rest.slice(blank[0].length);
      continue;
    }
    const match = lines.exec(rest);
    if (match === null)
      throw new Error(`unexpected character in an env file: "${rest.split("\n", 1).join("")}"`);
    const [whole, name = "", single, double, bare] = match;
    if (single !== undefined) values[name] = single;
    else if (double !== undefined) values[name] = interpolate(unescapeDouble(double), find);
    else if (bare !== undefined) values[name] = interpolate(bare.replace(/(?:^|\s)#.*$/, "").trim(), find);
    else {
      const inherited = lookup(name);
      if (inherited !== undefined) values[name] = inherited;
    }
    rest = rest.slice(whole.length).replace(/^[^\n]*(?:\n|$)/, "");
  }
  return values;
}

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  '"': '"',
  "\\": "\\",
  $: "$$",
};

function unescapeDouble(text: string): string {
  return text.replace(/\\([\s\S])/g, (whole, char: string) => escapes[char] ?? whole);
}
