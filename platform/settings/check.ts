import type { Finding } from "./issue";
import { configPath, existsAt, isRecord, type Keys, startsWith, withoutPath } from "./paths";
import { ENCRYPTED } from "./document";
import { completeSettings } from "./complete";
import { allRules } from "./rules/all";
import { type RuleContext, type SecretNames, touchedBy } from "./rules/context";
import { findPlainSecrets, missingSecrets, requireSecrets, setSecretCommand } from "./rules/secrets";
import type { StackValues } from "./schema/stack";
import type { Settings } from "./settings-type";
import { stackSchema } from "./stack-schema";
import { structuralFindings } from "./structure";
import { tierOf } from "./tier";

/** Settings as they come from a file or from the engine, before anything is known of them. */
export interface RawSettings {
  /** The stack's name alone. */
  readonly stack: string;
  /** What stands under groundwork:, without secrets. */
  readonly values: Readonly<Record<string, unknown>>;
  /** What stands under other namespaces. */
  readonly foreign: Readonly<Record<string, unknown>>;
  readonly secrets: SecretNames;
  /** Secrets that are at hand otherwise. */
  readonly otherSecrets: readonly string[];
  /** Are secrets that are missing a mistake? */
  readonly requireSecrets: boolean;
}

/** What came out of a check. `values` is what could be read; `settings` is there only without findings. */
export interface Checked {
  readonly findings: readonly Finding[];
  readonly values: StackValues;
  readonly settings: Settings | undefined;
}

const PLACEHOLDERS: Readonly<Record<string, unknown>> = {
  domain: "not-known.invalid",
  cloudflare: { accountId: "0".repeat(32) },
};

/** Checks settings against the schema and all rules. Never throws for any input. */
export function checkSettings(raw: RawSettings): Checked {
  const findings: Finding[] = [];
  const report = (finding: Finding): void => {
    findings.push(finding);
  };
  const pruned: Keys[] = [];
  const start = withoutEncrypted(raw, pruned, report);
  const readable = readWhatCanBe(start, pruned, report);
  const context: RuleContext = {
    stack: raw.stack,
    tier: readable.values.tier ?? tierOf(raw.stack),
    values: readable.values,
    raw: raw.values,
    secrets: raw.secrets,
    otherSecrets: raw.otherSecrets,
    isTouched: (keys) => touchedBy(pruned, readable.restore(keys)),
    report: (finding) => report({ ...finding, keys: placeOf(raw.values, readable.restore(finding.keys)) }),
  };
  for (const rule of allRules) rule(context);
  findPlainSecrets({ ...raw.values, ...raw.foreign }, report, raw.stack);
  if (raw.requireSecrets) requireSecrets({ ...context, report });
  const missing = missingSecrets(context).map(({ name }) => name);
  return {
    findings: withoutDoubles(findings),
    values: readable.values,
    settings: findings.length === 0 ? completeSettings(readable.values, raw.stack, missing) : undefined,
  };
}

/** A path of something that only its default says is that of what the file does say, above it. */
function placeOf(values: unknown, keys: Keys): Keys {
  let place = keys;
  while (place.length > 1 && !existsAt(values, place)) place = place.slice(0, -1);
  return existsAt(values, place) ? place : keys;
}

/** Encrypted values belong into groundwork:secrets; elsewhere nobody could check them. */
function withoutEncrypted(raw: RawSettings, pruned: Keys[], report: (finding: Finding) => void): unknown {
  let values: unknown = raw.values;
  const visit = (value: unknown, keys: Keys): void => {
    if (value === ENCRYPTED) {
      const last = String(keys.at(-1) ?? "VALUE");
      const name = /^[A-Z][A-Z0-9_]*$/.test(last) ? last : "NAME";
      report({
        keys,
        what: "an encrypted value outside of groundwork:secrets",
        allowed: "secrets in groundwork:secrets only; elsewhere they are named",
        fix: `${setSecretCommand(name, raw.stack)}, and name it here: {secret: ${name}} in an environment`,
      });
      pruned.push(keys);
    } else if (Array.isArray(value)) value.forEach((item, index) => visit(item, [...keys, index]));
    else if (isRecord(value)) for (const [key, inner] of Object.entries(value)) visit(inner, [...keys, key]);
  };
  visit(raw.values, []);
  for (const keys of [...pruned].reverse()) values = withoutPath(values, keys);
  return values;
}

