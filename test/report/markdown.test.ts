import fc from "fast-check";
import type { Change, Report } from "../../report/model";
import { commentMarker, githubLimit, reportMarkdown } from "../../report/markdown/comment";
import { commonPrefix } from "../../report/markdown/names";
import { step } from "./arbitrary";
import { type Step, eventOf, planned, realPreview, reportOf } from "./events";

const bytes = (text: string): number => Buffer.byteLength(text, "utf8");

test("a real preview reads as a comment", () => {
  const report = reportOf(
    realPreview(),
    {},
    {
      plan: { digest: "sha256:1234", command: "groundwork up -s staging --plan sha256:1234" },
      cost: { currency: "USD", before: 12, after: 15.5, lines: [{ what: "host", before: 12, after: 15.5 }] },
    },
  );
  const text = reportMarkdown(report);
  expect(text.split("\n").slice(0, 9)).toEqual([
    "<!-- groundwork report groundwork/staging -->",
    "",
    "### preview of staging",
    "",
    "5 to delete, 4 to replace, 8 to update, 25 unchanged",
    "",
    "- **danger: data loss (1), access opened (1), certificate (1); warning: downtime (1), access opened (1)**",
    "- cost: $12.00 → $15.50 a month (+$3.50)",
    "- plan `sha256:1234`; what releases it: `groundwork up -s staging --plan sha256:1234`",
  ]);
  expect(text).toContain(
    '- **replace** `bucket streampai-media-staging` (`buckets-media`) of Buckets: name ("streampai-media-staging" → "streampai-media-two") cannot be changed in place\n' +
      "  - **danger, data loss:** everything in the bucket streampai-media-staging is lost",
  );
  expect(text).toContain("<details><summary>Origin api: 3 changes, 4 unchanged</summary>");
  expect(bytes(text)).toBeLessThan(12_000);
});

/** A change of so many resources, as a large environment has them. */
function large(count: number, operationOf: (index: number) => string): Report {
  const steps = Array.from({ length: count }, (_, index): Step => {
    const op = operationOf(index);
    const name = `zone-record-a-host-${String(index).padStart(4, "0")}.region-${index % 7}.example.com`;
    const values = { name: name.slice(14), type: "A", content: `203.0.113.${index % 256}` };
    return {
      op,
      name,
      component: ["ZoneBaseline", `zone-${index % 5}`],
      ...(op === "create" ? {} : { before: values }),
      ...(op === "delete" ? {} : { after: { ...values, content: "198.51.100.1" } }),
      diffs: ["content"],
    };
  });
  return planned(...steps);
}

/** Is a deletion in the comment: by itself, or by what remains of its name beside the common beginning? */
function names(text: string): (change: Change) => boolean {
  const words = new Set<string>();
  for (const [, prefix = "", list = ""] of text.matchAll(
    /\*\*(?:delete|replace)\*\* \d+ [^\n]*?(?:, each begins with `([^`]*)`)?:\n`{3,}text\n([^\n]*)\n/g,
  )) {
    for (const rest of list.split(" ")) words.add(prefix + rest);
  }
  return ({ name, title }) => words.has(name) || text.includes(`\`${title}\``);
}

test.each([
  ["deletions", () => "delete"],
  ["of all kinds", (index: number) => ["create", "update", "delete", "replace"][index % 4]!],
  ["updates", () => "update"],
])(
  "2,000 changes (%s) make a comment below the limit in less than a second, every deletion in it",
  (_what, operationOf) => {
    const report = large(2000, operationOf);
    // The time that it takes by itself, whatever else the machine does.
    const began = process.cpuUsage();
    const text = reportMarkdown(report, {
      whole: "The whole report is in the [job's summary](https://example.com).",
    });
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1000).toBeLessThan(1000);
    expect(bytes(text)).toBeLessThanOrEqual(githubLimit);
    const isIn = names(text);
    const going = report.changes.filter(({ operation }) => operation === "delete" || operation === "replace");
    expect(going.filter((change) => !isIn(change)).map(({ name }) => name)).toEqual([]);
    expect(text).toContain("The whole report is in the");
    if (operationOf(0) === "update")
      expect(text).toMatch(/\d+ further changes, none of which goes or is dangerous/);
  },
);

