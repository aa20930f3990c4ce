import { PartialFailure } from "../../../sandbox/providers/definition";
import { isSecret, UNKNOWN, type Value, type Values } from "../../../sandbox/providers/values";
import {
  type ClassName,
  type Declared,
  type Recorded,
  type Recorder,
  type Reply,
  startRecorder,
  TinyEngine,
} from "./cloudflare-bench";

const account = { accountId: "account" };
const zone = { zoneId: "zone" };

/** The paths of everything that is marked as secret. */
function secretPaths(value: Value, path = ""): string[] {
  if (isSecret(value)) return [path];
  if (Array.isArray(value)) return value.flatMap((item, index) => secretPaths(item, `${path}[${index}]`));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) =>
    secretPaths(item, path === "" ? name : `${path}.${name}`),
  );
}

describe("the state of the Cloudflare provider's resources", () => {
  let answer: (request: Recorded) => Reply;
  let server: Recorder;
  let engine: TinyEngine;

  beforeEach(async () => {
    answer = ({ body }) => ({ result: { ...(body as Values), id: "made" } });
    server = await startRecorder((request) => answer(request));
    engine = await TinyEngine.at(server.url);
  });
  afterEach(() => server.close());

  const answers = (result: Value): void => {
    answer = () => ({ result });
  };
  const record: Declared = {
    type: "DnsRecord",
    name: "record",
    inputs: { ...zone, name: "a.example.com", type: "A", content: "203.0.113.1", ttl: 300 },
  };

  const secrets: readonly [ClassName, Values, Values, string[]][] = [
    ["AccountToken", { ...account, name: "t", policies: [] }, { value: "v" }, ["value"]],
    ["ApiToken", { name: "t", policies: [] }, { value: "v" }, ["value"]],
    [
      "ZeroTrustAccessServiceToken",
      { ...account, name: "ci" },
      { client_id: "i", client_secret: "s" },
      ["clientSecret"],
    ],
    ["ZeroTrustTunnelCloudflared", { ...account, name: "t", tunnelSecret: "s" }, {}, ["tunnelSecret"]],
    [
      "NotificationPolicyWebhooks",
      { ...account, name: "n", url: "https://example.com", secret: "s" },
      {},
      ["secret"],
    ],
    [
      "AuthenticatedOriginPullsCertificate",
      { ...zone, certificate: "c", privateKey: "k" },
      { certificate: "c" },
      ["privateKey"],
    ],
    [
      "ZeroTrustAccessIdentityProvider",
      { ...account, name: "g", type: "github", config: { clientId: "i", clientSecret: "s" } },
      { config: { client_id: "i" }, scim_config: { enabled: true, secret: "x" } },
      ["config.clientSecret", "scimConfig.secret"],
    ],
    [
      "PagesProject",
      {
        ...account,
        name: "web",
        productionBranch: "main",
        buildConfig: { webAnalyticsToken: "w" },
        deploymentConfigs: {
          preview: { envVars: { P: { type: "plain_text", value: "p" } } },
          production: { envVars: { S: { type: "secret_text", value: "s" } } },
        },
      },
      {
        build_config: { web_analytics_token: "w" },
        deployment_configs: {
          preview: { env_vars: { P: { type: "plain_text", value: "p" } } },
          production: { env_vars: { S: { type: "secret_text", value: "" } } },
        },
        latest_deployment: { id: "d", env_vars: { S: { type: "secret_text", value: "s" } } },
      },
      [
        "buildConfig.webAnalyticsToken",
        "deploymentConfigs.preview.envVars.P.value",
        "deploymentConfigs.production.envVars.S.value",
        "latestDeployment.envVars.S.value",
      ],
    ],
  ];

  it.each(secrets)("%s keeps its secrets secret, nested ones too", async (type, inputs, result, expected) => {
    answers({ id: "made", name: inputs["name"], ...result });
    await engine.up([{ type, name: "it", inputs }]);
    expect(secretPaths(engine.state.get("it")!.outputs).sort()).toEqual(expected);
    const given = expected.filter(
      (path) => !path.startsWith("latest") && inputs[path.split(".")[0]!] !== undefined,
    );
    expect(secretPaths(engine.check({ type, name: "it", inputs }).inputs).sort()).toEqual(given);
    await engine.refresh();
    // What a read does not tell is still there, and still secret.
    const outputs = secretPaths(engine.state.get("it")!.outputs);
    expect(outputs).toEqual(expect.arrayContaining(given));
  });

  it("says nothing about a token's value that a read does not tell, and keeps the one it has", async () => {
    answers({ id: "made", value: "only-once", status: "active" });
    await engine.up([{ type: "AccountToken", name: "it", inputs: { ...account, name: "t", policies: [] } }]);
    answers({ id: "made", name: "t", policies: [], status: "active" });
    await engine.refresh();
    expect(engine.outputs("it")["value"]).toBe("only-once");
  });

  it("takes the program's own values over an answer's after a write, and the answer's after a read", async () => {
    answers({
      id: "made",
      name: "a.example.com",
      content: "203.0.113.99",
      ttl: 1,
      proxied: true,
      proxiable: true,
    });
    await engine.up([record]);
    expect(engine.outputs("record")).toMatchObject({
      content: "203.0.113.1",
      ttl: 300,
      proxied: false,
      proxiable: true,
    });
    answers({
      id: "made",
      name: "a.example.com",
      type: "A",
      content: "203.0.113.99",
      ttl: 300,
      proxied: true,
    });
    await engine.refresh();
    expect(engine.outputs("record")).toMatchObject({ content: "203.0.113.99", proxied: true });
    expect(engine.state.get("record")!.inputs).toMatchObject({ content: "203.0.113.99" });
    expect(
      engine
        .diff(record)
        .differences.map(({ path }) => path)
        .sort(),
    ).toEqual(["content", "proxied"]);
  });

  it.each([
    ["null", null],
    ["an empty list", []],
    ["nothing at all", undefined],
  ])("sees no drift where the API answers %s for something that is empty", async (_, tags) => {
    await engine.up([{ ...record, inputs: { ...record.inputs, tags: [] } }]);
    answers({
      id: "made",
      name: "a.example.com",
      type: "A",
      content: "203.0.113.1",
      ttl: 300,
      proxied: false,
      tags,
    });
    await engine.refresh();
    expect(engine.diff({ ...record, inputs: { ...record.inputs, tags: [] } }).differences).toEqual([]);
  });

  it("reads the zone's own name as the @ that the program gave, and a whole name as the short one", async () => {
    for (const [given, answered] of [
      ["@", "example.com"],
      ["a", "a.example.com"],
    ] as const) {
      const short = { ...record, inputs: { ...record.inputs, name: given } };
      await engine.up([short]);
      answers({ id: "made", name: answered, type: "A", content: "203.0.113.1", ttl: 300, proxied: false });
      await engine.refresh();
      expect(engine.diff(short).differences).toEqual([]);
    }
  });

  it("sees no drift in what the API adds by itself: false, empty, its own defaults, a policy's expansion", async () => {
    const app: Declared = {
      type: "ZeroTrustAccessApplication",
      name: "app",
      inputs: { ...account, name: "app", destinations: [{ uri: "a.example.com" }], policies: [{ id: "p1" }] },
    };
    await engine.up([app]);
    answers({
      id: "made",
      aud: "aud",
      name: "app",
      type: "self_hosted",
      domain: "a.example.com",
      self_hosted_domains: ["a.example.com"],
      destinations: [{ type: "public", uri: "a.example.com" }],
      policies: [{ id: "p1", precedence: 1, decision: "allow", name: "team", include: [{ everyone: {} }] }],
      session_duration: "24h",
      app_launcher_visible: true,
      http_only_cookie_attribute: true,
      enable_binding_cookie: false,
      skip_interstitial: false,
      allowed_idps: [],
      cors_headers: { allow_all_headers: false },
      custom_deny_url: "",
    });
    await engine.refresh();
    expect(engine.diff(app).differences).toEqual([]);
    expect(engine.outputs("app")["policies"]).toEqual([{ id: "p1", precedence: 1 }]);
    expect(engine.outputs("app")["domain"]).toBe("a.example.com");
  });

  it("sees a policy that was attached or detached by hand", async () => {
    const app: Declared = {
      type: "ZeroTrustAccessApplication",
      name: "app",
      inputs: { ...account, name: "app", destinations: [{ uri: "a.example.com" }], policies: [{ id: "p1" }] },
    };
    await engine.up([app]);
    const rest = {
      id: "made",
      name: "app",
      type: "self_hosted",
      destinations: [{ type: "public", uri: "a.example.com" }],
    };
    const common = {
      ...rest,
      session_duration: "24h",
      app_launcher_visible: true,
      http_only_cookie_attribute: true,
    };
    answers({
      ...common,
      policies: [
        { id: "p1", precedence: 1 },
        { id: "p2", precedence: 2, name: "other" },
      ],
    });
    await engine.refresh();
    expect(engine.diff(app).differences.map(({ path }) => path)).toEqual(["policies[1]"]);
    answers({ ...common, policies: [] });
    await engine.refresh();
    expect(engine.diff(app).differences.map(({ path }) => path)).toEqual(["policies[0]"]);
  });

  it("keeps the value of a secret variable, which the API answers as empty, and sees that of a plain one", async () => {
    const web: Declared = {
      type: "PagesProject",
      name: "web",
      inputs: {
        ...account,
        name: "web",
        productionBranch: "main",
        deploymentConfigs: {
          production: {
            envVars: { S: { type: "secret_text", value: "s" }, P: { type: "plain_text", value: "p" } },
          },
        },
      },
    };
    await engine.up([web]);
    const read = (value: string): Value => ({
      name: "web",
      production_branch: "main",
      deployment_configs: {
        preview: {
          fail_open: true,
          build_image_major_version: 3,
          usage_model: "standard",
          always_use_latest_compatibility_date: false,
        },
        production: {
          fail_open: true,
          build_image_major_version: 3,
          usage_model: "standard",
          always_use_latest_compatibility_date: false,
          compatibility_date: "2026-01-01",
          env_vars: { S: { type: "secret_text", value: "" }, P: { type: "plain_text", value } },
        },
      },
    });
    answers(read("p"));
    await engine.refresh();
    expect(engine.diff(web).differences).toEqual([]);
    answers(read("by hand"));
    await engine.refresh();
    const paths = engine.diff(web).differences.map(({ path }) => path);
    expect(paths).toEqual(["deploymentConfigs.production.envVars.P.value"]);
    server.take();
    await engine.up([web]);
    expect(server.requests.map(({ body }) => body)).toEqual([
      { deployment_configs: { production: { env_vars: { P: { value: "p" } } } } },
    ]);
  });

  it("restores the program's order of what has none", async () => {
    const token: Declared = {
      type: "AccountToken",
      name: "t",
      inputs: {
        ...account,
        name: "t",
        policies: [
          { effect: "allow", permissionGroups: [{ id: "1" }, { id: "2" }], resources: '{"a":"*"}' },
          { effect: "allow", permissionGroups: [{ id: "3" }], resources: '{"b":"*"}' },
        ],
      },
    };
    await engine.up([token]);
    answers({
      id: "made",
      name: "t",
      status: "active",
      policies: [
        { id: "x", effect: "allow", permission_groups: [{ id: "3", name: "three" }], resources: { b: "*" } },
        { id: "y", effect: "allow", permission_groups: [{ id: "2" }, { id: "1" }], resources: { a: "*" } },
      ],
    });
    await engine.refresh();
    expect(engine.outputs("t")["policies"]).toEqual(token.inputs["policies"]);
    expect(engine.diff(token).differences).toEqual([]);
  });

  const goneAnswers: readonly [string, ClassName, Values, Reply][] = [
    [
      "a status of 404",
      "DnsRecord",
      record.inputs,
      { status: 404, errors: [{ code: 81044, message: "gone" }] },
    ],
    [
      "a deleted tunnel",
      "ZeroTrustTunnelCloudflared",
      { ...account, name: "t" },
      { result: { id: "made", deleted_at: "2026-01-01T00:00:00Z" } },
    ],
    [
      "an expired token",
      "AccountToken",
      { ...account, name: "t", policies: [] },
      { result: { id: "made", status: "expired" } },
    ],
    [
      "a revoked certificate",
      "OriginCaCertificate",
      { csr: "c", hostnames: ["a"], requestType: "origin-rsa" },
      { result: { id: "made", revoked_at: "2026-01-01T00:00:00Z" } },
    ],
  ];

  it.each(goneAnswers)("takes %s out of the state", async (_, type, inputs, reply) => {
    await engine.up([{ type, name: "it", inputs }]);
    answer = () => reply;
    expect(await engine.refresh()).toEqual(["it"]);
  });

  it("takes it as deleted when it is gone already, and nothing else", async () => {
    await engine.up([record]);
    answer = () => ({ status: 404, errors: [{ code: 81044, message: "gone" }] });
    await engine.destroy();
    expect(engine.state.size).toBe(0);
    answer = ({ body }) => ({ result: { ...(body as Values), id: "made" } });
    await engine.up([record]);
    answer = () => ({ status: 400, errors: [{ code: 1, message: "in use" }] });
    await expect(engine.destroy()).rejects.toThrow(
      "DELETE /zones/zone/dns_records/made was refused with status 400 (1: in use)",
    );
  });

  it("previews what it knows, and everything that only the API knows as unknown", async () => {
    const { outputs } = await engine.preview({
      type: "Ruleset",
      name: "it",
      inputs: {
        ...zone,
        kind: "zone",
        name: "n",
        phase: "p",
        rules: [{ action: "block", expression: UNKNOWN }],
      },
    });
    expect(outputs).toEqual({
      ...zone,
      kind: "zone",
      name: "n",
      phase: "p",
      description: "",
      version: UNKNOWN,
      lastUpdated: UNKNOWN,
      rules: [
        {
          action: "block",
          expression: UNKNOWN,
          description: "",
          enabled: true,
          actionParameters: {},
          id: UNKNOWN,
          ref: UNKNOWN,
          logging: UNKNOWN,
        },
      ],
    });
    expect(server.requests).toEqual([]);
  });

  it("sends what is no longer said as null with PUT, and as nothing with a create", async () => {
    await engine.up([{ ...record, inputs: { ...record.inputs, comment: "x" } }]);
    await engine.up([record]);
    expect(server.requests.map(({ method, body }) => [method, (body as Values)["comment"]])).toEqual([
      ["POST", "x"],
      ["PUT", null],
    ]);
  });

  it("takes away variables and bindings by null, one by one", async () => {
    const web = (production: Values): Declared => ({
      type: "PagesProject",
      name: "web",
      inputs: { ...account, name: "web", productionBranch: "main", deploymentConfigs: { production } },
    });
    const two = { A: { type: "plain_text", value: "1" }, B: { type: "plain_text", value: "2" } };
    await engine.up([web({ envVars: two, r2Buckets: { MEDIA: { name: "media" } } })]);
    await engine.up([web({ envVars: { A: two.A } })]);
    expect(server.requests.at(-1)?.body).toEqual({
      deployment_configs: { production: { env_vars: { B: null }, r2_buckets: { MEDIA: null } } },
    });
  });

  it("writes a bucket's storage class by a header and without a body", async () => {
    const bucket = {
      type: "R2Bucket",
      name: "b",
      inputs: { ...account, name: "media", jurisdiction: "eu" },
    } as const;
    await engine.up([bucket]);
    await engine.up([{ ...bucket, inputs: { ...bucket.inputs, storageClass: "InfrequentAccess" } }]);
    const { method, path, headers, body } = server.requests.at(-1)!;
    expect([method, path, body]).toEqual(["PATCH", "/accounts/account/r2/buckets/media", undefined]);
    expect(headers).toMatchObject({ "cf-r2-jurisdiction": "eu", "cf-r2-storage-class": "InfrequentAccess" });
    expect(headers["content-type"]).toBeUndefined();
  });

  it("asks once more for a custom domain whose answer lacks the zone's name", async () => {
    answer = ({ method }) => ({
      result: method === "GET" ? { domain: "m.example.com", zoneName: "example.com" } : {},
    });
    const inputs = { ...account, ...zone, bucketName: "b", domain: "m.example.com", enabled: true };
    await engine.up([{ type: "R2CustomDomain", name: "d", inputs }]);
    expect(server.take()).toEqual([
      "POST /accounts/account/r2/buckets/b/domains/custom",
      "GET /accounts/account/r2/buckets/b/domains/custom/m.example.com",
    ]);
    expect(engine.outputs("d")["zoneName"]).toBe("example.com");
    expect(engine.state.get("d")!.id).toBe("account");
  });

  it("does not lose a custom domain that was made when that second question fails", async () => {
    answer = ({ method }) =>
      method === "GET" ? { status: 403, errors: [{ code: 1, message: "no" }] } : { result: {} };
    const inputs = { ...account, ...zone, bucketName: "b", domain: "m.example.com", enabled: true };
    const failure = await engine
      .up([{ type: "R2CustomDomain", name: "d", inputs }])
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PartialFailure);
    expect(failure).toMatchObject({
      id: "account",
      outputs: { domain: "m.example.com", jurisdiction: "default" },
    });
  });

  it("changes event notifications by taking the old ones away first", async () => {
    const inputs = (action: string): Values => ({
      ...account,
      bucketName: "b",
      queueId: "q",
      rules: [{ actions: [action] }],
    });
    await engine.up([{ type: "R2BucketEventNotification", name: "e", inputs: inputs("PutObject") }]);
    await engine.up([{ type: "R2BucketEventNotification", name: "e", inputs: inputs("DeleteObject") }]);
    const path = "/accounts/account/event_notifications/r2/b/configuration/queues/q";
    expect(server.take()).toEqual([`PUT ${path}`, `DELETE ${path}`, `PUT ${path}`]);
  });

  it("switches DNSSEC off before it deletes it, and reads a pending status as what was asked for", async () => {
    const dnssec: Declared = { type: "ZoneDnssec", name: "d", inputs: { ...zone, status: "active" } };
    answers({ status: "pending", ds: "ds" });
    await engine.up([dnssec]);
    await engine.refresh();
    expect(engine.diff(dnssec).differences).toEqual([]);
    server.requests.length = 0;
    await engine.destroy();
    expect(server.requests.map(({ method, body }) => [method, body])).toEqual([
      ["PATCH", { status: "disabled" }],
      ["DELETE", undefined],
    ]);
  });

  it("refuses to take over managed transforms that are on, and switches off what is no longer listed", async () => {
    const transforms = (...ids: string[]): Declared => ({
      type: "ManagedTransforms",
      name: "m",
      inputs: { ...zone, managedResponseHeaders: ids.map((id) => ({ id, enabled: true })) },
    });
    answers({ managed_request_headers: [], managed_response_headers: [{ id: "a", enabled: true }] });
    await expect(engine.up([transforms("a")])).rejects.toThrow(
      "managed transforms are enabled already on this zone (a)",
    );
    answers({ managed_request_headers: [], managed_response_headers: [{ id: "a", enabled: false }] });
    await engine.up([transforms("a", "b")]);
    await engine.up([transforms("b")]);
    expect(server.requests.at(-1)?.body).toEqual({
      managed_request_headers: [],
      managed_response_headers: [
        { id: "b", enabled: true },
        { id: "a", enabled: false },
      ],
    });
  });

  it("writes a cache key's query string as a list or a star, and reads it back", async () => {
    const ruleset = (include: Values): Declared => ({
      type: "Ruleset",
      name: "r",
      inputs: {
        ...zone,
        kind: "zone",
        name: "n",
        phase: "http_request_cache_settings",
        rules: [
          {
            action: "set_cache_settings",
            expression: "true",
            actionParameters: { cache: true, cacheKey: { customKey: { queryString: { include } } } },
          },
        ],
      },
    });
    const sent = () =>
      JSON.stringify(server.requests.filter(({ method }) => method !== "GET").at(-1)?.body).match(
        /"query_string":(\{[^}]*\})/,
      )?.[1];
    await engine.up([ruleset({ lists: ["a"] })]);
    expect(sent()).toBe('{"include":["a"]}');
    answer = () => ({ result: server.requests[0]!.body });
    await engine.refresh();
    expect(engine.diff(ruleset({ lists: ["a"] })).differences).toEqual([]);
    answer = ({ body }) => ({ result: { ...(body as Values), id: "made" } });
    await engine.up([ruleset({ all: true })]);
    expect(sent()).toBe('{"include":"*"}');
  });

  const imports: readonly [ClassName, string, string, Values, string][] = [
    ["DnsRecord", "zone/made", "GET /zones/zone/dns_records/made", zone, "made"],
    ["Zone", "made", "GET /zones/made", {}, "made"],
    ["ZoneSetting", "zone/ssl", "GET /zones/zone/settings/ssl", { ...zone, settingId: "ssl" }, "ssl"],
    ["ZoneDnssec", "zone", "GET /zones/zone/dnssec", zone, "zone"],
    [
      "HostnameTlsSetting",
      "zone/http2/a.example.com",
      "GET /zones/zone/hostnames/settings/http2/a.example.com",
      zone,
      "http2",
    ],
    ["PagesProject", "account/web", "GET /accounts/account/pages/projects/web", account, "web"],
    [
      "PagesDomain",
      "account/web/a.example.com",
      "GET /accounts/account/pages/projects/web/domains/a.example.com",
      account,
      "a.example.com",
    ],
    [
      "ZeroTrustAccessApplication",
      "accounts/account/made",
      "GET /accounts/account/access/apps/made",
      account,
      "made",
    ],
    ["ZeroTrustAccessApplication", "zones/zone/made", "GET /zones/zone/access/apps/made", zone, "made"],
    ["ZeroTrustAccessPolicy", "account/made", "GET /accounts/account/access/policies/made", account, "made"],
    [
      "ZeroTrustAccessIdentityProvider",
      "accounts/account/made",
      "GET /accounts/account/access/identity_providers/made",
      account,
      "made",
    ],
    [
      "ZeroTrustAccessServiceToken",
      "zones/zone/made",
      "GET /zones/zone/access/service_tokens/made",
      zone,
      "made",
    ],
    ["ZeroTrustAccessTag", "account/web", "GET /accounts/account/access/tags/web", account, "web"],
    ["ZeroTrustOrganization", "account", "GET /accounts/account/access/organizations", account, "account"],
    [
      "R2Bucket",
      "account/web/eu",
      "GET /accounts/account/r2/buckets/web",
      { ...account, jurisdiction: "eu" },
      "web",
    ],
    ["Queue", "account/queue", "GET /accounts/account/queues/queue", account, "queue"],
    ["ZeroTrustTunnelCloudflared", "account/made", "GET /accounts/account/cfd_tunnel/made", account, "made"],
    [
      "ZeroTrustTunnelCloudflaredConfig",
      "account/made",
      "GET /accounts/account/cfd_tunnel/made/configurations",
      { ...account, tunnelId: "made" },
      "made",
    ],
    ["AccountToken", "account/made", "GET /accounts/account/tokens/made", account, "made"],
    ["ApiToken", "made", "GET /user/tokens/made", {}, "made"],
    ["Ruleset", "zones/zone/made", "GET /zones/zone/rulesets/made", zone, "made"],
    ["List", "account/made", "GET /accounts/account/rules/lists/made", account, "made"],
    ["ManagedTransforms", "zone", "GET /zones/zone/managed_headers", zone, "zone"],
    ["OriginCaCertificate", "made", "GET /certificates/made", {}, "made"],
    [
      "AuthenticatedOriginPullsSettings",
      "zone",
      "GET /zones/zone/origin_tls_client_auth/settings",
      zone,
      "zone",
    ],
    ["Healthcheck", "zone/made", "GET /zones/zone/healthchecks/made", zone, "made"],
    ["LoadBalancerPool", "account/made", "GET /accounts/account/load_balancers/pools/made", account, "made"],
    [
      "NotificationPolicy",
      "account/made",
      "GET /accounts/account/alerting/v3/policies/made",
      account,
      "made",
    ],
  ];

  it.each(imports)("imports a %s by %s", async (type, importId, request, outputs, id) => {
    answers({ id: "made", name: id === "made" ? "web" : id, queue_id: "queue" });
    const found = await engine.import(type, "it", importId);
    expect(server.take()).toEqual([request]);
    expect(found?.id).toBe(id);
    expect(engine.outputs("it")).toMatchObject(outputs);
    expect(found?.inputs).toMatchObject(outputs);
    // A refresh of what was imported asks for the same thing.
    await engine.refresh();
    expect(server.take()).toEqual([request]);
  });

  it.each([
    [
      "DnsRecord",
      "made",
      /"made" is no import id of cloudflare:index\/dnsRecord:DnsRecord: it has to be <zone_id>\/<id>/,
    ],
    ["Ruleset", "zone/abc/made", /it has to be <accounts\|zones>\/<account_id\|zone_id>\/<id>/],
    ["R2BucketCors", "account/media", /cannot be imported/],
    ["R2ManagedDomain", "account/media", /cannot be imported/],
  ] as const)("refuses to import a %s by %s", async (type, id, message) => {
    await expect(engine.import(type, "it", id)).rejects.toThrow(message);
    expect(server.requests).toEqual([]);
  });

  it("imports what a program can then declare without a change", async () => {
    answers({
      id: "made",
      name: "a.example.com",
      type: "A",
      content: "203.0.113.1",
      ttl: 300,
      proxied: false,
      proxiable: true,
      tags: [],
      comment: null,
      meta: {},
      settings: {},
    });
    const found = await engine.import("DnsRecord", "record", "zone/made");
    expect(found?.inputs).toEqual(record.inputs);
    expect(engine.outputs("record")["meta"]).toBe("{}");
    expect(engine.diff(record).differences).toEqual([]);
  });
});
