import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { escapeForRegExp } from "../../../common/escape-for-reg-exp";
import { markKey, marks } from "../../../common/engine-values";
import type { Value, Values } from "../values";

/**
 * The files below `folder` that the patterns choose, relative and sorted. `*` and `?` stay within a folder, `**` does
 * not, `{a,b}` is a choice, a leading `!` takes away; of two patterns about one file the later wins.
 */
export function globFiles(folder: string, patterns: readonly string[]): string[] {
  const rules = patterns.map((pattern) => {
    const isExclusion = pattern.startsWith("!");
    return { isExclusion, expression: globExpression(isExclusion ? pattern.slice(1) : pattern) };
  });
  return filesBelow(folder).filter((file) => {
    const last = rules.findLast(({ expression }) => expression.test(file));
    return last !== undefined && !last.isExclusion;
  });
}

function filesBelow(folder: string, prefix = ""): string[] {
  return readdirSync(join(folder, prefix), { withFileTypes: true })
    .flatMap((entry) => {
      const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(folder, path) : [path];
    })
    .sort();
}

function globExpression(pattern: string): RegExp {
  const source = pattern
    .replace(/^\.\//, "")
    .replace(/\*\*\/|\*\*|\*|\?|\{[^}]*\}|[.+^$()|[\]\\]/g, (token) => {
      if (token === "**/") return "(?:.*/)?";
      if (token === "**") return ".*";
      if (token === "*") return "[^/]*";
      if (token === "?") return "[^/]";
      if (token.startsWith("{")) return `(?:${token.slice(1, -1).split(",").map(escapeForRegExp).join("|")})`;
      return escapeForRegExp(token);
    });
  return new RegExp(`^${source}$`);
}

/** The files as assets by their relative path. */
export function assetsOf(folder: string, files: readonly string[]): Values {
  return Object.fromEntries(files.map((file) => [file, fileAsset(join(folder, file))]));
}

export function fileAsset(path: string): Value {
  const hash = createHash("sha256").update(readFileSync(path)).digest("hex");
  return { [markKey]: marks.asset, path, hash };
}

/** One archive of the files by their relative path. */
export function archiveOf(folder: string, files: readonly string[]): Value {
  const assets = assetsOf(folder, files);
  const hash = createHash("sha256");
  for (const file of files)
    hash.update(`${file}\0${statSync(join(folder, file)).size}\0`).update(readFileSync(join(folder, file)));
  return {
    [markKey]: marks.archive,
    assets,
    hash: hash.digest("hex"),
  };
}
