import { countsSentence } from "../../report/sentences";
import { comesFirst } from "../../report/order";
import { reportText } from "../../report/text";
import { changeOf, eventOf, planned, realPreview, reportOf, secretOf } from "./events";

const bucket = "cloudflare:index/r2Bucket:R2Bucket";
const buckets = ["R2Buckets", "buckets"] as const;

describe("the report of a real preview", () => {
  const report = reportOf(realPreview());

  test("counts as the engine does", () => {
    expect(countsSentence(report)).toBe("5 to delete, 4 to replace, 8 to update, 25 unchanged");
    expect(report.changes).toHaveLength(17);
  });

  test("has what goes first, the dangerous at the top, and its cause", () => {
    const first = report.changes.filter(comesFirst);
    expect(first.map(({ operation, name }) => `${operation} ${name}`)).toEqual([
      "delete api-certificate",
      "replace buckets-media",
      "replace buckets-media-domain",
      "delete api-certificate-installed",
      "delete api-certificate-request",
      "delete live-inputs",
      "delete live-inputs",
      "replace buckets-media-cors",
      "replace buckets-media-r2-dev",
      "update access-public-paths",
    ]);
    expect(first[1]).toMatchObject({
      title: "bucket streampai-media-staging",
      cause: 'name ("streampai-media-staging" → "streampai-media-two") cannot be changed in place',
      risks: [
        {
          kind: "data loss",
          level: "danger",
          text: "everything in the bucket streampai-media-staging is lost",
        },
      ],
    });
  });

  test("is grouped by component, in words", () => {
    expect(
      report.components.filter(({ state }) => state !== "same").map(({ title, state }) => [title, state]),
    ).toEqual([
      ["Origin api", "changed"],
      ["Buckets", "changed"],
      ["Login access", "changed"],
      ["API token live-inputs", "removed"],
    ]);
    expect(report.components.map(({ title }) => title)).toContain("Database main");
  });

  test("reads in a terminal", () => {
    const text = reportText(report);
    expect(text).toMatch(/^preview of staging: 5 to delete, 4 to replace/);
    expect(text).toContain(
      "danger: data loss (1), access opened (1), certificate (1); warning: downtime (1), access opened (1)",
    );
    expect(text).toContain("access opened: without a login: api-staging.streampai.com/api/*");
    expect(text).toContain("      stdin: [secret], another value");
  });
});

test("a replacement, told by the engine in three steps, is one change", () => {
  const parts = {
    name: "media",
    type: bucket,
    component: buckets,
    before: { name: "a" },
    after: { name: "b" },
  };
  const report = planned(
    { ...parts, op: "create-replacement", keys: ["name"], diffs: ["name"] },
    { ...parts, op: "replace", keys: ["name"], diffs: ["name"] },
    { ...parts, op: "delete-replaced", after: undefined },
  );
  expect(report.changes).toHaveLength(1);
  expect(report.changes[0]).toMatchObject({ operation: "replace", component: "R2Buckets/buckets" });
  expect(report.changes[0]?.cause).not.toContain("the old one goes before");
});

test("a replacement that deletes first says so", () => {
  const parts = { name: "media", type: bucket, before: { name: "a" }, after: { name: "b" }, keys: ["name"] };
  const { changes } = planned(
    { ...parts, op: "delete-replaced", after: undefined },
    { ...parts, op: "replace" },
    { ...parts, op: "create-replacement" },
  );
  expect(changes[0]?.cause).toBe(
    'name ("a" → "b") cannot be changed in place; the old one goes before the new one is there',
  );
});

test("what an earlier, cut replacement has left is a deletion of its own", () => {
  const record = { name: "api.example.com", type: "A", content: "203.0.113.1" };
  const { changes } = planned(
    { op: "delete", name: "api", before: record, old: { delete: true, id: "old" } },
    { op: "update", name: "api", before: record, after: { ...record, ttl: 60 }, diffs: ["ttl"] },
  );
  expect(changes.map(({ operation, cause }) => [operation, cause])).toEqual([
    ["delete", "the old one of an earlier replacement that was cut short"],
    ["update", undefined],
  ]);
});

test.each([
  ["with another name", { name: "other.example.com" }, "it is not described any more"],
  [
    "with the same name",
    { name: "api.example.com" },
    "it is not described any more; new of the same kind is made: a rename without an alias looks like this",
  ],
])("a deletion beside a creation %s tells whether it looks like a rename", (_what, after, cause) => {
  const { changes } = planned(
    { op: "delete", name: "old", before: { name: "api.example.com" } },
    { op: "create", name: "new", after },
  );
  expect(changes.find(({ operation }) => operation === "delete")?.cause).toBe(cause);
});

