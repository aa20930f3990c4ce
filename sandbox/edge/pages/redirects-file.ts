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

interface Rules {
  readonly exact: Map<string, RedirectRule>;
  readonly inOrder: RedirectRule[];
}

const statuses = new Set([200, 301, 302, 303, 307, 308]);
const maxExact = 2000;
const maxInOrder = 100;
const maxLineLength = 2000;

/**
 * Reads `_redirects`: `from to [status]`, 302 where none is given. Wrong lines are left out, as Pages does. Paths without `*` and
 * placeholders come first, whatever their order, as long as no line with such has come before; from there on each in its turn.
 */
export function parseRedirects(text: string): RedirectsFile {
  const rules: Rules = { exact: new Map(), inOrder: [] };
  const seen = new Set<string>();
  const problems: string[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [from = "", ...rest] = line.split(/\s+/);
    const rule = parseRule(line, from, rest);
    if (rules.inOrder.length >= maxInOrder && typeof rule !== "string") {
      const limit = `more than ${maxInOrder} rules from the first one with * or placeholders on`;
      problems.push(`line ${index + 1}: ${limit}; this and all below are left out`);
      break;
    }
    const problem = typeof rule === "string" ? rule : add(rule, encodedPath(from), seen, rules);
    if (problem !== undefined) problems.push(`line ${index + 1}: ${problem}`);
  }
  return {
    problems,
    find(host, requestPath) {
      const path = encodedPath(requestPath);
      const rule = rules.exact.get(path);
      if (rule !== undefined) return { to: rule.to, status: rule.status };
      for (const { pattern, to, status } of rules.inOrder) {
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
  // Pages sends `/index.html` back to `/`, also after a rule of status 200, and so takes none of these.
  if (/\/\*?$/.test(from) && /\/index(\.html)?$/.test(to) && !absolute) return "an endless loop";
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
  seen: Set<string>,
  { exact, inOrder }: Rules,
): string | undefined {
  if (seen.has(from)) return "a second rule for this path";
  if (rule.pattern.dynamic || inOrder.length > 0) {
    inOrder.push(rule);
  } else {
    if (exact.size >= maxExact) return `more than ${maxExact} rules`;
    exact.set(from, rule);
  }
  seen.add(from);
  return undefined;
}
