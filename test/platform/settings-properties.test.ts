import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import { projectRoot } from "../../common/project-root";
import {
  formatIssue,
  settingsFromConfig,
  type SettingsIssue,
  validateStackFile,
  validateStackFiles,
} from "../../platform/settings";
import { parseStackDocument } from "../../platform/settings/document";
import { configPath, existsAt, isRecord, valueAt } from "../../platform/settings/paths";
import { stackSchema } from "../../platform/settings/schema/stack";

/** The same values each time, so that a run says nothing by chance; more of them with PROPERTY_RUNS and PROPERTY_SEED. */
const runs = {
  numRuns: Number(process.env["PROPERTY_RUNS"] ?? 100),
  seed: Number(process.env["PROPERTY_SEED"] ?? 20_261_121),
};
const right = [
  "Pulumi.dev.yaml",
  "Pulumi.staging.yaml",
  "examples/plyr/Pulumi.staging.yaml",
  "examples/pika/Pulumi.prod.yaml",
  "examples/srq-hpn/Pulumi.prod.yaml",
].map(
  (file) =>
    parseStackDocument(readFileSync(join(projectRoot(), file), "utf8")).root as {
      config: Record<string, unknown>;
    },
);

function issuesOf(text: string, stack = "staging"): readonly SettingsIssue[] {
  const result = validateStackFile({ file: "Pulumi.staging.yaml", text, stack });
  return "issues" in result ? result.issues : [];
}

/** All paths of a value, deepest included. */
function pathsOf(value: unknown, base: (string | number)[] = []): (string | number)[][] {
  if (Array.isArray(value)) return [base, ...value.flatMap((item, index) => pathsOf(item, [...base, index]))];
  if (isRecord(value))
    return [base, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...base, key]))];
  return [base];
}

function put(root: unknown, keys: readonly (string | number)[], value: unknown): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  if (Array.isArray(root))
    return root.map((item: unknown, index) => (index === key ? put(item, rest, value) : item));
  return { ...(root as object), [key]: put(valueAt(root, [key]), rest, value) };
}

const oddValues = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    null,
    "",
    -1,
    0,
    1.5,
    1e99,
    true,
    [],
    {},
    [[]],
    { secure: "v1:a:b" },
    { from: "a.b.c" },
    { secret: "X" },
    { kind: "compose" },
  ),
  fc.constantFrom(
    "databases.main.appUrl",
    "acme.test",
    "[::1]",
    "0.0.0.0:5432",
    "x".repeat(300),
    "__proto__",
    "constructor",
  ),
);

/** A right stack file of which some places hold something else. */
const damaged = fc
  .constantFrom(...right)
  .chain((root) =>
    fc.tuple(
      fc.constant(root),
      fc.array(fc.tuple(fc.constantFrom(...pathsOf(root).slice(1)), oddValues), {
        minLength: 1,
        maxLength: 3,
      }),
    ),
  )
  .map(([root, changes]) =>
    changes.reduce<unknown>(
      (value, [keys, odd]) => (existsAt(value, keys) ? put(value, keys, odd) : value),
      root,
    ),
  );

/** Only the names of settings, with anything in them. */
const named = fc.dictionary(
  fc.constantFrom(...Object.keys(stackSchema.shape).map((key) => `groundwork:${key}`), "groundwork:secrets"),
  oddValues,
);

describe("whatever stands in a file", () => {
  test("any text: the check ends, with issues that can be printed", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
        for (const issue of issuesOf(text)) expect(formatIssue(issue)).toContain("fix: ");
      }),
      runs,
    );
  });

  test.each([
    ["an alias that contains itself", "config: &a\n  groundwork:sites: *a\n"],
    [
      "aliases that grow without end",
      `a: &a [x, x]\n${"bcdefghijklmn"
        .split("")
        .map((n, i) => `${n}: &${n} [${`*${"abcdefghijklm"[i] ?? "a"}, `.repeat(9)}x]`)
        .join("\n")}\n`,
    ],
    ["a thousand brackets", "[".repeat(1000)],
    ["a hundred thousand brackets", "[".repeat(100_000)],
    ["deep maps", `config: ${'{"groundwork:zone": '.repeat(2000)}1${"}".repeat(2000)}`],
    [
      "a name of all objects",
      "config:\n  groundwork:sites:\n    __proto__: { project: x }\n    constructor: { project: y }\n",
    ],
    ["a key that is a map", "config:\n  ? { a: b }\n  : c\n"],
    ["a number as a key", "config:\n  1: 2\n"],
    ["two documents", "config: {}\n---\nconfig: {}\n"],
    ["an unknown tag", "config: !!js/function 'x'\n"],
  ])("%s", (_name, text) => {
    expect(issuesOf(text).length).toBeGreaterThan(0);
  });

  test("any value under any setting: the check never throws and always says something to do", () => {
    fc.assert(
      fc.property(named, (config) => {
        for (const issue of issuesOf(stringify({ config }))) expect(issue.fix).not.toBe("");
      }),
      runs,
    );
  });

  test("a right file damaged in some places: the paths that are told exist, or are what is missing", () => {
    fc.assert(
      fc.property(damaged, (root) => {
        const text = stringify(root);
        const document = parseStackDocument(text);
        for (const issue of issuesOf(text)) {
          if (issue.keys.length === 0) continue;
          const file = issue.ofFile
            ? issue.keys
            : ["config", `groundwork:${String(issue.keys[0])}`, ...issue.keys.slice(1)];
          const exists = existsAt(document.root, file);
          const isMissing = issue.what.includes("missing") && existsAt(document.root, file.slice(0, -1));
          const isTop = issue.what.includes("missing") && issue.keys.length <= 2;
          expect({ issue, found: exists || isMissing || isTop }).toEqual({ issue, found: true });
          expect(issue.path).toBe(configPath(issue.keys));
        }
      }),
      runs,
    );
  });

  test("several files together never throw", () => {
    fc.assert(
      fc.property(damaged, damaged, (a, b) => {
        const result = validateStackFiles([
          { file: "a", stack: "staging", text: stringify(a) },
          { file: "b", stack: "prod", text: stringify(b) },
        ]);
        expect("issues" in result || "settings" in result).toBe(true);
      }),
      runs,
    );
  });
});

