import type { OutgoingHttpHeaders } from "node:http";
import type { PathPattern } from "./pattern";
import { fillIn, pathPattern } from "./pattern";

interface HeaderRule {
  readonly pattern: PathPattern;
  readonly set: [string, string][];
  readonly unset: string[];
}

export interface HeadersFile {
  /** Changes an answer's headers (names in lower case) in place by every rule that matches. */
  apply(host: string, path: string, headers: OutgoingHttpHeaders): void;
  /** Lines that were left out, with the reason, as `line 3: …`. */
  readonly problems: readonly string[];
}

const maxRules = 100;
const maxLineLength = 2000;

/**
 * Reads `_headers`: a path or https address, then indented `Name: value` lines, or `! Name` to take one away.
 * Several rules that match add up: equal names are joined by a comma.
 */
export function parseHeaders(text: string): HeadersFile {
  const rules: HeaderRule[] = [];
  const problems: string[] = [];
  let current: HeaderRule | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const problem = (why: string): number => problems.push(`line ${index + 1}: ${why}`);
    if (line.length > maxLineLength) {
      problem(`longer than ${maxLineLength} characters`);
    } else if (/^(\/|https:\/\/)/.test(line)) {
      current = startRule(line, rules, problem);
    } else if (current === undefined) {
      problem("a header without a path above it");
    } else {
      readHeader(line, current, problem);
    }
  }
  return { problems, apply: (host, path, headers) => applyRules(rules, host, path, headers) };
}

function startRule(
  line: string,
  rules: HeaderRule[],
  problem: (why: string) => number,
): HeaderRule | undefined {
  const pattern = pathPattern(line);
  if (pattern === undefined) problem("not a path or https address: one * at most, each placeholder once");
  else if (rules.length >= maxRules) problem(`more than ${maxRules} rules`);
  else {
    const rule: HeaderRule = { pattern, set: [], unset: [] };
    rules.push(rule);
    return rule;
  }
  return undefined;
}

function readHeader(line: string, rule: HeaderRule, problem: (why: string) => number): void {
  if (line.startsWith("!")) {
    const name = line.slice(1).trim().toLowerCase();
    if (isName(name)) rule.unset.push(name);
    else problem("not a header name");
    return;
  }
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
  const value = line.slice(colon + 1).trim();
  if (!isName(name)) problem("expected: Name: value");
  else if (value === "") problem("a header without a value");
  else rule.set.push([name, value]);
}

function isName(name: string): boolean {
  return /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name);
}

function applyRules(
  rules: readonly HeaderRule[],
  host: string,
  path: string,
  headers: OutgoingHttpHeaders,
): void {
  const written = new Set<string>();
  for (const { pattern, set, unset } of rules) {
    const values = pattern.match(host, path);
    if (values === undefined) continue;
    for (const name of unset) delete headers[name];
    for (const [name, template] of set) {
      const value = fillIn(template, values);
      if (!written.has(name)) headers[name] = name === "set-cookie" ? [value] : value;
      else if (name === "set-cookie") headers[name] = [headers[name] ?? [], value].flat().map(String);
      else headers[name] = [headers[name], value].filter((part) => part !== undefined).join(", ");
      written.add(name);
    }
  }
}
