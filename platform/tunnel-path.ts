/** A tunnel's `path` in settings, and the regular expression that cloudflared looks for anywhere in a request's path. */
import { escapeForRegExp } from "../common/escape-for-reg-exp";

/** Matches the path and what is below it, as `/ws` alone would match `/news/wsx` too; undefined where that is everything. */
export function tunnelPattern(path: string): string | undefined {
  const base = path.replace(/\/+\*?$/, "");
  return base === "" ? undefined : `^${escapeForRegExp(base)}(/|$)`;
}

/** Does the path hold signs of a pattern, which would be taken letter by letter? */
export function isPattern(path: string): boolean {
  return /[\\^$*+|()[\]{}]/.test(path.replace(/\/\*$/, ""));
}

/** The path whose pattern this is; undefined where no path has it. */
export function tunnelPath(pattern: string): string | undefined {
  const path = /^\^(\/.*)\(\/\|\$\)$/.exec(pattern)?.[1]?.replace(/\\([^A-Za-z0-9])/g, "$1");
  return path !== undefined && !isPattern(path) && tunnelPattern(path) === pattern ? path : undefined;
}
