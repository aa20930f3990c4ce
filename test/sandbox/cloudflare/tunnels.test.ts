import { type Bench, accountId, collect, startBench } from "./support";

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.close());

const account = { account_id: accountId };

describe("tunnels", () => {
  it("have a token, a configuration with versions, and stay readable after deletion", async () => {
    const { cloudflared } = bench.client.zeroTrust.tunnels;
    const tunnel = await cloudflared.create({ ...account, name: "vps", config_src: "cloudflare" });
    expect(tunnel).toMatchObject({
      name: "vps",
      status: "inactive",
      deleted_at: null,
      account_tag: accountId,
    });
    const token = String(await cloudflared.token.get(tunnel.id!, account));
    const decoded = JSON.parse(Buffer.from(token, "base64").toString()) as Record<string, string>;
    expect(decoded).toMatchObject({ a: accountId, t: tunnel.id });
    expect(Buffer.from(decoded["s"]!, "base64").length).toBeGreaterThanOrEqual(32);
    const ingress = [
      { hostname: "api.example.com", service: "http://app:3001" },
      { service: "http_status:404" },
    ];
    expect(
      await cloudflared.configurations.update(tunnel.id!, { ...account, config: { ingress } as never }),
    ).toMatchObject({ version: 1 });
    await cloudflared.configurations.update(tunnel.id!, { ...account, config: { ingress } as never });
    expect(await cloudflared.configurations.get(tunnel.id!, account)).toMatchObject({
      tunnel_id: tunnel.id,
      version: 2,
      source: "cloudflare",
      config: { ingress },
    });
    expect(await cloudflared.edit(tunnel.id!, { ...account, name: "vps-2" })).toMatchObject({
      name: "vps-2",
    });
    await cloudflared.delete(tunnel.id!, account);
    const gone = await cloudflared.get(tunnel.id!, account);
    expect(gone.deleted_at).toEqual(expect.any(String));
    expect(await collect(cloudflared.list({ ...account, is_deleted: false }))).toEqual([]);
    await cloudflared.create({ ...account, name: "vps-2" });
  });

  it("with connectors are healthy and are not deleted before these have gone", async () => {
    const { cloudflared } = bench.client.zeroTrust.tunnels;
    const tunnel = await cloudflared.create({ ...account, name: "busy", config_src: "cloudflare" });
    const dropped: string[] = [];
    bench.server.connectors.onDrop(({ tunnelId }) => dropped.push(tunnelId));
    const detach = bench.server.connectors.attach({
      tunnelId: tunnel.id!,
      connectorId: "11111111-1111-4111-8111-111111111111",
      originIp: "203.0.113.9",
      version: "2026.1.0",
    });
    expect(await cloudflared.get(tunnel.id!, account)).toMatchObject({
      status: "healthy",
      connections: [{ origin_ip: "203.0.113.9" }],
    });
    expect(await collect(cloudflared.connections.get(tunnel.id!, account))).toMatchObject([
      { conns: [{ client_version: "2026.1.0" }] },
    ]);
    await expect(cloudflared.delete(tunnel.id!, account)).rejects.toMatchObject({ status: 400 });
    detach();
    expect(await cloudflared.get(tunnel.id!, account)).toMatchObject({ status: "down" });
    bench.server.connectors.attach({
      tunnelId: tunnel.id!,
      connectorId: "11111111-1111-4111-8111-111111111111",
      originIp: "203.0.113.9",
      version: "2026.1.0",
    });
    await cloudflared.connections.delete(tunnel.id!, account);
    expect(dropped).toEqual([tunnel.id]);
    await cloudflared.delete(tunnel.id!, account);
  });
});
