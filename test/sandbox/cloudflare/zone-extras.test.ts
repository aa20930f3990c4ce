import { type Bench, accountId, collect, startBench } from "./support";

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.close());

const account = { account_id: accountId };

describe("documents of a zone", () => {
  it("DNSSEC gives what the registrar needs while it is active", async () => {
    const zone = { zone_id: bench.zoneId };
    expect(await bench.client.dns.dnssec.get(zone)).toMatchObject({ status: "disabled" });
    const active = await bench.client.dns.dnssec.edit({ ...zone, status: "active" });
    expect(active).toMatchObject({ status: "active", algorithm: "13", digest_type: "2" });
    expect(active.ds).toContain(String(active.key_tag));
    await bench.client.dns.dnssec.delete(zone);
    expect(await bench.client.dns.dnssec.get(zone)).toMatchObject({ status: "disabled" });
  });

  it("managed transforms, URL normalization, tiered cache, universal SSL and host TLS keep what is set", async () => {
    const zone = { zone_id: bench.zoneId };
    const { managedTransforms, urlNormalization, cache, ssl, hostnames } = bench.client;
    const transforms = await managedTransforms.edit({
      ...zone,
      managed_request_headers: [],
      managed_response_headers: [{ id: "add_security_headers", enabled: true }],
    });
    expect(transforms.managed_response_headers).toContainEqual(
      expect.objectContaining({ id: "add_security_headers", enabled: true }),
    );
    await managedTransforms.delete(zone);
    expect(JSON.stringify(await managedTransforms.list(zone))).not.toContain('"enabled":true');
    await urlNormalization.update({ ...zone, scope: "both", type: "rfc3986" });
    expect(await urlNormalization.get(zone)).toEqual({ scope: "both", type: "rfc3986" });
    await urlNormalization.delete(zone);
    expect(await cache.smartTieredCache.edit({ ...zone, value: "on" })).toMatchObject({
      value: "on",
      editable: true,
    });
    expect(await ssl.universal.settings.edit({ ...zone, enabled: false })).toMatchObject({ enabled: false });
    await hostnames.settings.tls.update("api.example.com", {
      ...zone,
      setting_id: "min_tls_version",
      value: "1.3",
    });
    expect(
      await hostnames.settings.tls.get("api.example.com", { ...zone, setting_id: "min_tls_version" }),
    ).toMatchObject({ value: "1.3", status: "active" });
    await hostnames.settings.tls.delete("api.example.com", { ...zone, setting_id: "min_tls_version" });
    expect(await collect(hostnames.settings.tls.list("min_tls_version", zone))).toEqual([]);
  });

  it("purge answers the zone's id", async () => {
    expect(await bench.client.cache.purge({ zone_id: bench.zoneId, purge_everything: true })).toEqual({
      id: bench.zoneId,
    });
    expect(
      await bench.client.cache.purge({ zone_id: bench.zoneId, files: ["https://www.example.com/a.css"] }),
    ).toEqual({ id: bench.zoneId });
  });
});

describe("health checks", () => {
  it("need a paid plan", async () => {
    const check = { name: "api", address: "api.example.com", type: "HTTPS" };
    await expect(bench.client.healthchecks.create({ zone_id: bench.zoneId, ...check })).rejects.toMatchObject(
      { status: 403 },
    );
    const { id } = await bench.server.ensureZone({ name: "pro.example", plan: "pro" });
    const made = await bench.client.healthchecks.create({ zone_id: id, ...check });
    expect(made).toMatchObject({
      interval: 60,
      retries: 2,
      http_config: { port: 80, expected_codes: ["200"] },
    });
    await bench.client.healthchecks.update(made.id!, { zone_id: id, ...check, interval: 120 });
    expect(await bench.client.healthchecks.get(made.id!, { zone_id: id })).toMatchObject({ interval: 120 });
    await bench.client.healthchecks.delete(made.id!, { zone_id: id });
    expect(await collect(bench.client.healthchecks.list({ zone_id: id }))).toEqual([]);
  });
});

