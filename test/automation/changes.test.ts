import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { nothingToDo, progressOf, withoutColours } from "../../automation/changes";

const urn = "urn:pulumi:dev::groundwork::cloudflare:index/dnsRecord:DnsRecord::api-record";
const metadata = {
  op: "update",
  urn,
  type: "cloudflare:index/dnsRecord:DnsRecord",
  provider: "",
  diffs: ["content"],
};
const event = (parts: object): EngineEvent => ({ sequence: 1, timestamp: 1, ...parts });

test.each([
  ["planned", { resourcePreEvent: { metadata, planning: true } }],
  ["started", { resourcePreEvent: { metadata } }],
  ["done", { resOutputsEvent: { metadata } }],
  ["failed", { resOpFailedEvent: { metadata, status: 1, steps: 1 } }],
])("a resource that is %s is told with its operation, name and changed inputs", (phase, parts) => {
  expect(progressOf(event(parts))).toEqual({
    kind: "step",
    step: {
      phase,
      operation: "update",
      type: "cloudflare:index/dnsRecord:DnsRecord",
      name: "api-record",
      urn,
      changed: ["content"],
    },
  });
});

test("a plan is told once: the outputs of a planned step say nothing new", () => {
  expect(progressOf(event({ resOutputsEvent: { metadata, planning: true } }))).toBeUndefined();
});

test("a message is told without the engine's colour marks", () => {
  const diagnosticEvent = {
    message: "<{%fg 1%}>error: <{%reset%}>it broke\n",
    color: "",
    severity: "error",
    urn,
  };
  expect(progressOf(event({ diagnosticEvent }))).toEqual({
    kind: "diagnostic",
    diagnostic: { severity: "error", message: "error: it broke", urn },
  });
  expect(withoutColours("plain <b>text</b>")).toBe("plain <b>text</b>");
});

test.each([
  [{ message: "", color: "", severity: "info" }],
  [{ message: "building…", color: "", severity: "info", ephemeral: true }],
])("an empty or passing message is not told: %j", (diagnosticEvent) => {
  expect(progressOf(event({ diagnosticEvent }))).toBeUndefined();
});

test.each([
  [{ same: 12 }, true],
  [{}, true],
  [{ same: 12, update: 0 }, true],
  [{ same: 12, create: 1 }, false],
  [{ delete: 1 }, false],
])("%j is nothing to do: %s", (counts, expected) => {
  expect(nothingToDo(counts)).toBe(expected);
});
