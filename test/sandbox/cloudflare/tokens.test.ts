import { createHash } from "node:crypto";
import { type Bench, accountId, collect, startBench } from "./support";

let bench: Bench;
let time = new Date("2026-06-01T00:00:00Z");
beforeAll(async () => {
  bench = await startBench({ now: () => time });
});
afterAll(() => bench.close());

const account = { account_id: accountId };
const accountResource = { [`com.cloudflare.api.account.${accountId}`]: "*" };

async function groupId(name: string): Promise<string> {
  const groups = await collect(
    bench.client.accounts.tokens.permissionGroups.list({ ...account, name: encodeURIComponent(name) }),
  );
  expect(groups).toHaveLength(1);
  return groups[0]!.id!;
}

async function tokenFor(
  group: string,
  resources: Record<string, unknown>,
  more: object = {},
): Promise<{ id: string; value: string }> {
  const token = await bench.client.accounts.tokens.create({
    ...account,
    name: group,
    policies: [
      { effect: "allow", permission_groups: [{ id: await groupId(group) }], resources: resources as never },
    ],
    ...more,
  });
  return { id: token.id!, value: token.value! };
}

describe("API tokens", () => {
  it("are created, read, changed, listed, rolled and deleted; the value is shown once", async () => {
    const { tokens } = bench.client.accounts;
    const made = await tokenFor("Pages Write", accountResource);
    expect(made.value).toMatch(/^[0-9A-Za-z\-_]{40}$/);
    const read = await tokens.get(made.id, account);
    expect(read).toMatchObject({
      status: "active",
      policies: [{ permission_groups: [{ name: "Pages Write" }] }],
    });
    expect(JSON.stringify(read)).not.toContain(made.value);
    const policies = [
      {
        effect: "allow" as const,
        permission_groups: [{ id: await groupId("Pages Read") }],
        resources: accountResource,
      },
    ];
    expect(await tokens.update(made.id, { ...account, name: "renamed", policies })).toMatchObject({
      name: "renamed",
    });
    expect(await collect(bench.as(made.value).pages.projects.list(account))).toEqual([]);
    const rolled = String(await tokens.value.update(made.id, account));
    await expect(bench.as(made.value).pages.projects.list(account)).rejects.toMatchObject({ status: 401 });
    expect(await collect(bench.as(rolled).pages.projects.list(account))).toEqual([]);
    expect(await collect(tokens.list(account))).toHaveLength(1);
    await tokens.delete(made.id, account);
    await expect(tokens.get(made.id, account)).rejects.toMatchObject({ status: 404 });
  });

  it("of the user live beside those of the account", async () => {
    const { tokens } = bench.client.user;
    const groups = await collect(tokens.permissionGroups.list());
    const read = groups.find(({ name }) => name === "Zone Read")!;
    const token = await tokens.create({
      name: "mine",
      policies: [
        {
          effect: "allow",
          permission_groups: [{ id: read.id! }],
          resources: { [`com.cloudflare.api.account.zone.${bench.zoneId}`]: "*" },
        },
      ],
    });
    expect(await bench.as(token.value!).user.tokens.verify()).toMatchObject({
      id: token.id,
      status: "active",
    });
    expect(await collect(bench.as(token.value!).zones.list())).toMatchObject([{ id: bench.zoneId }]);
    await tokens.delete(token.id!);
  });

  it("do only what their groups allow, where their resources say", async () => {
    const other = await bench.server.ensureZone({ name: "other.example" });
    const dns = await tokenFor("DNS Write", { [`com.cloudflare.api.account.zone.${bench.zoneId}`]: "*" });
    const client = bench.as(dns.value);
    const record = { name: "x", type: "A" as const, content: "203.0.113.1", ttl: 1 as const };
    await client.dns.records.create({ zone_id: bench.zoneId, ...record });
    await expect(client.dns.records.create({ zone_id: other.id, ...record })).rejects.toMatchObject({
      status: 403,
      errors: [{ code: 10000 }],
    });
    await expect(client.zones.settings.get("ssl", { zone_id: bench.zoneId })).rejects.toMatchObject({
      status: 403,
      errors: [{ code: 10000 }],
    });
    await expect(client.zones.get({ zone_id: bench.zoneId })).rejects.toMatchObject({ status: 403 });
    const reader = bench.as(
      (
        await tokenFor("DNS Read", {
          [`com.cloudflare.api.account.${accountId}`]: { "com.cloudflare.api.account.zone.*": "*" },
        })
      ).value,
    );
    expect(await collect(reader.dns.records.list({ zone_id: bench.zoneId }))).toHaveLength(1);
    expect(await collect(reader.dns.records.list({ zone_id: other.id }))).toEqual([]);
    await expect(reader.dns.records.create({ zone_id: other.id, ...record })).rejects.toMatchObject({
      status: 403,
    });
  });

  it("for one bucket are refused at the REST API of R2", async () => {
    const scoped = await tokenFor("Workers R2 Storage Bucket Item Write", {
      [`com.cloudflare.edge.r2.bucket.${accountId}_default_media`]: "*",
    });
    await expect(bench.as(scoped.value).r2.buckets.list(account)).rejects.toMatchObject({ status: 403 });
    const all = await tokenFor("Workers R2 Storage Write", accountResource);
    expect(await bench.as(all.value).r2.buckets.list(account)).toEqual({ buckets: [] });
  });

  it("to change rulesets need the group of the phase", async () => {
    const cache = bench.as(
      (await tokenFor("Cache Settings Write", { "com.cloudflare.api.account.zone.*": "*" })).value,
    );
    const ruleset = (phase: string, action: string, action_parameters: object): Promise<unknown> =>
      cache.rulesets.create({
        zone_id: bench.zoneId,
        kind: "zone",
        name: "r",
        phase,
        rules: [{ action, expression: "true", action_parameters }],
      } as never);
    await ruleset("http_request_cache_settings", "set_cache_settings", { cache: true });
    await expect(ruleset("http_request_firewall_custom", "block", {})).rejects.toMatchObject({ status: 403 });
  });

  it("stop at their expiry, when disabled, before their time and from other addresses", async () => {
    const expires_on = "2026-06-02T00:00:00Z";
    const short = await tokenFor("Pages Read", accountResource, { expires_on });
    await bench.as(short.value).pages.projects.list(account);
    time = new Date("2026-06-02T00:00:01Z");
    await expect(bench.as(short.value).pages.projects.list(account)).rejects.toMatchObject({
      status: 401,
      errors: [{ code: 10000 }],
    });
    expect(await bench.as(short.value).accounts.tokens.verify(account)).toMatchObject({ status: "expired" });
    expect(await bench.client.accounts.tokens.get(short.id, account)).toMatchObject({ status: "expired" });

    const disabled = await tokenFor("Pages Read", accountResource, { status: "disabled" });
    await expect(bench.as(disabled.value).pages.projects.list(account)).rejects.toMatchObject({
      status: 401,
    });
    const later = await tokenFor("Pages Read", accountResource, { not_before: "2027-01-01T00:00:00Z" });
    await expect(bench.as(later.value).pages.projects.list(account)).rejects.toMatchObject({ status: 401 });
    const elsewhere = await tokenFor("Pages Read", accountResource, {
      condition: { request_ip: { in: ["198.51.100.0/24"] } },
    });
    await expect(bench.as(elsewhere.value).pages.projects.list(account)).rejects.toMatchObject({
      status: 403,
      errors: [{ code: 9109 }],
    });
    const here = await tokenFor("Pages Read", accountResource, {
      condition: { request_ip: { in: ["127.0.0.0/8"] } },
    });
    await bench.as(here.value).pages.projects.list(account);
  });

  it("have public ids for the groups that are public knowledge, and each group has its own id", async () => {
    const groups = await collect(bench.client.accounts.tokens.permissionGroups.list(account));
    expect(groups.find(({ name }) => name === "Stream Write")?.id).toBe("714f9c13a5684c2885a793f5edb36f59");
    expect(new Set(groups.map(({ id }) => id)).size).toBe(groups.length);
  });

  it("are not kept in clear: the S3 secret of a token is the hash that is kept", async () => {
    const made = await tokenFor("Pages Read", accountResource);
    const { readFileSync } = await import("node:fs");
    const journal = readFileSync(`${bench.folder}/store/journal`, "utf8");
    expect(journal).not.toContain(made.value);
    expect(journal).not.toContain(bench.apiToken);
    expect(journal).toContain(createHash("sha256").update(made.value).digest("hex"));
  });
});
