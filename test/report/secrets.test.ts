import fc from "fast-check";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { issueBeginning } from "../../automation/drift-issue/text";
import { reportHtml } from "../../report/html/page";
import { reportJson } from "../../report/json";
import { commentMarker, reportMarkdown } from "../../report/markdown/comment";
import { reportText } from "../../report/text";
import { stepWith } from "./arbitrary";
import { type Step, eventOf, reportOf, secretOf } from "./events";

/** Everything that a user may see, or a file may keep. */
function everything(events: readonly EngineEvent[], secrets: readonly string[] = []): string {
  const report = reportOf(
    events,
    { secrets },
    {
      cost: {
        currency: "USD",
        before: 1,
        after: 2,
        lines: [{ what: secrets[0] ?? "x", before: 1, after: 2 }],
      },
      rehearsal: { state: "failed", notes: [`it said ${secrets[0] ?? ""}`] },
      policies: { results: [{ policy: "p", level: "mandatory", text: `found ${secrets[0] ?? ""}` }] },
      drift: {
        checkedAt: "now",
        items: [{ urn: "u", title: secrets[0] ?? "x", what: `became ${secrets[0] ?? ""}` }],
      },
    },
  );
  return [reportJson(report), reportText(report), reportMarkdown(report), reportHtml(report)].join("\n");
}

const message = (text: string): EngineEvent => ({
  sequence: 1,
  timestamp: 1,
  diagnosticEvent: { severity: "error", message: text, color: "" },
});

