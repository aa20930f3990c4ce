import { Tunnel, tunnelIssues, type TunnelArgs } from "../../components/tunnel";
import { told } from "../support/issues";
import { known, Mocks, runWith } from "../support/mocks";

const base: TunnelArgs = {
  accountId: "account",
  zoneId: "zone",
  routes: [
    { hostname: "api.example.com", path: "^/ws", service: "http://cloud:3002" },
    { hostname: "api.example.com", service: "http://cloud:3001", originRequest: { connectTimeout: 5 } },
    { hostname: "example.com", service: "http://web:3000" },
  ],
};

const answers = {
  "random:index/randomBytes:RandomBytes": () => ({ base64: "c2VjcmV0", hex: "00" }),
  "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared": () => ({ id: "tunnel-id" }),
  "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig": () => ({
    id: "tunnel-id",
  }),
  "cloudflare:index/dnsRecord:DnsRecord": () => ({}),
};

test("with a token, its connections are ended when it is deleted, after its records and before itself", async () => {
  const mocks = new Mocks({ ...answers, "command:local:Command": () => ({}) });
  await runWith(
    mocks,
    () => new Tunnel("pika", { ...base, disconnect: { apiToken: "api-token-1", apiUrl: "http://api" } }),
  );
  const { inputs, secrets } = mocks.get("pika-disconnect");
  expect(inputs["create"]).toBe("0");
  expect(inputs["delete"]).toContain("tunnel-disconnect.js");
  expect(JSON.parse(String(inputs["stdin"]))).toEqual({
    apiUrl: "http://api",
    apiToken: "api-token-1",
    accountId: "account",
    tunnelId: "tunnel-id",
  });
  expect(secrets).toContain("stdin");
});

test("a tunnel that is taken over keeps its secret: none is made, and its token is the API's", async () => {
  const mocks = new Mocks(answers, {
    "cloudflare:index/getZeroTrustTunnelCloudflaredToken:getZeroTrustTunnelCloudflaredToken": () => ({
      token: "token-of-the-api",
    }),
  });
  const tunnel = await runWith(mocks, () => new Tunnel("pika", { ...base, keepSecret: true }));
  expect(mocks.list()).not.toContain("RandomBytes pika-secret");
  expect(mocks.get("pika").inputs).not.toHaveProperty("tunnelSecret");
  expect(await known(tunnel.token)).toEqual({ value: "token-of-the-api", secret: true });
});

test("a tunnel, its routes with the catch-all, one record for each host name", async () => {
  const mocks = new Mocks(answers);
  const tunnel = await runWith(mocks, () => new Tunnel("pika", base));
  expect(mocks.list()).toEqual([
    "DnsRecord pika-dns-api.example.com",
    "DnsRecord pika-dns-example.com",
    "RandomBytes pika-secret",
    "ZeroTrustTunnelCloudflared pika",
    "ZeroTrustTunnelCloudflaredConfig pika-config",
  ]);
  expect(mocks.get("pika")).toMatchObject({
    inputs: { accountId: "account", name: "pika", configSrc: "cloudflare", tunnelSecret: "c2VjcmV0" },
    secrets: ["tunnelSecret"],
  });
  expect(mocks.get("pika-config").inputs).toEqual({
    accountId: "account",
    tunnelId: "tunnel-id",
    source: "cloudflare",
    config: {
      ingresses: [
        { hostname: "api.example.com", path: "^/ws", service: "http://cloud:3002" },
        { hostname: "api.example.com", service: "http://cloud:3001", originRequest: { connectTimeout: 5 } },
        { hostname: "example.com", service: "http://web:3000" },
        { service: "http_status:404" },
      ],
    },
  });
  expect(mocks.get("pika-dns-example.com").inputs).toEqual({
    zoneId: "zone",
    name: "example.com",
    type: "CNAME",
    content: "tunnel-id.cfargotunnel.com",
    ttl: 1,
    proxied: true,
  });
  const token = await known(tunnel.token);
  expect(token.secret).toBe(true);
  expect(JSON.parse(Buffer.from(token.value, "base64").toString())).toEqual({
    a: "account",
    t: "tunnel-id",
    s: "c2VjcmV0",
  });
  expect(await known(tunnel.hostnames)).toEqual({ value: ["api.example.com", "example.com"], secret: false });
});

test("no records where others make them; Access is verified by cloudflared when asked", async () => {
  const mocks = new Mocks(answers);
  await runWith(
    mocks,
    () =>
      new Tunnel("pika", {
        ...base,
        manageDns: false,
        catchAll: "http_status:503",
        routes: [
          {
            hostname: "example.com",
            service: "https://web:3000",
            originRequest: { noTlsVerify: true, access: { teamName: "team", audiences: ["tag"] } },
          },
        ],
      }),
  );
  expect(mocks.list()).toEqual([
    "RandomBytes pika-secret",
    "ZeroTrustTunnelCloudflared pika",
    "ZeroTrustTunnelCloudflaredConfig pika-config",
  ]);
  expect(mocks.get("pika-config").inputs["config"]).toEqual({
    ingresses: [
      {
        hostname: "example.com",
        service: "https://web:3000",
        originRequest: { noTlsVerify: true, access: { required: true, teamName: "team", audTags: ["tag"] } },
      },
      { service: "http_status:503" },
    ],
  });
});

test.each<[string, Partial<TunnelArgs>, string[]]>([
  ["nothing wrong", {}, []],
  ["no routes", { routes: [] }, ["routes: a tunnel needs a route"]],
  [
    "a bad host name and service",
    { routes: [{ hostname: "API.example.com", service: "cloud:3001" }] },
    [
      'routes[0].hostname: is not a full host name in lower case "API.example.com"',
      'routes[0].service: is nothing a tunnel can connect to "cloud:3001"',
    ],
  ],
  [
    "routes that never match",
    {
      routes: [
        { hostname: "a.example.com", service: "http://a:1" },
        { hostname: "a.example.com", path: "/x", service: "http://a:2" },
        { hostname: "a.example.com", service: "http://a:3" },
      ],
    },
    [
      'routes[1]: can never match: an earlier route takes every path of this host name "/x"',
      "routes[2]: can never match: an earlier route has the same host name and path",
    ],
  ],
  ["a bad catch-all", { catchAll: "404" }, ['catchAll: is nothing a tunnel can answer with "404"']],
])("mistakes: %s", (_what, changes, expected) => {
  expect(told(tunnelIssues({ ...base, ...changes }))).toEqual(expected);
});

test("one error names every mistake", async () => {
  await expect(
    runWith(new Mocks({}), () => new Tunnel("pika", { ...base, routes: [], catchAll: "404" })),
  ).rejects.toThrow(
    'Tunnel "pika" has 2 mistakes in its arguments:\n' +
      "  - routes: a tunnel needs a route\n" +
      '  - catchAll: is nothing a tunnel can answer with: "404" (allowed: http_status:404)',
  );
});
