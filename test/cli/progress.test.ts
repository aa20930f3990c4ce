import type { Progress, ResourceStep } from "../../automation/changes";
import { ProgressLines, countsLine } from "../../cli/progress";

/** Lines without colours, whatever the terminal of the test run is. */
function linesOf(progress: readonly Progress[], total = 0): string[] {
  const lines: string[] = [];
  let clock = 0;
  const told = new ProgressLines(
    (line) => lines.push(line.replace(/\u001b\[\d+m/g, "")),
    () => (clock += 1500),
    total,
  );
  for (const one of progress) told.tell(one);
  return lines;
}

function step(phase: ResourceStep["phase"], parts: Partial<ResourceStep> = {}): Progress {
  const type = "cloudflare:index/dnsRecord:DnsRecord";
  return {
    kind: "step",
    step: { phase, operation: "create", type, name: "api", urn: `urn::${type}::api`, changed: [], ...parts },
  };
}

test("a plan is one line a resource, with the names of the inputs that change", () => {
  expect(linesOf([step("planned", { operation: "update", changed: ["content", "ttl"] })])).toEqual([
    "  ~ update DnsRecord api (content, ttl)",
  ]);
});

test("a resource is told when it is done, with the time it took", () => {
  expect(linesOf([step("started"), step("done")])).toEqual(["  + created DnsRecord api 1.5 s"]);
});

test("where it is known how many there are, each is numbered; a replacement is one", () => {
  const other = { urn: "urn::b", name: "b" };
  const replaced = [
    step("done", { ...other, operation: "create-replacement" }),
    step("done", { ...other, operation: "delete-replaced" }),
  ];
  expect(linesOf([step("started"), step("done"), ...replaced], 10)).toEqual([
    "   1/10 + created DnsRecord api 1.5 s",
    "   2/10 ± made anew DnsRecord b ",
    "   2/10 - deleted the old one DnsRecord b ",
  ]);
});

test("a failed resource is told as such", () => {
  expect(linesOf([step("started"), step("failed")])).toEqual(["  ✗ create DnsRecord api failed after 1.5 s"]);
});

test.each([
  ["what stays as it is", { operation: "same" as const }],
  ["the stack itself", { type: "pulumi:pulumi:Stack" }],
  ["providers", { type: "pulumi:providers:cloudflare" }],
])("%s is not told", (_what, parts) => {
  expect(linesOf([step("planned", parts), step("started", parts), step("done", parts)])).toEqual([]);
});

test("long messages are cut to three lines, and errors are left to the end of the run", () => {
  const diagnostic = (severity: "warning" | "error", message: string): Progress => ({
    kind: "diagnostic",
    diagnostic: { severity, message },
  });
  expect(linesOf([diagnostic("warning", "a\nb\nc\nd"), diagnostic("error", "broken")])).toEqual([
    "  ! a\n    b\n    c …",
  ]);
});

test.each([
  [{ create: 3, update: 1, same: 40 }, false, "3 to create, 1 to update, 40 unchanged"],
  [{ create: 3, same: 0 }, true, "3 created, 0 unchanged"],
  [{ same: 44 }, false, "nothing to change: 44 resources are as described"],
])("%j reads as a sentence", (counts, done, expected) => {
  expect(countsLine(counts, done)).toBe(expected);
});