// A canary stands for a secret: long enough that no other text holds it by chance.
const canary = fc.stringMatching(/^[A-Za-z0-9+/"\\ ]{4,40}$/).map((text) => `q${text.trim()}7Zq`);

test("no secret of an event is in any form of the report, also where the engine shows it", () => {
  const leaf = canary.map((text) => ({ canary: text }));
  fc.assert(
    fc.property(fc.array(stepWith(leaf), { minLength: 1, maxLength: 6 }), canary, (steps, known) => {
      const found: string[] = [known];
      const seal = (value: unknown): unknown => {
        if (typeof value !== "object" || value === null) return value;
        if ("canary" in value && typeof value.canary === "string") {
          found.push(value.canary);
          return secretOf(value.canary);
        }
        if (Array.isArray(value)) return value.map(seal);
        return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, seal(item)]));
      };
      const sealed = steps.map(
        (step) =>
          ({
            ...step,
            ...(step.before === undefined ? {} : { before: seal(step.before) }),
            ...(step.after === undefined
              ? {}
              : { after: { ...(seal(step.after) as object), name: `see ${known}` } }),
          }) as Step,
      );
      const text = everything(
        [...sealed.map((step) => eventOf(step)), message(`sent ${known} to it`)],
        [known],
      );
      for (const secret of found) {
        for (const form of [
          secret,
          JSON.stringify(secret).slice(1, -1),
          Buffer.from(secret).toString("base64"),
        ]) {
          expect(text).not.toContain(form);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("a secret's length, or that it is another one, does not show: the same events with others make the same report", () => {
  const leaf = fc.constant({ hole: true });
  const filled = (value: unknown, secret: string): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if ("hole" in value) return secretOf(secret);
    if (Array.isArray(value)) return value.map((item) => filled(item, secret));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, secret)]));
  };
  fc.assert(
    fc.property(
      fc.array(stepWith(leaf), { minLength: 1, maxLength: 5 }),
      canary,
      canary,
      (steps, one, other) => {
        const with_ = (secret: string): string =>
          everything(
            [
              ...steps.map((step) =>
                eventOf({
                  ...step,
                  ...(step.before === undefined ? {} : { before: filled(step.before, secret) as object }),
                  ...(step.after === undefined ? {} : { after: filled(step.after, secret) as object }),
                } as Step),
              ),
              message(`the value ${secret} was refused`),
            ],
            [secret],
          );
        expect(with_(one)).toBe(with_(other));
      },
    ),
    { numRuns: 40 },
  );
});

test("a value under the name of a secret is hidden although nothing marks it", () => {
  const text = everything([
    eventOf({
      op: "update",
      name: "x",
      type: "other:index:Thing",
      before: {
        password: "hunter2hunter2",
        nested: { apiKey: "k-12345678" },
        env: { DB_PASSWORD: "abcdefg" },
      },
      after: {
        password: "hunter3hunter3",
        nested: { apiKey: "k-87654321" },
        env: { DB_PASSWORD: "gfedcba" },
      },
      diffs: ["password", "nested", "env"],
    }),
  ]);
  expect(text).not.toMatch(/hunter|12345678|87654321|abcdefg|gfedcba/);
});

test.each([
  ["as it is", "correct horse"],
  ["in an address", encodeURIComponent("correct horse")],
  ["in JSON", JSON.stringify("correct horse")],
  ["in base64", Buffer.from("correct horse").toString("base64")],
  ["split by the terminal's colours", "correct \u001b[1mhorse"],
])("a known secret is taken out of messages: %s", (_how, form) => {
  const report = reportOf([message(`before ${form} after`)], { secrets: ["correct horse"] });
  expect(report.messages[0]?.text.replace(/"/g, "")).toMatch(/^before \[secret\](?:==?)? after$/);
});

const hard = "p&ss<w0rd> 9+é";
const basic = (before: string): string => Buffer.from(`${before}${hard}, and more`).toString("base64");

test.each([
  ["as Go writes JSON", "p\\u0026ss\\u003cw0rd\\u003e 9+é"],
  [
    "in an address with lower-case escapes",
    encodeURIComponent(hard).replace(/%../g, (one) => one.toLowerCase()),
  ],
  ["in a query, with + for a space", encodeURIComponent(hard).replace("%20", "+")],
  ["in a path, where less is escaped", "p&ss%3Cw0rd%3E%209+%C3%A9"],
  ["in upper-case hexadecimal", Buffer.from(hard).toString("hex").toUpperCase()],
])("a known secret with characters that are escaped is taken out of messages: %s", (_how, form) => {
  const report = reportOf([message(`before ${form} after`)], { secrets: [hard] });
  expect(report.messages[0]?.text).toBe("before [secret] after");
});

test.each(["", "a", "ab", "abc", "deploy:"])(
  "a known secret is taken out of base64 of more, after %j",
  (before) => {
    for (const text of [basic(before), basic(before).replaceAll("+", "-").replaceAll("/", "_")]) {
      const told = reportOf([message(`Basic ${text}`)], { secrets: [hard] }).messages[0]?.text ?? "";
      expect(told).toContain("[secret]");
      const left = told.replace("Basic ", "").split("[secret]");
      // Of what stands beside it at most the character that holds bits of both.
      expect(left.join("").length).toBeLessThanOrEqual(
        Math.ceil((before.length * 8) / 6) + Math.ceil((", and more".length * 8) / 6) + 4,
      );
    }
  },
);

test("short secrets mask no ordinary words by a piece of base64", () => {
  const said = "the quick brown fox jumps over the lazy dog; ZG9n and b2xk are no secrets";
  expect(reportOf([message(said)], { secrets: ["told", "1234", "abcd"] }).messages[0]?.text).toBe(said);
});

test("project and stack stay as they are, so that what was written of them is found again", () => {
  const report = reportOf([message("shop failed")], {
    secrets: ["shop", "prod"],
    project: "acme-shop",
    stack: "prod",
  });
  expect(report).toMatchObject({
    project: "acme-shop",
    stack: "prod",
    messages: [{ text: "[secret] failed" }],
  });
  expect(reportMarkdown(report)).toContain(commentMarker({ project: "acme-shop", stack: "prod" }));
  expect(issueBeginning(report)).toBe(issueBeginning({ project: "acme-shop", stack: "prod" }));
});

test("each line of a key is a secret of its own", () => {
  const report = reportOf([message("parse error near b3BlbnNzaC1rZXk")], {
    secrets: ["-----BEGIN\nb3BlbnNzaC1rZXk\n-----END"],
  });
  expect(report.messages[0]?.text).toBe("parse error near [secret]");
});