describe("secrets", () => {
  /** Made of what people really have as secrets; long enough that it cannot be in a text by chance. */
  const secret = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9+/]{20,40}$/),
    fc.stringMatching(/^[a-z]{6}-[a-z]{6}-[A-Z]{6}[0-9]{3}$/),
    fc.stringMatching(/^[A-Za-z0-9]{24}$/).map((text) => `gh${"p"}_${text}`),
    fc.stringMatching(/^[A-Za-z0-9]{16}$/).map((text) => `postgres://app:${text}@db.acme.test/app`),
    fc
      .stringMatching(/^[A-Za-z0-9]{40}$/)
      .map((text) => `-----BEGIN ${"OPENSSH"} PRIVATE KEY-----\n${text}\n`),
  );

  /** Those of them that can be told from words and names by their looks, wherever they stand. */
  const lookingSecret = secret.filter(
    (text) =>
      !/^[A-Za-z0-9+/-]+$/.test(text) ||
      (/^[A-Za-z0-9]{24,}$/.test(text) && /\d/.test(text) && /[A-Za-z]/.test(text)),
  );

  const tellsNothing = (issues: readonly SettingsIssue[], value: string): void => {
    const told = issues
      .map((issue) => `${formatIssue(issue)}${JSON.stringify(issue)}`)
      .join("\n")
      .toLowerCase();
    for (const part of value
      .split(/[\s:@/]+/)
      .filter((piece) => piece.length >= 12 && !/^[-a-z.]+$/.test(piece))) {
      expect(told.includes(part.toLowerCase()) ? `${part} is told` : "").toBe("");
    }
  };

  test("in groundwork:secrets, in any form, are never told", () => {
    const places = [
      (value: string) => ({ CLOUDFLARE_API_TOKEN: value }),
      (value: string) => ({ CLOUDFLARE_API_TOKEN: [value] }),
      (value: string) => ({ CLOUDFLARE_API_TOKEN: { [value]: value } }),
      (value: string) => ({ [value]: "x" }),
      (value: string) => [value],
      (value: string) => value,
    ];
    fc.assert(
      fc.property(secret, fc.constantFrom(...places), fc.constantFrom(...right), (value, place, root) => {
        const text = stringify({ ...root, config: { ...root.config, "groundwork:secrets": place(value) } });
        tellsNothing(issuesOf(text), value);
      }),
      runs,
    );
  });

  test("that were put anywhere in a file are never told, if they look like secrets", () => {
    fc.assert(
      fc.property(
        lookingSecret,
        fc
          .constantFrom(...right)
          .chain((root) => fc.tuple(fc.constant(root), fc.constantFrom(...pathsOf(root).slice(2)))),
        (value, [root, keys]) => {
          const text = stringify(put(root, keys, value));
          const issues = issuesOf(text);
          expect(issues.length).toBeGreaterThan(0);
          tellsNothing(issues, value);
        },
      ),
      runs,
    );
  });

  test("of a running program are never told", () => {
    fc.assert(
      fc.property(secret, oddValues, fc.constantFrom(...right), (value, odd, root) => {
        const config: Record<string, string> = {};
        for (const [key, inner] of Object.entries(root.config))
          config[key] = typeof inner === "string" ? inner : JSON.stringify(inner);
        config["groundwork:secrets"] = JSON.stringify({
          SSH_PRIVATE_KEY: value,
          CLOUDFLARE_API_TOKEN: `${value} `,
        });
        config["groundwork:zone"] = JSON.stringify(odd) ?? "";
        const result = settingsFromConfig({ config, secretKeys: ["groundwork:secrets"], stack: "staging" });
        if ("issues" in result) tellsNothing(result.issues, value);
      }),
      runs,
    );
  });
});
