import type { Finding } from "../issue";
import { existsAt, type Keys, startsWith, valueAt } from "../paths";
import type { StackValues } from "../schema/stack";
import type { Tier } from "../settings-type";

/** What is known of a file's secrets without reading any. */
export interface SecretNames {
  /** Names of those that are there; undefined where they are sealed as one, so that nobody can tell. */
  readonly present: readonly string[] | undefined;
  /** Names of those that stand in plain text. */
  readonly plain: readonly string[];
}

/** What rules look at. */
export interface RuleContext {
  readonly stack: string;
  readonly tier: Tier;
  /** What remains of the file without the parts that the schema refused, with defaults. */
  readonly values: StackValues;
  /** All that stands in the file. */
  readonly raw: unknown;
  readonly secrets: SecretNames;
  /** Secrets that are at hand otherwise (CLOUDFLARE_API_TOKEN in the environment). */
  readonly otherSecrets: readonly string[];
  /** Was something at, above or below this path refused by the schema? Then its absence means nothing. */
  isTouched(keys: Keys): boolean;
  report(finding: Finding): void;
}

/** One rule, or several that belong together. Rules only read and report. */
export type Rule = (context: RuleContext) => void;

export function touchedBy(pruned: readonly Keys[], keys: Keys): boolean {
  return pruned.some((path) => startsWith(keys, path) || startsWith(path, keys));
}

/** Is an entry declared, be it refused otherwise? */
export function isDeclared(context: RuleContext, part: string, name: string): boolean {
  return existsAt(context.raw, [part, name]);
}

/** The names of a part's entries, refused ones included. */
export function declaredNames(context: RuleContext, part: string): string[] {
  const entries = valueAt(context.raw, [part]);
  return typeof entries === "object" && entries !== null && !Array.isArray(entries)
    ? Object.keys(entries)
    : [];
}
