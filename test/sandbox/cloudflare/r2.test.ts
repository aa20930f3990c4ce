import { type Bench, accountId, collect, startBench } from "./support";

let bench: Bench;
const objects = new Map<string, number>();
beforeAll(async () => {
  bench = await startBench({ objects: { count: ({ name }) => objects.get(name) ?? 0 } });
});
afterAll(() => bench.close());

const account = { account_id: accountId };

describe("R2 buckets", () => {
  it("give back location and storage class exactly as they were sent", async () => {
    const { buckets } = bench.client.r2;
    const made = await buckets.create({
      ...account,
      name: "audio-staging",
      locationHint: "weur",
      storageClass: "Standard",
    });
    expect(made).toMatchObject({
      name: "audio-staging",
      location: "weur",
      storage_class: "Standard",
      jurisdiction: "default",
    });
    expect(await buckets.get("audio-staging", account)).toEqual(made);
    expect(
      await buckets.edit("audio-staging", { ...account, storage_class: "InfrequentAccess" }),
    ).toMatchObject({ storage_class: "InfrequentAccess" });
    await buckets.delete("audio-staging", account);
    await expect(buckets.get("audio-staging", account)).rejects.toMatchObject({ status: 404 });
  });

  it("of a jurisdiction are seen only with its header", async () => {
    const { buckets } = bench.client.r2;
    await buckets.create({ ...account, name: "shared-name", "cf-r2-jurisdiction": "eu" });
    await expect(buckets.get("shared-name", account)).rejects.toMatchObject({ status: 404 });
    expect(await buckets.get("shared-name", { ...account, "cf-r2-jurisdiction": "eu" })).toMatchObject({
      jurisdiction: "eu",
    });
    await buckets.create({ ...account, name: "shared-name" });
    expect((await buckets.list(account)).buckets).toHaveLength(1);
    await buckets.delete("shared-name", { ...account, "cf-r2-jurisdiction": "eu" });
    await buckets.delete("shared-name", account);
  });

  it("are listed page by page with a cursor", async () => {
    for (const name of ["page-a", "page-b", "page-c"])
      await bench.client.r2.buckets.create({ ...account, name });
    const base = `/accounts/${accountId}/r2/buckets?per_page=2&name_contains=page-`;
    const first = await bench.send("GET", base);
    expect(first.body.result).toMatchObject({ buckets: [{ name: "page-a" }, { name: "page-b" }] });
    const { cursor } = first.body.result_info as { cursor: string };
    const second = await bench.send("GET", `${base}&cursor=${cursor}`);
    expect(second.body.result).toMatchObject({ buckets: [{ name: "page-c" }] });
    expect(second.body.result_info).toBeUndefined();
    const later = await bench.send("GET", `${base}&start_after=page-a`);
    expect(later.body.result).toMatchObject({ buckets: [{ name: "page-b" }, { name: "page-c" }] });
    expect(later.body.result_info).toBeUndefined();
    const back = await bench.send("GET", `${base}&start_after=page-c&direction=desc`);
    expect(back.body.result).toMatchObject({ buckets: [{ name: "page-b" }, { name: "page-a" }] });
  });

  it("with objects in them are not deleted", async () => {
    await bench.client.r2.buckets.create({ ...account, name: "full" });
    objects.set("full", 1);
    await expect(bench.client.r2.buckets.delete("full", account)).rejects.toMatchObject({ status: 409 });
    objects.set("full", 0);
    await bench.client.r2.buckets.delete("full", account);
  });
});

