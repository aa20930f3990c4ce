import Ajv from "ajv/dist/2020";
import fc from "fast-check";
import { reportJson } from "../../report/json";
import { parseReport, reportJsonSchema } from "../../report/schema";
import { step } from "./arbitrary";
import { eventOf, realPreview, reportOf } from "./events";

const validate = new Ajv({ strict: false }).compile(reportJsonSchema());

test("a real report is valid by the documented schema, and reads back as it was", () => {
  const report = reportOf(realPreview(), {}, { plan: { digest: "sha256:1", command: "groundwork up" } });
  const text = reportJson(report);
  expect(validate(JSON.parse(text))).toBe(true);
  expect(parseReport(text)).toEqual(report);
});

test("whatever events come, the report is valid", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), fc.array(fc.string({ minLength: 1 })), (steps, secrets) => {
      const report = reportOf(
        steps.map((each) => eventOf(each)),
        { secrets },
      );
      expect(validate(JSON.parse(reportJson(report)))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("a report of another version is refused", () => {
  const report = reportOf(realPreview());
  expect(() => parseReport(JSON.stringify({ ...report, version: 2 }))).toThrow(/version/);
});
