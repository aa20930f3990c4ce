import type { StorageCorsRule } from "./account";

/** What a browser asks of another origin. */
export interface CorsQuestion {
  readonly origin: string;
  readonly method: string;
  /** Request headers, in lower case. */
  readonly headers: readonly string[];
}

/** Headers that let a browser go on; undefined where no rule does. */
export function corsHeaders(
  rules: readonly StorageCorsRule[],
  question: CorsQuestion,
): Record<string, string> | undefined {
  const rule = rules.find(
    ({ allowed }) =>
      allowed.origins.some((pattern) => fits(pattern, question.origin)) &&
      allowed.methods.includes(question.method) &&
      question.headers.every((name) =>
        (allowed.headers ?? []).some((pattern) => fits(pattern.toLowerCase(), name)),
      ),
  );
  if (rule === undefined) return undefined;
  const anybody = rule.allowed.origins.includes("*");
  return {
    "access-control-allow-origin": anybody ? "*" : question.origin,
    "access-control-allow-methods": rule.allowed.methods.join(", "),
    ...(question.headers.length > 0 ? { "access-control-allow-headers": question.headers.join(", ") } : {}),
    ...(rule.exposeHeaders === undefined || rule.exposeHeaders.length === 0
      ? {}
      : { "access-control-expose-headers": rule.exposeHeaders.join(", ") }),
    ...(rule.maxAgeSeconds === undefined ? {} : { "access-control-max-age": String(rule.maxAgeSeconds) }),
    vary: "Origin, Access-Control-Request-Headers",
  };
}

/** The headers for an answer to a page of another origin: without what only a preflight is told. */
export function answerCors(
  rules: readonly StorageCorsRule[],
  origin: string | undefined,
  method: string,
): Record<string, string> {
  if (origin === undefined) return {};
  const all = corsHeaders(rules, { origin, method, headers: [] }) ?? {};
  return Object.fromEntries(Object.entries(all).filter(([name]) => name !== "access-control-max-age"));
}

/** The answer to a preflight, or undefined where it is refused. */
export function preflight(
  rules: readonly StorageCorsRule[],
  headers: Readonly<Record<string, string | undefined>>,
): Record<string, string> | undefined {
  const { origin, "access-control-request-method": method } = headers;
  if (origin === undefined || method === undefined) return undefined;
  const asked = (headers["access-control-request-headers"] ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
  return corsHeaders(rules, { origin, method, headers: asked });
}

/** One `*` in a pattern stands for anything. */
function fits(pattern: string, text: string): boolean {
  const [start = "", end, ...more] = pattern.split("*");
  if (end === undefined || more.length > 0) return pattern === text;
  return text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end);
}