/**
 * Takes out what the schema refuses until the rest can be read, so that one mistake does not hide others. Indices of
 * lists then move up: `restore` gives back those of the file.
 */
function readWhatCanBe(
  start: unknown,
  pruned: Keys[],
  report: (finding: Finding) => void,
): { readonly values: StackValues; restore(keys: Keys): Keys } {
  const removed: Keys[] = pruned.filter((keys) => typeof keys.at(-1) === "number");
  const restore = (keys: Keys): Keys => {
    const restored: (string | number)[] = [];
    for (const key of keys) {
      if (typeof key !== "number") restored.push(key);
      else {
        let index = key;
        const gone = removed
          .filter((path) => path.length === restored.length + 1 && startsWith(path, restored))
          .map((path) => Number(path.at(-1)))
          .sort((a, b) => a - b);
        for (const other of gone) if (other <= index) index += 1;
        restored.push(index);
      }
    }
    return restored;
  };
  let current = start;
  for (let round = 0; round < 200; round += 1) {
    const result = stackSchema().safeParse(current);
    if (result.success) return { values: result.data, restore };
    const found = structuralFindings(current, result.error.issues);
    if (round === 0)
      for (const { prune: _prune, ...finding } of found) report({ ...finding, keys: restore(finding.keys) });
    const paths = lastFirst(found.map(({ prune }) => prune));
    const restored = paths.map(restore);
    for (const keys of paths) {
      const [top = ""] = keys;
      current = withoutPath(current, keys);
      if (keys.length <= 1) current = withPlaceholder(current, String(top), keys.length === 0);
    }
    for (const keys of restored) {
      if (keys.length === 0)
        for (const key of Object.keys(PLACEHOLDERS))
          pruned.push(...(existsAt(current, [key]) ? [[key]] : []));
      else pruned.push(keys);
      if (typeof keys.at(-1) === "number") removed.push(keys);
    }
  }
  return { values: stackSchema().parse(PLACEHOLDERS), restore };
}

/** What must be there cannot be left out: something stands in for it, which rules know as touched. */
function withPlaceholder(values: unknown, key: string, all: boolean): unknown {
  const missing = Object.entries(PLACEHOLDERS).filter(
    ([name]) => (all || name === key) && !existsAt(values, [name]),
  );
  return missing.length === 0
    ? values
    : { ...(isRecord(values) ? values : {}), ...Object.fromEntries(missing) };
}

/** Deepest and last ones first, so that taking one out moves no other; each once, none below another one. */
function lastFirst(paths: readonly Keys[]): Keys[] {
  const unique = [...new Map(paths.map((keys) => [JSON.stringify(keys), keys])).values()];
  const outer = unique.filter((keys) => !unique.some((other) => other !== keys && startsWith(keys, other)));
  return outer.sort((a, b) => {
    for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
      const [x, y] = [a[index], b[index]];
      if (x === y) continue;
      if (typeof x === "number" && typeof y === "number") return y - x;
      return String(y ?? "").localeCompare(String(x ?? ""));
    }
    return 0;
  });
}

/** A secret in plain text may also be wrong by its form: the first of the two messages for one place that is about secrets stays. */
function withoutDoubles(findings: readonly Finding[]): Finding[] {
  const secret = new Set(
    findings
      .filter(({ what }) => what.startsWith("a secret in plain text"))
      .map(({ keys }) => configPath(keys)),
  );
  const seen = new Set<string>();
  return findings.filter(({ keys, what }) => {
    const path = configPath(keys);
    const id = `${path} ${what}`;
    if (seen.has(id)) return false;
    seen.add(id);
    return !secret.has(path) || what.startsWith("a secret in plain text");
  });
}
