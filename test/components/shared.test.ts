import * as pulumi from "@pulumi/pulumi";
import * as fc from "fast-check";
import { componentType, fitName, slug } from "../../components/shared/names";
import {
  formatIssues,
  isHostname,
  isInZone,
  isPort,
  Issues,
  isUrlPath,
  isVariableName,
} from "../../components/shared/validation";

test("names: types, slugs", () => {
  expect(componentType("AppOrigin")).toBe("groundwork:index:AppOrigin");
  expect(slug("*.Example.com/a b")).toBe("any-example-com-a-b");
});

test("a name that is too long is cut, and two long names stay two", () => {
  expect(fitName("short", 10)).toBe("short");
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z-]{64,90}$/), fc.stringMatching(/^[a-z-]{64,90}$/), (one, other) => {
      expect(fitName(one, 63).length).toBeLessThanOrEqual(63);
      if (one !== other) expect(fitName(one, 63)).not.toBe(fitName(other, 63));
    }),
  );
});

test.each([
  ["api.example.com", true],
  ["a.b", true],
  ["xn--bcher-kva.example", true],
  ["example", false],
  ["API.example.com", false],
  ["-a.example.com", false],
  ["a_b.example.com", false],
  ["example.com.", false],
  ["https://example.com", false],
  [`${"a".repeat(64)}.com`, false],
  [`${"a.".repeat(130)}com`, false],
])("isHostname(%p) is %p", (value, expected) => expect(isHostname(value)).toBe(expected));

test.each([
  [1, true],
  [65_535, true],
  [0, false],
  [65_536, false],
  [1.5, false],
])("isPort(%p) is %p", (value, expected) => expect(isPort(value)).toBe(expected));

test.each([
  ["/", true],
  ["/a/b.c", true],
  ["a", false],
  ["//host", false],
  ["/a?b", false],
  ["/a b", false],
])("isUrlPath(%p) is %p", (value, expected) => expect(isUrlPath(value)).toBe(expected));

test.each([
  ["A_1", true],
  ["_", true],
  ["1A", false],
  ["A-B", false],
  ["", false],
])("isVariableName(%p) is %p", (value, expected) => expect(isVariableName(value)).toBe(expected));

test("a zone holds its own name and what is below it", () => {
  expect(isInZone("example.com", "example.com")).toBe(true);
  expect(isInZone("a.example.com", "example.com")).toBe(true);
  expect(isInZone("notexample.com", "example.com")).toBe(false);
});

test("mistakes are told in one text; what is not known yet is not judged", () => {
  const issues = new Issues();
  issues.check("a", pulumi.output(0), () => false, "is wrong");
  issues.check("b", Promise.resolve(0), () => false, "is wrong");
  issues.check<number>("c", undefined, () => false, "is wrong");
  issues.check("d", 0, () => false, "is wrong", "1 or more");
  expect(formatIssues("Thing", "x", issues.list)).toBe(
    'Thing "x" has 1 mistake in its arguments:\n  - d: is wrong: 0 (allowed: 1 or more)',
  );
});
