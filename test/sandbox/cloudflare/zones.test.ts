import { type Bench, accountId, collect, startBench } from "./support";

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.close());

describe("zones", () => {
  it("are created, found by name, changed and deleted", async () => {
    const zone = await bench.client.zones.create({
      account: { id: accountId },
      name: "Example.ORG",
      type: "full",
    });
    expect(zone).toMatchObject({
      name: "example.org",
      status: "pending",
      paused: false,
      plan: { legacy_id: "free" },
    });
    expect(zone.id).toMatch(/^[0-9a-f]{32}$/);
    expect(zone.name_servers).toHaveLength(2);
    expect(await collect(bench.client.zones.list({ name: "example.org" }))).toMatchObject([
      { id: zone.id, status: "active" },
    ]);
    expect(await bench.client.zones.edit({ zone_id: zone.id, paused: true })).toMatchObject({ paused: true });
    expect(await bench.client.zones.get({ zone_id: zone.id })).toMatchObject({ id: zone.id, paused: true });
    expect(await bench.client.zones.delete({ zone_id: zone.id })).toEqual({ id: zone.id });
    expect(await collect(bench.client.zones.list({ name: "example.org" }))).toEqual([]);
  });
});

describe("DNS records", () => {
  it("are created, read, replaced, patched, listed and deleted", async () => {
    const { client, zoneId } = bench;
    const record = await client.dns.records.create({
      zone_id: zoneId,
      name: "api",
      type: "A",
      content: "203.0.113.10",
      proxied: true,
      ttl: 1,
      comment: "groundwork",
    });
    expect(record).toMatchObject({
      name: "api.example.com",
      proxied: true,
      proxiable: true,
      ttl: 1,
      tags: [],
      comment: "groundwork",
    });
    expect(await client.dns.records.get(record.id, { zone_id: zoneId })).toEqual(record);
    const replaced = await client.dns.records.update(record.id, {
      zone_id: zoneId,
      name: "api.example.com",
      type: "A",
      content: "203.0.113.11",
      ttl: 300,
    });
    expect(replaced).toMatchObject({
      id: record.id,
      content: "203.0.113.11",
      proxied: false,
      ttl: 300,
      comment: null,
    });
    const patched = await client.dns.records.edit(record.id, {
      zone_id: zoneId,
      comment: "kept",
      name: "api.example.com",
      ttl: 300,
      type: "A",
    });
    expect(patched).toMatchObject({ content: "203.0.113.11", comment: "kept" });
    expect(
      await collect(client.dns.records.list({ zone_id: zoneId, name: { exact: "api.example.com" } })),
    ).toMatchObject([{ id: record.id }]);
    expect(await client.dns.records.delete(record.id, { zone_id: zoneId })).toEqual({ id: record.id });
    expect(await collect(client.dns.records.list({ zone_id: zoneId }))).toEqual([]);
  });

  it("of a batch are all changed or none", async () => {
    const { client, zoneId } = bench;
    const first = await client.dns.records.create({
      zone_id: zoneId,
      name: "one",
      type: "TXT",
      content: "1",
      ttl: 60,
    });
    const done = await client.dns.records.batch({
      zone_id: zoneId,
      deletes: [{ id: first.id }],
      posts: [{ name: "one", type: "TXT", content: "2", ttl: 60 }],
    });
    expect(done?.posts).toMatchObject([{ content: "2" }]);
    const refused = await bench.send("POST", `/zones/${zoneId}/dns_records/batch`, {
      deletes: [{ id: (done?.posts ?? [])[0]?.id }],
      posts: [{ name: "bad", type: "A", content: "no address", ttl: 1 }],
    });
    expect(refused.status).toBe(400);
    expect(await collect(client.dns.records.list({ zone_id: zoneId }))).toMatchObject([{ content: "2" }]);
  });

  it("are paginated: every record once, in a fixed order, with the totals", async () => {
    const { id } = await bench.server.ensureZone({ name: "pages.example" });
    for (let index = 0; index < 23; index++) {
      await bench.client.dns.records.create({
        zone_id: id,
        name: `h${index}`,
        type: "A",
        content: "203.0.113.1",
        ttl: 1,
      });
    }
    const all = await collect(bench.client.dns.records.list({ zone_id: id, per_page: 5 }));
    expect(new Set(all.map(({ name }) => name)).size).toBe(23);
    const last = await bench.send("GET", `/zones/${id}/dns_records?per_page=5&page=5`);
    expect(last.body.result_info).toEqual({
      page: 5,
      per_page: 5,
      count: 3,
      total_count: 23,
      total_pages: 5,
    });
    const beyond = await bench.send("GET", `/zones/${id}/dns_records?per_page=5&page=6`);
    expect(beyond.body.result).toEqual([]);
  });
});

describe("zone settings", () => {
  it("start with the plan's defaults and keep what is set", async () => {
    const { client, zoneId } = bench;
    expect(await client.zones.settings.get("min_tls_version", { zone_id: zoneId })).toMatchObject({
      id: "min_tls_version",
      value: "1.0",
      editable: true,
      modified_on: null,
    });
    const set = await client.zones.settings.edit("min_tls_version", { zone_id: zoneId, value: "1.2" });
    expect(set).toMatchObject({ value: "1.2" });
    const hsts = {
      strict_transport_security: {
        enabled: true,
        max_age: 31536000,
        include_subdomains: true,
        preload: false,
        nosniff: true,
      },
    };
    expect(
      await client.zones.settings.edit("security_header", { zone_id: zoneId, value: hsts }),
    ).toMatchObject({ value: hsts });
    expect(bench.server.view.setting(zoneId, "security_header")).toEqual(hsts);
    expect(bench.server.view.setting(zoneId, "websockets")).toBe("on");
    expect(await client.zones.settings.get("polish", { zone_id: zoneId })).toMatchObject({ editable: false });
  });
});