test("deletions have their place before long messages of policies have theirs", () => {
  const steps = Array.from({ length: 1200 }, (_, index) =>
    eventOf({ op: "delete", name: `${index}-record-of-a-host-with-a-name-of-its-own`, before: {} }),
  );
  const results = Array.from({ length: 30 }, (_, index) => ({
    policy: `policy-${index}`,
    level: "mandatory" as const,
    text: "no ".repeat(170),
  }));
  const report = reportOf(steps, {}, { policies: { results } });
  const text = reportMarkdown(report);
  expect(bytes(text)).toBeLessThanOrEqual(githubLimit);
  const isIn = names(text);
  expect(report.changes.filter((change) => !isIn(change))).toEqual([]);
});

test("what is most dangerous is told in full also among 1,500 deletions", () => {
  const report = planned(
    ...Array.from({ length: 1500 }, (_, index): Step => ({
      op: "delete",
      name: `api-step-with-a-rather-long-name-${index}-files`,
      type: "command:remote:Command",
      before: {},
    })),
    { op: "delete", name: "media", type: "cloudflare:index/r2Bucket:R2Bucket", before: { name: "media" } },
  );
  const text = reportMarkdown(report);
  expect(bytes(text)).toBeLessThanOrEqual(githubLimit);
  expect(text).toContain("  - **danger, data loss:** everything in the bucket media is lost");
});

test("no report is too large, whatever it holds", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 3000, max: 20_000 }),
      fc.array(fc.string({ maxLength: 3000, unit: "grapheme" }), { maxLength: 30 }),
      (steps, limit, notes) => {
        const report = reportOf(
          steps.map((each) => eventOf(each)),
          {},
          {
            rehearsal: { state: "failed", notes },
            policies: {
              results: notes.map((text) => ({
                policy: text.slice(0, 50),
                level: "mandatory" as const,
                text,
              })),
            },
          },
        );
        const text = reportMarkdown(report, { limit });
        expect(bytes(text)).toBeLessThanOrEqual(limit);
        expect(text.startsWith(`${commentMarker(report)}\n`)).toBe(true);
      },
    ),
    { numRuns: 30 },
  );
});

/** What remains of Markdown when code, and what is ours, is taken away: the texts of others that could do something. */
function outsideOfCode(text: string): string {
  return text
    .replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, "")
    .replace(/(?<!`)(`+)(?!`)([\s\S]*?[^`])\1(?!`)/g, "")
    .replace(/^<!-- groundwork report [\w%/.~!*'()]* -->/, "")
    .replace(/<\/?(?:details|summary)>/g, "");
}

test("texts of others stay texts: no tag, mention, reference or fence of theirs gets out", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const text = outsideOfCode(reportMarkdown(reportOf(steps.map((each) => eventOf(each)))));
      expect(text).not.toMatch(/(?<!\\)<\w|@\w|#\d|```|-->/);
    }),
    { numRuns: 100 },
  );
});

test("the marker of a comment is the same at each run, and another for each environment", () => {
  expect(commentMarker({ project: "a", stack: "prod" })).toBe(commentMarker({ project: "a", stack: "prod" }));
  expect(commentMarker({ project: "a/b", stack: "c" })).not.toBe(
    commentMarker({ project: "a", stack: "b/c" }),
  );
  expect(commentMarker({ project: "-->", stack: "x" })).not.toContain("-->/");
});

test.each([
  [["zone-a-1", "zone-a-2"], "zone-a-"],
  [["one"], ""],
  [["abc", "abd"], ""],
  [[], ""],
  [["x/y.z", "x/y.w"], "x/y."],
])("names %j begin with %j in common", (list, prefix) => expect(commonPrefix(list)).toBe(prefix));
