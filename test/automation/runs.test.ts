import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { driftOf, remembered } from "../../automation/drift";
import { PolicyRefusedError } from "../../automation/errors";
import { followRun } from "../../automation/follow";
import { parseHistory } from "../../automation/history";
import { type RunOptions, RunWatch } from "../../automation/run";
import { ReportCollector } from "../../report";

const event = (sequence: number): EngineEvent => ({ sequence, timestamp: 0 });

describe("a run's events in a loop", () => {
  const result = { changes: { create: 1 }, unchanged: false, outputs: {} };

  test("come in their order, then the result", async () => {
    const run = followRun(async ({ onEvent }) => {
      for (let count = 1; count <= 3; count += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        onEvent?.(event(count));
      }
      return result;
    }, {});
    const seen: number[] = [];
    for await (const { sequence } of run) seen.push(sequence);
    expect(seen).toEqual([1, 2, 3]);
    expect(await run.result).toBe(result);
  });

  test("a failure of the run is thrown by the loop, after the events until then", async () => {
    const run = followRun(({ onEvent }) => {
      onEvent?.(event(1));
      return Promise.reject(new Error("no space"));
    }, {});
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for await (const { sequence } of run) seen.push(sequence);
    };
    await expect(loop()).rejects.toThrow("no space");
    expect(seen).toEqual([1]);
  });

  test("breaking off, and the caller's own signal, end the run; the loop waits for its end", async () => {
    let ended = false;
    const start = ({ onEvent, signal }: RunOptions) =>
      new Promise<typeof result>((_resolve, reject) => {
        onEvent?.(event(1));
        signal?.addEventListener("abort", () =>
          setImmediate(() => {
            ended = true;
            reject(new Error("cancelled"));
          }),
        );
      });
    for await (const _ of followRun(start, {})) break;
    expect(ended).toBe(true);
    const own = new AbortController();
    const run = followRun(start, { signal: own.signal });
    own.abort();
    await expect(run.result).rejects.toThrow("cancelled");
  });
});

test("a mandatory policy that is broken is an error of its own kind; an advisory one is not", () => {
  const policy = (enforcementLevel: string, message: string): EngineEvent =>
    ({
      ...event(1),
      policyEvent: {
        enforcementLevel,
        message,
        policyName: "no-open-db",
        policyPackName: "house",
        resourceUrn: "",
      },
    }) as EngineEvent;
  const watch = new RunWatch("up", "prod", {});
  watch.add(policy("advisory", "could be smaller"));
  expect(watch.failure(new Error("x"))).not.toBeInstanceOf(PolicyRefusedError);
  watch.add(policy("mandatory", "<{%fg 1%}>the database is open<{%reset%}>\n"));
  const refused = watch.failure(new Error("x")) as PolicyRefusedError;
  expect(refused).toBeInstanceOf(PolicyRefusedError);
  expect(refused.violations).toEqual([{ policy: "no-open-db", pack: "house", text: "the database is open" }]);
  expect(refused.message).toMatch(/a policy refuses the up of prod[\s\S]*no-open-db: the database is open/);
});

test("the history has who, from where and what, and none of the settings that the engine keeps with a run", () => {
  const [latest, running] = parseHistory(
    JSON.stringify([
      {
        ...{ kind: "update", result: "succeeded", version: 7, message: "" },
        ...{ startTime: "2026-11-28T10:00:00.000Z", endTime: "2026-11-28T10:00:12.500Z" },
        config: { "groundwork:domain": { value: "example.com", secret: false } },
        resourceChanges: { create: 2, same: 5 },
        environment: {
          ...{
            "git.author": "Anna",
            "git.head": "abc",
            "git.headName": "refs/heads/main",
            "git.dirty": "true",
          },
          ...{ "ci.system": "GitHub Actions", "ci.build.url": "https://github.example/1" },
        },
      },
      {
        kind: "destroy",
        result: "in-progress",
        version: 0,
        startTime: "2026-11-28T11:00:00Z",
        endTime: "1970-01-01T00:00:00Z",
      },
    ]),
  );
  expect(latest).toEqual({
    ...{ version: 7, kind: "update", result: "succeeded", changes: { create: 2, same: 5 }, seconds: 12.5 },
    ...{ startedAt: "2026-11-28T10:00:00.000Z", endedAt: "2026-11-28T10:00:12.500Z" },
    by: {
      ...{ author: "Anna", commit: "abc", branch: "main", dirty: true },
      ci: { system: "GitHub Actions", url: "https://github.example/1" },
    },
  });
  expect(running).toEqual({
    ...{ kind: "destroy", result: "in-progress", startedAt: "2026-11-28T11:00:00.000Z", changes: {}, by: {} },
  });
});

test("a difference is known since the check that found it first, and was as recorded at the one before", () => {
  const urn = "urn:pulumi:prod::shop::cloudflare:index/dnsRecord:DnsRecord::www";
  const report = (drifted: boolean) => {
    const collector = new ReportCollector({ kind: "drift", project: "shop", stack: "prod" });
    const metadata = {
      ...{
        urn,
        type: "cloudflare:index/dnsRecord:DnsRecord",
        op: drifted ? "update" : "same",
        diffs: ["ttl"],
      },
      old: { urn, inputs: { ttl: 1 }, outputs: { ttl: 1 }, custom: true, parent: "" },
      new: { urn, inputs: { ttl: 1 }, outputs: { ttl: drifted ? 300 : 1 }, custom: true, parent: "" },
    };
    collector.add({ ...event(1), resOutputsEvent: { planning: true, metadata } } as unknown as EngineEvent);
    return collector.report({ result: "planned" });
  };
  const state = { resources: [{ urn, type: "x", modified: "2026-11-01T00:00:00Z" }] };
  const clean = driftOf(report(false), state, undefined, "2026-11-02T00:00:00Z");
  expect(clean).toMatchObject({ drifted: false, items: [] });
  const first = driftOf(report(true), state, remembered(clean), "2026-11-03T00:00:00Z");
  expect(first.items).toMatchObject([
    {
      ...{ what: "changed", knownSince: "2026-11-03T00:00:00Z", asRecordedAt: "2026-11-02T00:00:00Z" },
      properties: [{ path: "ttl", before: "1", after: "300" }],
    },
  ]);
  const again = driftOf(report(true), state, remembered(first), "2026-11-04T00:00:00Z");
  expect(again.items).toEqual(first.items);
  expect(again.report.drift?.items[0]).toMatchObject({
    what: "was changed: ttl",
    knownSince: "2026-11-03T00:00:00Z",
  });
  expect(JSON.stringify(remembered(again))).not.toContain("300");
});