describe("around a bucket", () => {
  beforeAll(() => bench.client.r2.buckets.create({ ...account, name: "media" }));

  it("CORS is set, read and removed", async () => {
    const { cors } = bench.client.r2.buckets;
    await expect(cors.get("media", account)).rejects.toMatchObject({ status: 404 });
    const rules = [
      {
        id: "web",
        allowed: {
          methods: ["GET" as const, "PUT" as const],
          origins: ["https://stg.example.com"],
          headers: ["content-type"],
        },
        exposeHeaders: ["etag"],
        maxAgeSeconds: 3600,
      },
    ];
    await cors.update("media", { ...account, rules });
    expect(await cors.get("media", account)).toEqual({ rules });
    await cors.delete("media", account);
    await expect(cors.get("media", account)).rejects.toMatchObject({ status: 404 });
  });

  it("lifecycle starts with the default rule and is replaced whole", async () => {
    const { lifecycle } = bench.client.r2.buckets;
    expect(await lifecycle.get("media", account)).toMatchObject({
      rules: [{ id: "Default Multipart Abort Rule", enabled: true }],
    });
    const rules = [
      {
        id: "old",
        enabled: true,
        conditions: { prefix: "tmp/" },
        deleteObjectsTransition: { condition: { type: "Age" as const, maxAge: 86_400 } },
      },
    ];
    await lifecycle.update("media", { ...account, rules });
    expect(await lifecycle.get("media", account)).toEqual({ rules });
  });

  it("locks are set and read", async () => {
    const rules = [
      { id: "keep", enabled: true, prefix: "legal/", condition: { type: "Indefinite" as const } },
    ];
    await bench.client.r2.buckets.locks.update("media", { ...account, rules });
    expect(await bench.client.r2.buckets.locks.get("media", account)).toEqual({ rules });
  });

  it("a custom domain makes its DNS record, becomes active, and takes the record with it", async () => {
    const { custom } = bench.client.r2.buckets.domains;
    const made = await custom.create("media", {
      ...account,
      domain: "media.example.com",
      zoneId: bench.zoneId,
      enabled: true,
      minTLS: "1.2",
    });
    expect(made).toMatchObject({ domain: "media.example.com", enabled: true });
    const read = await custom.get("media.example.com", { ...account, bucket_name: "media" });
    expect(read).toMatchObject({
      status: { ownership: "active", ssl: "active" },
      zoneName: "example.com",
      minTLS: "1.2",
    });
    const [record] = await collect(
      bench.client.dns.records.list({ zone_id: bench.zoneId, name: { exact: "media.example.com" } }),
    );
    expect(record).toMatchObject({ type: "CNAME", proxied: true, meta: { read_only: true } });
    await expect(
      bench.client.dns.records.delete(record!.id, { zone_id: bench.zoneId }),
    ).rejects.toMatchObject({ status: 400 });
    await custom.update("media.example.com", {
      ...account,
      bucket_name: "media",
      enabled: false,
      minTLS: "1.3",
    });
    expect((await custom.list("media", account)).domains).toMatchObject([{ enabled: false, minTLS: "1.3" }]);
    await custom.delete("media.example.com", { ...account, bucket_name: "media" });
    expect(
      await collect(
        bench.client.dns.records.list({ zone_id: bench.zoneId, name: { exact: "media.example.com" } }),
      ),
    ).toEqual([]);
  });

  it("the managed domain is off until it is switched on", async () => {
    const { managed } = bench.client.r2.buckets.domains;
    expect(await managed.list("media", account)).toMatchObject({ enabled: false });
    const on = await managed.update("media", { ...account, enabled: true });
    expect(on).toMatchObject({
      enabled: true,
      domain: expect.stringMatching(/^pub-[0-9a-f]{32}\.r2\.dev$/) as string,
    });
  });

  it("events go to a queue, by rules that do not overlap", async () => {
    const { queues } = bench.client;
    const queue = await queues.create({ ...account, queue_name: "media-events" });
    const where = { ...account, bucket_name: "media" };
    const { eventNotifications } = bench.client.r2.buckets;
    const rule = { actions: ["PutObject" as const], prefix: "a/" };
    await eventNotifications.update(queue.queue_id!, { ...where, rules: [rule] });
    expect(await eventNotifications.get(queue.queue_id!, where)).toMatchObject({
      queueName: "media-events",
      rules: [rule],
    });
    await expect(
      eventNotifications.update(queue.queue_id!, {
        ...where,
        rules: [{ actions: ["PutObject"], prefix: "a/b" }],
      }),
    ).rejects.toMatchObject({ status: 409 });
    expect((await eventNotifications.list("media", account)).queues).toHaveLength(1);
    await eventNotifications.delete(queue.queue_id!, where);
    await expect(eventNotifications.get(queue.queue_id!, where)).rejects.toMatchObject({ status: 404 });
    await queues.update(queue.queue_id!, { ...account, queue_name: "media-events-2" });
    expect(await collect(queues.list(account))).toMatchObject([{ queue_name: "media-events-2" }]);
    await queues.delete(queue.queue_id!, account);
  });
});
