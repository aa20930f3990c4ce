import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Cloudflare from "cloudflare";
import { startCloudflare } from "../../../sandbox/cloudflare/server";
import { type Bench, accountId, collect, startBench, zoneId } from "./support";

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.close());
afterEach(() => bench.server.faults.clear());

const record = { zone_id: zoneId, type: "TXT" as const, content: "x", ttl: 60 };

describe("artificial failures", () => {
  it("429 carries Retry-After, and the SDK tries again by itself", async () => {
    bench.server.faults.add({ kind: 429, retryAfterSeconds: 0, times: 2 });
    const patient = new Cloudflare({ apiToken: bench.apiToken, baseURL: bench.server.url, maxRetries: 2 });
    expect(await patient.zones.get({ zone_id: zoneId })).toMatchObject({ id: zoneId });
    bench.server.faults.add({ kind: 429, retryAfterSeconds: 7 });
    const reply = await bench.send("GET", `/zones/${zoneId}`);
    expect([reply.status, reply.headers.get("retry-after"), reply.body.success]).toEqual([429, "7", false]);
    expect((await bench.send("GET", `/zones/${zoneId}`)).status).toBe(200);
  });

  it("5xx hits only what it is aimed at", async () => {
    bench.server.faults.add({ kind: 503, method: "POST", path: /dns_records$/ });
    await expect(bench.client.zones.get({ zone_id: zoneId })).resolves.toMatchObject({ id: zoneId });
    await expect(bench.client.dns.records.create({ ...record, name: "f" })).rejects.toMatchObject({
      status: 503,
    });
    await bench.client.dns.records.create({ ...record, name: "f" });
  });

  it("a cut connection leaves nothing done, or all of it without an answer", async () => {
    bench.server.faults.add({ kind: "cut" });
    await expect(bench.client.dns.records.create({ ...record, name: "cut" })).rejects.toThrow(
      /Connection error/,
    );
    bench.server.faults.add({ kind: "cut-after" });
    await expect(bench.client.dns.records.create({ ...record, name: "cut-after" })).rejects.toThrow(
      /Connection error/,
    );
    const names = (await collect(bench.client.dns.records.list({ zone_id: zoneId }))).map(({ name }) => name);
    expect(names).toContain("cut-after.example.com");
    expect(names).not.toContain("cut.example.com");
  });
});

describe("starting", () => {
  const options = { accountId, apiToken: "x".repeat(40) };
  const inFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), "groundwork-start-"));
    await work(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
  };

  it("listens elsewhere where its port is taken", () =>
    inFolder(async (stateDirectory) => {
      const other = await startCloudflare({ ...options, stateDirectory, port: bench.server.port });
      expect(other.port).not.toBe(bench.server.port);
      await other.close();
    }));

  it("says that the folder is in use", async () => {
    await expect(startCloudflare({ ...options, stateDirectory: bench.folder })).rejects.toThrow(
      /in use.*\n.*end process/s,
    );
  });

  it.each([
    [{ accountId: "me" }, /account id.*\n.*32 hex digits/s],
    [{ apiToken: "short" }, /API token.*\n.*40 to 80/s],
  ])("refuses %j without showing the token", (wrong, message) =>
    inFolder(async (stateDirectory) => {
      await expect(startCloudflare({ ...options, stateDirectory, ...wrong })).rejects.toThrow(message);
      await expect(startCloudflare({ ...options, stateDirectory, apiToken: "s3cret!" })).rejects.not.toThrow(
        /s3cret/,
      );
    }),
  );

  it("makes a zone of a name once", async () => {
    const zone = await bench.server.ensureZone({ name: "Twice.example" });
    expect(await bench.server.ensureZone({ name: "twice.example" })).toEqual(zone);
  });
});

describe("the server", () => {
  it("tells its listeners what changed, and logs requests without queries or tokens", async () => {
    const lines: string[] = [];
    const other = await startBench({ log: (line) => lines.push(line) });
    const seen: string[] = [];
    const stop = other.server.onChange(({ tables }) => seen.push(tables.join()));
    await other.client.dns.records.create({ ...record, name: "seen" });
    await other.send("GET", `/zones/${zoneId}/dns_records?search=hidden`);
    stop();
    await other.client.dns.records.create({ ...record, name: "unseen" });
    expect(seen).toEqual(["dns"]);
    expect(lines).toContain(`GET /client/v4/zones/${zoneId}/dns_records 200`);
    expect(lines.join()).not.toMatch(new RegExp(`${other.apiToken}|hidden`));
    await other.close();
  });
});

describe("the edge's view", () => {
  it("finds the nearest zone, exact records before wildcards, nearest wildcard first", async () => {
    const { view } = bench.server;
    const inner = await bench.server.ensureZone({ name: "inner.example.com" });
    expect(view.zoneForHost("a.inner.example.com")).toEqual(inner);
    expect(view.zoneForHost("API.example.com")?.id).toBe(zoneId);
    expect(view.zoneForHost("example.net")).toBeUndefined();
    const add = (name: string, content: string): PromiseLike<unknown> =>
      bench.client.dns.records.create({ zone_id: zoneId, name, type: "A", content, ttl: 1, proxied: true });
    await add("*", "203.0.113.1");
    await add("*.deep", "203.0.113.2");
    await add("exact.deep", "203.0.113.3");
    const target = (host: string): string | undefined => view.records(zoneId, host)[0]?.content;
    expect([
      target("any.example.com"),
      target("any.deep.example.com"),
      target("exact.deep.example.com"),
      target("example.com"),
    ]).toEqual(["203.0.113.1", "203.0.113.2", "203.0.113.3", undefined]);
    expect(view.records(zoneId, "exact.deep.example.com")[0]).toMatchObject({ proxied: true, type: "A" });
  });
});
