import type { PathPattern } from "./pattern";
import { fillIn, pathPattern } from "./pattern";

/** A line of `_redirects`. */
interface RedirectRule {
  readonly pattern: PathPattern;
  readonly to: string;
  readonly status: number;
}

/** Where a request is sent: 200 means that the target's file is answered under the old address. */
export interface Redirect {
  readonly to: string;
  readonly status: number;
}

export interface RedirectsFile {
  find(host: string, path: string): Redirect | undefined;
  /** Lines that were left out, with the reason, as `line 3: …`. */
  readonly problems: readonly string[];
}

const statuses = new Set([200, 301, 302, 303, 307, 308]);
const maxStatic = 2000;
const maxDynamic = 100;
const maxLineLength = 2000;

/** Reads `_redirects`: `from to [status]`, 302 where none is given. Wrong lines are left out, as Pages does. */
export function parseRedirects(text: string): RedirectsFile {
  const exact = new Map<string, RedirectRule>();
  const dynamic: RedirectRule[] = [];
  const problems: string[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [from = "", ...rest] = line.split(/\s+/);
    const rule = parseRule(line, from, rest);
    const problem = typeof rule === "string" ? rule : add(rule, encodedPath(from), exact, dynamic);
    if (problem !== undefined) problems.push(`line ${index + 1}: ${problem}`);
  }
  return {
    problems,
    find(host, requestPath) {
      const path = encodedPath(requestPath);
      const rule = exact.get(path);
      if (rule !== undefined) return { to: rule.to, status: rule.status };
      for (const { pattern, to, status } of dynamic) {
        const values = pattern.match(host, path);
        if (values !== undefined) return { to: fillIn(to, values), status };
      }
      return undefined;
    },
  };
}

function parseRule(
  line: string,
  from: string,
  [to, code, ...more]: readonly string[],
): RedirectRule | string {
  if (line.length > maxLineLength) return `longer than ${maxLineLength} characters`;
  if (to === undefined || more.length > 0) return "expected: from to [status]";
  if (!from.startsWith("/")) return "the first address must be a path";
  const status = code === undefined ? 302 : Number(code);
  if (!statuses.has(status)) return `the status must be one of ${[...statuses].join(", ")}`;
  const absolute = /^https?:\/\//.test(to);
  if (!absolute && !to.startsWith("/")) return "the second address must be a path or start with https://";
  if (status === 200 && absolute) return "status 200 serves paths of this site only";
  if (/\/\*?$/.test(from) && /^\/(index(\.html)?)?$/.test(to) && (status === 200 || from.endsWith("*"))) {
    return "an endless loop";
  }
  const pattern = pathPattern(encodedPath(from));
  if (pattern === undefined) return "not a pattern: one * at most, each placeholder once";
  return { pattern, to: encodedPath(to), status };
}

/** One spelling for each address: `/ä` and `/%C3%A4` are the same, and several slashes are one in a path. */
function encodedPath(address: string): string {
  const single = address.startsWith("/") ? address.replace(/\/{2,}/g, "/") : address;
  try {
    return encodeURI(decodeURI(single)).replace(/%25([0-9a-f]{2})/gi, "%$1");
  } catch {
    return encodeURI(single);
  }
}

function add(
  rule: RedirectRule,
  from: string,
  exact: Map<string, RedirectRule>,
  dynamic: RedirectRule[],
): string | undefined {
  if (rule.pattern.dynamic) {
    if (dynamic.length >= maxDynamic) return `more than ${maxDynamic} rules with * or placeholders`;
    dynamic.push(rule);
    return undefined;
  }
  if (exact.has(from)) return "a second rule for this path";
  if (exact.size >= maxStatic) return `more than ${maxStatic} rules`;
  exact.set(from, rule);
  return undefined;
}