describe("lists", () => {
  it("hold redirects, changed by operations that end", async () => {
    const { lists } = bench.client.rules;
    const list = await lists.create({ ...account, name: "moved", kind: "redirect" });
    const redirect = { source_url: "example.com/old", target_url: "https://example.com/new" };
    const { operation_id } = await lists.items.create(list.id, { ...account, body: [{ redirect }] });
    expect(await lists.bulkOperations.get(operation_id, account)).toMatchObject({ status: "completed" });
    const [item] = await collect(lists.items.list(list.id, account));
    expect(item).toMatchObject({ redirect });
    expect(await lists.get(list.id, account)).toMatchObject({ num_items: 1, kind: "redirect" });
    await expect(
      lists.items.create(list.id, { ...account, body: [{ ip: "203.0.113.1" }] }),
    ).rejects.toMatchObject({ status: 400 });
    await lists.items.delete(list.id, { ...account, items: [{ id: (item as { id: string }).id }] });
    expect(await collect(lists.items.list(list.id, account))).toEqual([]);
    await lists.delete(list.id, account);
  });
});

describe("the account", () => {
  it("is listed and read, with its user", async () => {
    expect(await collect(bench.client.accounts.list())).toMatchObject([{ id: accountId, name: "Sandbox" }]);
    expect(await bench.client.accounts.get(account)).toMatchObject({ id: accountId });
    expect(await bench.client.user.get()).toMatchObject({ email: "sandbox@example.com" });
  });

  it("tells the address ranges to everybody", async () => {
    const response = await fetch(`${bench.server.url}/ips`);
    expect(response.status).toBe(200);
    expect(await bench.client.ips.list()).toMatchObject({
      ipv4_cidrs: expect.arrayContaining(["104.16.0.0/13"]) as string[],
    });
  });

  it("has notification policies and webhooks, whose secret is never shown", async () => {
    const { policies, destinations } = bench.client.alerting;
    const hook = await destinations.webhooks.create({
      ...account,
      name: "local",
      url: "http://127.0.0.1:9/hook",
      secret: "hidden-secret",
    });
    const shown = await destinations.webhooks.get(hook.id!, account);
    expect(shown).toMatchObject({ name: "local", type: "generic" });
    expect(JSON.stringify(shown)).not.toContain("hidden-secret");
    const policy = await policies.create({
      ...account,
      name: "tunnel",
      alert_type: "tunnel_health_event",
      enabled: true,
      mechanisms: { webhooks: [{ id: hook.id! }] },
    });
    expect(policy).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/) as string });
    await policies.update(policy.id!, {
      ...account,
      name: "tunnel 2",
      alert_type: "tunnel_health_event",
      enabled: false,
      mechanisms: { email: [{ id: "a@example.com" }] },
    });
    expect(await policies.get(policy.id!, account)).toMatchObject({ name: "tunnel 2", enabled: false });
    expect(await collect(policies.list(account))).toHaveLength(1);
    await policies.delete(policy.id!, account);
    await destinations.webhooks.delete(hook.id!, account);
    expect(await collect(destinations.webhooks.list(account))).toEqual([]);
  });

  it("has live inputs with keys that stay", async () => {
    const { liveInputs } = bench.client.stream;
    const made = await liveInputs.create({
      ...account,
      meta: { name: "show" },
      recording: { mode: "automatic" },
    });
    expect(made.rtmps?.streamKey).toHaveLength(64);
    const changed = await liveInputs.update(made.uid!, { ...account, meta: { name: "show 2" } });
    expect(changed.rtmps).toEqual(made.rtmps);
    expect((await liveInputs.list(account)).liveInputs).toMatchObject([
      { uid: made.uid, meta: { name: "show 2" } },
    ]);
    await liveInputs.delete(made.uid!, account);
    await expect(liveInputs.get(made.uid!, account)).rejects.toMatchObject({ status: 404 });
  });
});