test("differences are told as deep as they go, without what is below a secret", () => {
  const change = changeOf({
    op: "update",
    name: "policy",
    type: "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy",
    before: {
      rules: [{ host: "a" }, { host: "b" }],
      settings: secretOf(),
      text: "x",
      gone: 1,
      password: "plain",
    },
    after: {
      rules: [{ host: "a" }, { host: "c" }],
      settings: secretOf(),
      text: "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
      made: true,
      password: "other",
    },
    diffs: ["rules", "settings", "text", "gone", "made", "password"],
    detailedDiff: { "settings.host": { diffKind: "update", inputDiff: true } },
  });
  expect(change.properties).toEqual([
    { path: "gone", kind: "delete", secret: false, before: "1", replaces: false },
    { path: "made", kind: "add", secret: false, after: "true", replaces: false },
    { path: "password", kind: "update", secret: true, replaces: false },
    { path: "rules[1].host", kind: "update", secret: false, before: '"b"', after: '"c"', replaces: false },
    { path: "settings", kind: "update", secret: true, replaces: false },
    { path: "text", kind: "update", secret: false, before: '"x"', after: "(known after)", replaces: false },
  ]);
});

test("an up tells what was done, what failed and what was cut, and how long it took", () => {
  let clock = 0;
  const step = (name: string) => ({ op: "create", name, after: { name, type: "A", content: "203.0.113.1" } });
  const report = reportOf(
    [
      eventOf(step("a"), "began"),
      eventOf(step("b"), "began"),
      eventOf(step("c"), "began"),
      eventOf(step("a"), "done"),
      eventOf(step("b"), "failed"),
    ],
    { kind: "up", now: () => (clock += 500) },
    { result: "failed" },
  );
  expect(report.changes.map(({ name, outcome, seconds }) => [name, outcome, seconds])).toEqual([
    ["a", "done", 1.5],
    ["b", "failed", 1.5],
    ["c", "unfinished", undefined],
  ]);
  expect(reportText(report)).toMatch(/^up of staging failed: 3 created/);
  expect(reportText(report)).toContain("+ create failed DNS record A b → 203.0.113.1");
});

test("drift is what was read otherwise than the state knew it", () => {
  const outputs = { name: "api.example.com", type: "A", content: "203.0.113.1", proxied: true };
  const report = reportOf(
    [
      eventOf(
        {
          op: "update",
          name: "api",
          beforeOutputs: outputs,
          afterOutputs: { ...outputs, content: "198.51.100.7" },
          diffs: ["content"],
        },
        "done",
      ),
      eventOf({ op: "delete", name: "www", beforeOutputs: { ...outputs, name: "www.example.com" } }, "done"),
      eventOf({ op: "refresh", name: "same", beforeOutputs: outputs, afterOutputs: outputs }, "began"),
    ],
    { kind: "drift" },
    { result: "succeeded" },
  );
  expect(report.changes.map(({ name, operation, cause }) => [name, operation, cause])).toEqual([
    ["www", "delete", "it is not there any more"],
    ["api", "update", undefined],
  ]);
  expect(report.changes[1]?.properties).toMatchObject([{ path: "content", after: '"198.51.100.7"' }]);
  expect(reportText(report)).toMatch(/^drift of staging: 1 gone, 1 changed/);
});

test("messages are told once, without debug noise, colours and what steers a terminal", () => {
  const diagnostic = (severity: string, message: string) =>
    ({ sequence: 1, timestamp: 1, diagnosticEvent: { severity, message, color: "" } }) as never;
  const { messages } = reportOf([
    diagnostic("debug", "noise"),
    diagnostic("error", "<{%fg 1%}>it \u001b[31mbroke\u0007<{%reset%}>\n"),
    diagnostic("error", "it broke"),
    diagnostic("info#err", "\u001b]0;title\u0007said"),
  ]);
  expect(messages).toEqual([
    { severity: "error", text: "it broke" },
    { severity: "info", text: "said" },
  ]);
});

test("an error of a run that mended it and went well is told as a warning", () => {
  const error = {
    sequence: 1,
    timestamp: 1,
    diagnosticEvent: { severity: "error", message: "the answer was cut", color: "" },
  } as never;
  const severities = (result: "succeeded" | "failed") =>
    reportOf([error], {}, { result }).messages.map(({ severity }) => severity);
  expect([severities("succeeded"), severities("failed")]).toEqual([["warning"], ["error"]]);
});

test("broken policies of the engine are in the report, mandatory ones first", () => {
  const policy = (enforcementLevel: string, policyName: string) =>
    ({
      sequence: 1,
      timestamp: 1,
      policyEvent: {
        enforcementLevel,
        policyName,
        policyPackName: "guard",
        message: "no",
        color: "",
        policyPackVersion: "1",
      },
    }) as never;
  const { policies } = reportOf([policy("warning", "advice"), policy("mandatory", "rule")]);
  expect(policies?.results.map(({ policy: name, level }) => [name, level])).toEqual([
    ["rule", "mandatory"],
    ["advice", "advisory"],
  ]);
});

test("a nested component counts to the outermost one, also where only its name is known", () => {
  const { changes, components } = planned({
    op: "create",
    name: "x",
    after: { name: "x" },
    component: ["AppOrigin", "api"],
  });
  expect(changes[0]?.component).toBe("AppOrigin/api");
  expect(components).toMatchObject([{ key: "AppOrigin/api", title: "Origin api", state: "changed" }]);
});
