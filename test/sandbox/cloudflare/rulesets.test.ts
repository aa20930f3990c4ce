import { type Bench, accountId, collect, startBench } from "./support";

/** What these tests read of a ruleset: the SDK's own type is too large for the compiler to resolve. */
interface Ruleset {
  id: string;
  version: string;
  rules: { id: string; ref: string; version: string }[];
}
const read = (answer: PromiseLike<unknown>): Promise<Ruleset> => answer as Promise<Ruleset>;

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.close());

describe("rulesets", () => {
  it("count their versions and keep the ids of rules with a ref", async () => {
    const { rulesets } = bench.client;
    const zone = { zone_id: bench.zoneId };
    const rule = (ref: string, path: string) => ({
      ref,
      action: "block" as const,
      expression: `(http.request.uri.path eq "${path}")`,
    });
    const made = await read(
      rulesets.create({
        ...zone,
        kind: "zone",
        name: "waf",
        phase: "http_request_firewall_custom",
        rules: [rule("a", "/a"), rule("b", "/b")],
      }),
    );
    expect(made).toMatchObject({
      version: "1",
      rules: [{ ref: "a", version: "1", enabled: true }, { ref: "b" }],
    });
    const updated = await read(
      rulesets.update(made.id, {
        ...zone,
        kind: "zone",
        name: "waf",
        phase: "http_request_firewall_custom",
        rules: [rule("new", "/n"), rule("a", "/a"), rule("b", "/changed")],
      }),
    );
    expect(updated.version).toBe("2");
    expect(updated.rules.map(({ id }) => id).slice(1)).toEqual(made.rules.map(({ id }) => id));
    expect(updated.rules.map(({ version }) => version)).toEqual(["1", "1", "2"]);
    expect(await rulesets.get(made.id, zone)).toEqual(updated);
    expect(await collect(rulesets.list(zone))).toMatchObject([
      { id: made.id, phase: "http_request_firewall_custom" },
    ]);
    await rulesets.delete(made.id, zone);
    await expect(rulesets.get(made.id, zone)).rejects.toMatchObject({ status: 404 });
  });

  it("of a phase are reached by its entry point, which PUT makes", async () => {
    const { phases } = bench.client.rulesets;
    const zone = { zone_id: bench.zoneId };
    await expect(phases.get("http_request_dynamic_redirect", zone)).rejects.toMatchObject({ status: 404 });
    const redirect = {
      ref: "www",
      action: "redirect" as const,
      expression: 'http.host eq "www.example.com"',
      action_parameters: {
        from_value: { status_code: 301 as const, target_url: { value: "https://example.com" } },
      },
    };
    const made = await read(
      phases.update("http_request_dynamic_redirect", {
        ...zone,
        rules: [redirect],
      }),
    );
    expect(await phases.get("http_request_dynamic_redirect", zone)).toEqual(made);
    expect(bench.server.view.rules(bench.zoneId, "http_request_dynamic_redirect")).toMatchObject([
      { ref: "www", action: "redirect" },
    ]);
    await phases.update("http_request_dynamic_redirect", {
      ...zone,
      rules: [{ ...redirect, enabled: false }],
    });
    expect(bench.server.view.rules(bench.zoneId, "http_request_dynamic_redirect")).toEqual([]);
  });

  it("take single rules at a place, change and remove them", async () => {
    const { rulesets } = bench.client;
    const zone = { zone_id: bench.zoneId };
    const made = await read(
      rulesets.create({
        ...zone,
        kind: "zone",
        name: "headers",
        phase: "http_response_headers_transform",
        rules: [],
      }),
    );
    const rule = (ref: string) => ({
      ref,
      action: "rewrite" as const,
      expression: "true",
      action_parameters: { headers: { "X-A": { operation: "set" as const, value: ref } } },
    });
    const one = await read(rulesets.rules.create(made.id, { ...zone, ...rule("one") }));
    const two = await read(
      rulesets.rules.create(made.id, {
        ...zone,
        ...rule("two"),
        position: { before: "" },
      }),
    );
    expect(two.rules.map(({ ref }) => ref)).toEqual(["two", "one"]);
    const edited = await read(
      rulesets.rules.edit(one.rules[0]!.id, {
        ...zone,
        ruleset_id: made.id,
        description: "changed",
      }),
    );
    expect(edited.rules[1]).toMatchObject({ ref: "one", description: "changed", version: "2" });
    const left = await read(rulesets.rules.delete(one.rules[0]!.id, { ...zone, ruleset_id: made.id }));
    expect(left.rules.map(({ ref }) => ref)).toEqual(["two"]);
  });

  it("exist for the account too", async () => {
    const made = await read(
      bench.client.rulesets.create({
        account_id: accountId,
        kind: "custom",
        name: "mine",
        phase: "http_request_firewall_custom",
        rules: [{ action: "block", expression: "ip.src eq 203.0.113.1" }],
      }),
    );
    expect(await bench.client.rulesets.get(made.id, { account_id: accountId })).toMatchObject({
      kind: "custom",
    });
  });
});
