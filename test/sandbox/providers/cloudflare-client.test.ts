import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, waitBefore } from "../../../sandbox/providers/cloudflare/client";
import { proxyFor } from "../../../sandbox/providers/cloudflare/proxy";
import { clientOptions } from "../../../sandbox/providers/cloudflare/provider";
import type { Value, Values } from "../../../sandbox/providers/values";
import {
  type ClassName,
  type Recorded,
  type Recorder,
  type Reply,
  someToken,
  startRecorder,
  TinyEngine,
} from "./cloudflare-bench";

describe("the client of the Cloudflare API", () => {
  let answer: (request: Recorded, attempt: number) => Reply;
  let server: Recorder;
  let waits: number[];
  let client: Client;
  const apiToken = someToken();

  beforeEach(async () => {
    answer = () => ({ result: "fine" });
    server = await startRecorder((request) => answer(request, server.requests.length));
    waits = [];
    const sleep = (milliseconds: number) => {
      waits.push(milliseconds);
      return Promise.resolve();
    };
    client = new Client({ baseUrl: server.url, apiToken, sleep });
  });
  afterEach(() => server.close());

  const get = (path = "/zones") => client.call({ method: "GET", path });

  it.each([408, 409, 429, 500, 502, 503])("tries again after %d, three times in all", async (status) => {
    answer = (_, attempt) => (attempt < 3 ? { status, errors: [] } : { result: "fine" });
    expect((await get()).result).toBe("fine");
    expect(server.requests).toHaveLength(3);
    expect(waits).toHaveLength(2);
    answer = () => ({ status, errors: [{ code: 10, message: "no" }] });
    await expect(get()).rejects.toThrow(`GET /zones was refused with status ${status} (10: no)`);
    expect(server.requests).toHaveLength(6);
  });

  it.each([400, 401, 403, 404, 422])("takes %d for an answer", async (status) => {
    answer = () => ({ status, errors: [{ code: 10, message: "no" }] });
    await expect(get()).rejects.toMatchObject({ status, errors: [{ code: 10, message: "no" }] });
    expect(server.requests).toHaveLength(1);
  });

  it("tries again when the connection breaks, and says where it did not get through", async () => {
    answer = (_, attempt) => (attempt < 3 ? { cut: true } : { result: "fine" });
    expect((await get()).result).toBe("fine");
    answer = () => ({ cut: true });
    await expect(get()).rejects.toThrow(
      /GET \/zones got no answer after 3 tries: .+ Is http:\/\/127\.0\.0\.1:\d+ \(cloudflare:baseUrl/,
    );
  });

  it("does what x-should-retry says", async () => {
    answer = () => ({ status: 500, headers: { "x-should-retry": "false" } });
    await expect(get()).rejects.toThrow("status 500");
    expect(server.requests).toHaveLength(1);
    answer = (_, attempt) =>
      attempt < 3 ? { status: 400, headers: { "x-should-retry": "true" } } : { result: 1 };
    expect((await get()).result).toBe(1);
  });

  it("waits as long as it is told to, else longer each time", async () => {
    answer = (_, attempt) =>
      attempt === 1 ? { status: 429, headers: { "retry-after": "2" } } : { result: 1 };
    await get();
    expect(waits).toEqual([2000]);
    const wait = (headers: Record<string, string>, attempt = 1) =>
      waitBefore(attempt, { status: 429, headers, body: "" });
    expect(wait({ "retry-after-ms": "12", "retry-after": "9" })).toBe(12);
    expect(wait({ "retry-after": new Date(Date.now() + 5_000).toUTCString() })).toBeGreaterThan(3_000);
    for (const [attempt, most] of [
      [1, 500],
      [2, 1000],
      [3, 2000],
      [9, 8000],
    ] as const) {
      const found = wait({}, attempt);
      expect(found).toBeLessThanOrEqual(most);
      expect(found).toBeGreaterThanOrEqual(most * 0.75);
    }
    // Nobody wants to wait an hour.
    expect(wait({ "retry-after": "3600" })).toBeLessThanOrEqual(500);
  });

  it("stops when the engine cancels", async () => {
    const controller = new AbortController();
    answer = () => {
      controller.abort(new Error("cancelled"));
      return { status: 500 };
    };
    await expect(client.call({ method: "GET", path: "/zones", signal: controller.signal })).rejects.toThrow(
      "cancelled",
    );
    expect(server.requests).toHaveLength(1);
  });

  it("knows how far the API's clock is ahead, by its latest answer", async () => {
    const ahead = 3_600_000;
    answer = () => ({ headers: { date: new Date(Date.now() + ahead).toUTCString() } });
    await client.call({ method: "GET", path: "/zones" });
    expect(Math.abs(client.ahead - ahead)).toBeLessThan(60_000);
  });

  it("sends the credentials as headers and shows them in no message", async () => {
    answer = () => ({
      status: 403,
      errors: [{ code: 9109, message: "Unauthorized to access requested resource" }],
    });
    const failure = await get().catch((error: unknown) => String(error));
    expect(failure).toContain("9109: Unauthorized to access requested resource");
    expect(failure).toContain("Check the API token (cloudflare:apiToken or CLOUDFLARE_API_TOKEN)");
    expect(failure).not.toContain(apiToken);
    expect(server.requests[0]!.headers).toMatchObject({ authorization: `Bearer ${apiToken}` });

    answer = () => ({ result: 1 });
    const key = someToken();
    const other = new Client({
      baseUrl: server.url,
      apiKey: key,
      email: "a@example.com",
      apiUserServiceKey: "v1.0-x",
    });
    await other.call({ method: "GET", path: "/zones" });
    expect(server.requests.at(-1)!.headers).toMatchObject({
      "x-auth-key": key,
      "x-auth-email": "a@example.com",
      "x-auth-user-service-key": "v1.0-x",
    });
    expect(server.requests.at(-1)!.headers.authorization).toBeUndefined();
  });

  it("needs credentials for everything but what is public", async () => {
    const nobody = new Client({ baseUrl: server.url });
    await expect(nobody.call({ method: "GET", path: "/zones" })).rejects.toThrow(
      "no Cloudflare credentials: set cloudflare:apiToken",
    );
    expect((await nobody.call({ method: "GET", path: "/ips?networks=x" })).result).toBe("fine");
    expect(server.take()).toEqual(["GET /ips?networks=x"]);
  });

  it.each([
    [
      "text that is no JSON",
      { status: 200, text: "<html>" },
      /status 200 \(no reason given\)\. The answer was not JSON/,
    ],
    [
      "a failure with status 200",
      { status: 200, text: '{"success":false,"errors":[{"code":1,"message":"m"}]}' },
      /1: m/,
    ],
    [
      "causes",
      {
        status: 400,
        text: '{"success":false,"errors":[{"code":1,"message":"m","error_chain":[{"code":2,"message":"n"}]}]}',
      },
      /1: m; 2: n/,
    ],
  ])("understands %s", async (_, reply, message) => {
    answer = () => reply;
    await expect(get()).rejects.toThrow(message);
  });

  it("takes an empty answer for a success without a result", async () => {
    answer = () => ({ status: 204, text: "" });
    expect((await client.call({ method: "DELETE", path: "/x" })).result).toBeUndefined();
  });

  it("collects a list page by page, up to what was asked for", async () => {
    answer = ({ path }) => {
      const page = Number(new URL(path, "http://x").searchParams.get("page") ?? "1");
      return { result: [page * 10, page * 10 + 1], resultInfo: { page, total_pages: 3 } };
    };
    expect(await client.list({ method: "GET", path: "/zones?name=a" })).toEqual([10, 11, 20, 21, 30, 31]);
    expect(server.take()).toEqual([
      "GET /zones?name=a",
      "GET /zones?name=a&page=2",
      "GET /zones?name=a&page=3",
    ]);
    expect(await client.list({ method: "GET", path: "/zones" }, 3)).toEqual([10, 11, 20]);
  });

  describe("its configuration", () => {
    const token = someToken();

    it("takes settings before the environment, one by one, and Cloudflare itself where none is given", () => {
      const environment = {
        CLOUDFLARE_API_TOKEN: "from-the-environment",
        CLOUDFLARE_BASE_URL: "http://127.0.0.1:1/client/v4",
        CLOUDFLARE_CUSTOM_HEADERS: "X-One: 1\nX-Two: a: b",
      };
      expect(clientOptions({}, {})).toMatchObject({ baseUrl: "https://api.cloudflare.com/client/v4/" });
      expect(clientOptions({}, environment)).toMatchObject({
        baseUrl: "http://127.0.0.1:1/client/v4",
        apiToken: "from-the-environment",
        headers: { "x-one": "1", "x-two": "a: b" },
      });
      expect(clientOptions({ apiToken: token, baseUrl: "http://127.0.0.1:2" }, environment)).toMatchObject({
        baseUrl: "http://127.0.0.1:2",
        apiToken: token,
      });
      expect(clientOptions({}, { CLOUDFLARE_API_TOKEN: "" }).apiToken).toBeUndefined();
    });

    it.each<[string, Values, RegExp]>([
      [
        "a short token",
        { apiToken: "short" },
        /cloudflare:apiToken has to be 40 to 80 letters.*the one configured has 5 characters/,
      ],
      ["a token with other characters", { apiToken: `${token}!` }, /cloudflare:apiToken has to be/],
      ["a short key", { apiKey: "short", email: "a@example.com" }, /cloudflare:apiKey has to be 37 to 60/],
      ["a key without an address", { apiKey: token }, /needs cloudflare:email/],
      [
        "a base URL that is none",
        { apiToken: token, baseUrl: "localhost:80" },
        /cloudflare:baseUrl has to be an http\(s\) address/,
      ],
    ])("refuses %s without showing it", (_, settings, message) => {
      expect(() => clientOptions(settings, {})).toThrow(message);
      const shown = (() => {
        try {
          return clientOptions(settings, {});
        } catch (error) {
          return String(error);
        }
      })();
      const value = settings["apiToken"] ?? settings["apiKey"];
      expect(shown).not.toContain(`"${value as string}"`);
      expect(shown).not.toContain(token);
    });
  });
});

describe("proxies", () => {
  it.each<[string, Record<string, string>, string | undefined]>([
    ["https://api.example.com/", {}, undefined],
    ["https://api.example.com/", { HTTPS_PROXY: "http://proxy:3128" }, "http://proxy:3128/"],
    ["https://api.example.com/", { https_proxy: "proxy:3128" }, "http://proxy:3128/"],
    ["https://api.example.com/", { HTTP_PROXY: "http://proxy:3128" }, undefined],
    ["http://api.example.com/", { HTTP_PROXY: "http://proxy:3128" }, "http://proxy:3128/"],
    ["http://127.0.0.1:8080/", { HTTP_PROXY: "http://proxy:3128" }, undefined],
    ["http://localhost:8080/", { HTTP_PROXY: "http://proxy:3128" }, undefined],
    [
      "https://api.example.com/",
      { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "other.com, example.com" },
      undefined,
    ],
    ["https://api.example.com/", { HTTPS_PROXY: "http://proxy:3128", no_proxy: ".example.com" }, undefined],
    [
      "https://api.example.com/",
      { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "example.com:444" },
      "http://proxy:3128/",
    ],
    ["https://api.example.com/", { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "*" }, undefined],
  ])("%s with %j goes through %s", (address, environment, expected) => {
    expect(proxyFor(new URL(address), environment)?.href).toBe(expected);
  });

  it("are told the whole address, or asked for a tunnel where it is encrypted", async () => {
    const seen: string[] = [];
    const proxy = createServer((request, response) => {
      seen.push([request.method, request.url, request.headers["proxy-authorization"]].join(" "));
      response.end('{"success":true,"result":1}');
    });
    proxy.on("connect", (request, socket) => {
      seen.push(["CONNECT", request.url].join(" "));
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const before = { ...process.env };
    Object.assign(process.env, {
      HTTP_PROXY: `http://user:pass@${address}`,
      HTTPS_PROXY: address,
      NO_PROXY: "",
    });
    for (const name of ["http_proxy", "https_proxy", "no_proxy"]) delete process.env[name];
    try {
      const call = { method: "GET", path: "/zones" };
      const sleep = () => Promise.resolve();
      const open = new Client({ baseUrl: "http://api.invalid/v4", apiToken: someToken(), sleep });
      expect((await open.call(call)).result).toBe(1);
      const sealed = new Client({ baseUrl: "https://api.invalid/v4", apiToken: someToken(), sleep });
      await expect(sealed.call(call)).rejects.toThrow(`the proxy ${address} refused with status 403`);
      const basic = Buffer.from("user:pass").toString("base64");
      const connect = "CONNECT api.invalid:443";
      expect(seen).toEqual([`GET http://api.invalid/v4/zones Basic ${basic}`, connect, connect, connect]);
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    }
  });
});

describe("what the Cloudflare provider refuses", () => {
  let server: Recorder;
  let engine: TinyEngine;
  let reply: Reply;

  beforeEach(async () => {
    server = await startRecorder(() => reply);
    engine = await TinyEngine.at(server.url);
  });
  afterEach(() => server.close());

  const account = { accountId: "account" };
  const zone = { zoneId: "zone" };
  const record = { ...zone, name: "a.example.com", type: "A", content: "203.0.113.1" };
  const application = { ...account, name: "a" };

  const wrong: readonly [string, ClassName, Values, string][] = [
    [
      "a proxied record with a time to live",
      "DnsRecord",
      { ...record, proxied: true, ttl: 300 },
      '"ttl" has to be 1 (automatic) where "proxied" is true',
    ],
    ["a record without a time to live", "DnsRecord", record, 'needs the input "ttl"'],
    ["text for a number", "DnsRecord", { ...record, ttl: "300" }, '"ttl" has to be a number'],
    ["an input that does not exist", "DnsRecord", { ...record, ttl: 1, value: "x" }, 'has no input "value"'],
    [
      "a nested one",
      "DnsRecord",
      { ...record, ttl: 1, settings: { flatten: true } },
      '"settings" has no "flatten"; it has flattenCname, ipv4Only, ipv6Only',
    ],
    [
      "a missing nested one",
      "R2BucketCors",
      { ...account, bucketName: "b", rules: [{ allowed: { methods: [] } }] },
      '"rules[0].allowed.origins" is missing',
    ],
    [
      "an object for a list",
      "R2BucketCors",
      { ...account, bucketName: "b", rules: {} },
      '"rules" has to be a list',
    ],
    [
      "a one-time PIN with SCIM",
      "ZeroTrustAccessIdentityProvider",
      { ...account, name: "otp", type: "onetimepin", config: {}, scimConfig: { enabled: true } },
      'of type "onetimepin" has no "scimConfig"',
    ],
    [
      "neither account nor zone",
      "ZeroTrustAccessApplication",
      { name: "a" },
      'exactly one of "accountId" and "zoneId"',
    ],
    [
      "both account and zone",
      "ZeroTrustAccessServiceToken",
      { ...account, ...zone, name: "a" },
      'exactly one of "accountId" and "zoneId"',
    ],
    [
      "both kinds of destinations",
      "ZeroTrustAccessApplication",
      { ...application, destinations: [], selfHostedDomains: [] },
      "exclude each other",
    ],
    [
      "preflight bypass with CORS",
      "ZeroTrustAccessApplication",
      { ...application, corsHeaders: {}, optionsPreflightBypass: true },
      "cannot be combined",
    ],
    [
      "two selectors in one rule",
      "ZeroTrustAccessPolicy",
      { ...account, name: "p", decision: "allow", includes: [{ everyone: {}, email: { email: "a@b.c" } }] },
      '"includes[0]" has 2 selectors',
    ],
    [
      "resources that are no JSON",
      "AccountToken",
      { ...account, name: "t", policies: [{ effect: "allow", permissionGroups: [], resources: "x" }] },
      '"policies[0].resources" has to be the JSON text of an object',
    ],
    [
      "a tunnel without a catch-all",
      "ZeroTrustTunnelCloudflaredConfig",
      {
        ...account,
        tunnelId: "t",
        config: { ingresses: [{ hostname: "a.example.com", service: "http://a" }] },
      },
      "has to catch all",
    ],
    ["two hosts in one", "AuthenticatedOriginPulls", { ...zone, configs: [{}, {}] }, "exactly one entry"],
    [
      "items of a list",
      "List",
      { ...account, kind: "ip", name: "l", items: [{ ip: "203.0.113.1" }] },
      "without items",
    ],
  ];

  it.each(wrong)("%s, before any call", (_, type, inputs, message) => {
    const { failures } = engine.check({ type, name: "it", inputs });
    expect(failures.map(({ reason }) => reason).join("\n")).toContain(message);
    expect(server.requests).toEqual([]);
  });

  const existing: readonly [string, ClassName, Values, Reply, string][] = [
    [
      "a record",
      "DnsRecord",
      { ...record, ttl: 1 },
      { status: 400, errors: [{ code: 81058, message: "An identical record already exists." }] },
      "pulumi import cloudflare:index/dnsRecord:DnsRecord it 'zone/<id>'",
    ],
    [
      "a project",
      "PagesProject",
      { ...account, name: "web", productionBranch: "main" },
      {
        status: 409,
        headers: { "x-should-retry": "false" },
        errors: [{ code: 8000002, message: "A project with this name already exists." }],
      },
      "pulumi import cloudflare:index/pagesProject:PagesProject it 'account/web'",
    ],
    [
      "a bucket",
      "R2Bucket",
      { ...account, name: "media" },
      {
        status: 409,
        headers: { "x-should-retry": "false" },
        errors: [{ code: 10004, message: "The bucket you tried to create already exists, and you own it." }],
      },
      "pulumi import cloudflare:index/r2Bucket:R2Bucket it 'account/media/default'",
    ],
    [
      "an application",
      "ZeroTrustAccessApplication",
      { ...account, name: "staging", domain: "staging.example.com" },
      {
        status: 409,
        headers: { "x-should-retry": "false" },
        errors: [{ code: 11010, message: "access.api.error.application_already_exists" }],
      },
      "pulumi import cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication it 'accounts/account/<id>'",
    ],
    [
      "a phase's ruleset",
      "Ruleset",
      { ...zone, kind: "zone", name: "n", phase: "p" },
      {
        status: 400,
        errors: [{ code: 20217, message: "exceeded maximum number of zone rulesets for phase p" }],
      },
      "pulumi import cloudflare:index/ruleset:Ruleset it 'zones/zone/<id>'",
    ],
  ];

  it.each(existing)(
    "%s that exists already, and says how to take it over",
    async (_, type, inputs, refusal, command) => {
      reply = refusal;
      const { code } = refusal.errors![0]!;
      const failure = await engine
        .up([{ type, name: "it", inputs }])
        .catch((error: unknown) => String(error));
      expect(failure).toContain(`${code}: `);
      expect(failure).toContain(
        `${command}; what a run of this stack has made without an answer, npx groundwork up`,
      );
      expect(engine.state.size).toBe(0);
    },
  );

  it("an answer to a create that names no id", async () => {
    reply = { result: {} };
    await expect(
      engine.up([{ type: "DnsRecord", name: "it", inputs: { ...record, ttl: 1 } }]),
    ).rejects.toThrow("has no id");
  });
});

describe("the functions of the Cloudflare provider", () => {
  let server: Recorder;
  let engine: TinyEngine;
  let result: Value;

  beforeEach(async () => {
    server = await startRecorder(() => ({ result }));
    engine = await TinyEngine.at(server.url);
  });
  afterEach(() => server.close());

  it("finds a zone by id and by name, which has to be there once", async () => {
    const found = {
      id: "abc",
      name: "example.com",
      account: { id: "account", name: "A" },
      name_servers: ["a"],
      plan: { legacy_id: "free" },
    };
    result = found;
    const expected = {
      id: "abc",
      zoneId: "abc",
      name: "example.com",
      nameServers: ["a"],
      plan: { legacyId: "free" },
    };
    expect(await engine.invoke("getZone", { zoneId: "abc" })).toMatchObject(expected);
    result = [found];
    expect(
      await engine.invoke("getZone", { filter: { name: "example.com", account: { id: "account" } } }),
    ).toMatchObject(expected);
    expect(server.take()).toEqual(["GET /zones/abc", "GET /zones?name=example.com&account.id=account"]);
    result = [];
    await expect(engine.invoke("getZone", { filter: { name: "x.com" } })).rejects.toThrow(
      'found 0 instead of exactly one for the filter {"name":"x.com"}',
    );
    await expect(engine.invoke("getZone", {})).rejects.toThrow('needs "zoneId" or "filter"');
  });

  it.each<[Parameters<TinyEngine["invoke"]>[0], Values, Value, string, Values]>([
    [
      "getZones",
      { name: "example.com", maxItems: 1 },
      [{ id: "1" }, { id: "2" }],
      "/zones?name=example.com",
      { results: [{ id: "1" }] },
    ],
    [
      "getIpRanges",
      {},
      { ipv4_cidrs: ["a"], ipv6_cidrs: ["b"], etag: "e" },
      "/ips",
      { ipv4Cidrs: ["a"], ipv6Cidrs: ["b"], etag: "e" },
    ],
    [
      "getZeroTrustTunnelCloudflaredToken",
      { accountId: "a", tunnelId: "t" },
      "text",
      "/accounts/a/cfd_tunnel/t/token",
      { token: "text", tunnelId: "t" },
    ],
    [
      "getZeroTrustAccessIdentityProviders",
      { accountId: "a" },
      [{ id: "1", type: "onetimepin" }],
      "/accounts/a/access/identity_providers",
      { results: [{ id: "1", type: "onetimepin" }] },
    ],
    [
      "getAccountApiTokenPermissionGroupsList",
      { accountId: "a", name: "DNS Write" },
      [{ id: "1", name: "DNS Write", scopes: ["s"] }],
      "/accounts/a/tokens/permission_groups?name=DNS Write",
      { results: [{ id: "1", name: "DNS Write", scopes: ["s"] }] },
    ],
    [
      "getAccountApiTokenPermissionGroupsList",
      { accountId: "a", name: "DNS%20Write" },
      [],
      "/accounts/a/tokens/permission_groups?name=DNS Write",
      { results: [] },
    ],
    ["getAccount", { accountId: "a" }, { id: "a", name: "A" }, "/accounts/a", { id: "a", name: "A" }],
    ["getAccounts", {}, [{ id: "a" }], "/accounts", { results: [{ id: "a" }] }],
    [
      "getPagesProject",
      { accountId: "a", projectName: "web" },
      { id: "1", subdomain: "web.pages.dev" },
      "/accounts/a/pages/projects/web",
      { subdomain: "web.pages.dev" },
    ],
    [
      "getR2Bucket",
      { accountId: "a", bucketName: "b" },
      { name: "b", creation_date: "c" },
      "/accounts/a/r2/buckets/b",
      { creationDate: "c", name: "b" },
    ],
    [
      "getDnsRecord",
      { zoneId: "z", dnsRecordId: "r" },
      { id: "r", content: "c" },
      "/zones/z/dns_records/r",
      { content: "c", id: "r" },
    ],
    [
      "getDnsRecord",
      { zoneId: "z", filter: { name: { exact: "a.example.com" }, type: "A" } },
      [{ id: "r", content: "c" }],
      "/zones/z/dns_records?type=A&name.exact=a.example.com",
      { content: "c", id: "r", dnsRecordId: "r" },
    ],
  ])("%s %j", async (name, args, answered, path, expected) => {
    result = answered;
    expect(await engine.invoke(name, args)).toMatchObject(expected);
    expect(server.take()).toEqual([`GET ${path}`]);
  });
});
