import { randomUUID } from "node:crypto";
import { type Bench, accountId, startBench, zoneId } from "./support";

const zone = `/zones/${zoneId}`;
const records = `${zone}/dns_records`;
const account = `/accounts/${accountId}`;
const apps = `${account}/access/apps`;
const policies = `${account}/access/policies`;
const buckets = `${account}/r2/buckets`;
const rulesets = `${zone}/rulesets`;
const everyone = [{ everyone: {} }];

let bench: Bench;
/** Ids of what is there before each table is tried. */
const ids: Record<string, string> = {};

beforeAll(async () => {
  bench = await startBench({ objects: { count: ({ name }) => (name === "full" ? 3 : 0) } });
  const make = async (name: string, path: string, body: unknown): Promise<void> => {
    const { body: answer, text } = await bench.send("POST", path, body);
    if (!answer.success) throw new Error(`${path}: ${text}`);
    const { id, queue_id: queueId } = answer.result as { id?: string; queue_id?: string };
    ids[name] = String(id ?? queueId);
  };
  await make("a", records, { type: "A", name: "a", content: "203.0.113.1", ttl: 300 });
  await make("b", records, { type: "A", name: "b", content: "203.0.113.2", ttl: 300 });
  await make("cname", records, { type: "CNAME", name: "c", content: "a.example.com", ttl: 1 });
  await make("tunnel", `${account}/cfd_tunnel`, { name: "taken", config_src: "cloudflare" });
  await make("policy", policies, { name: "used", decision: "allow", include: everyone });
  await make("app", apps, { name: "app", domain: "app.example.com", policies: [{ id: ids["policy"] }] });
  await make("otp", `${account}/access/identity_providers`, { name: "otp", type: "onetimepin", config: {} });
  await make("project", `${account}/pages/projects`, { name: "web", production_branch: "main" });
  await make("domain", `${account}/pages/projects/web/domains`, { name: "www.example.com" });
  await make("other", `${account}/pages/projects`, { name: "other", production_branch: "main" });
  await make("bucket", buckets, { name: "media" });
  await make("full", buckets, { name: "full" });
  await make("ruleset", rulesets, {
    name: "waf",
    kind: "zone",
    phase: "http_request_firewall_custom",
    rules: [],
  });
  await make("queue", `${account}/queues`, { queue_name: "taken" });
  await make("webhook", `${account}/alerting/v3/destinations/webhooks`, {
    name: "w",
    url: "http://127.0.0.1:9/",
  });
  await make("alert", `${account}/alerting/v3/policies`, {
    name: "p",
    alert_type: "incident_alert",
    mechanisms: { webhooks: [{ id: ids["webhook"] }] },
  });
});
afterAll(() => bench.close());

const longName = `${"a".repeat(64)}.example.com`;
const unknownHex = "f".repeat(32);
const rule = { action: "block", expression: '(http.request.uri.path eq "/x")' };
const limit = {
  characteristics: ["cf.colo.id", "ip.src"],
  period: 10,
  requests_per_period: 20,
  mitigation_timeout: 10,
};
const phase = (name: string, ...rules: object[]): object => ({ name: "r", kind: "zone", phase: name, rules });
const token = (resources: object, ...groups: string[]): object => ({
  name: "t",
  policies: [{ effect: "allow", permission_groups: groups.map((id) => ({ id })), resources }],
});
const streamWrite = "714f9c13a5684c2885a793f5edb36f59";
const zoneRead = "c8fed203ed3043cba015a93ad1616f1f";
const policy = (decision: string, rules: unknown): object => ({ name: "p", decision, include: rules });
const ingress = (...rules: object[]): object => ({ config: { ingress: rules } });

/** What is wrong, the request, the status and the first error code of the refusal. `{x}` is the id of {@link ids}. */
const table: readonly (readonly [string, string, string, unknown, number, number])[] = [
  // Paths and bodies
  ["no such route", "GET", "/nothing", undefined, 404, 7003],
  ["malformed zone id", "GET", "/zones/example.com/dns_records", undefined, 404, 7003],
  ["unknown zone", "GET", `/zones/${unknownHex}/dns_records`, undefined, 404, 7003],
  ["malformed account id", "GET", "/accounts/me/pages/projects", undefined, 404, 7003],
  ["another account", "GET", `/accounts/${unknownHex}/pages/projects`, undefined, 403, 10000],
  ["method that the path lacks", "PUT", `${zone}/settings/ssl`, { value: "full" }, 404, 7003],
  ["body that is no JSON", "POST", records, '{"type": "A",', 400, 6007],
  ["page 0", "GET", `${records}?page=0`, undefined, 400, 1004],
  ["page that is no number", "GET", `${records}?page=two`, undefined, 400, 1004],
  ["per_page too large", "GET", "/zones?per_page=500", undefined, 400, 1005],
  // Zones
  ["zone that exists", "POST", "/zones", { name: "example.com", account: { id: accountId } }, 400, 1061],
  ["zone of a subdomain", "POST", "/zones", { name: "www.example.net" }, 400, 1099],
  ["zone without a name", "POST", "/zones", {}, 400, 1001],
  [
    "zone for another account",
    "POST",
    "/zones",
    { name: "example.net", account: { id: unknownHex } },
    403,
    10000,
  ],
  ["two changes of a zone at once", "PATCH", zone, { paused: true, type: "full" }, 400, 1002],
  // DNS
  [
    "identical record",
    "POST",
    records,
    { type: "A", name: "a.example.com", content: "203.0.113.1", ttl: 300 },
    400,
    81058,
  ],
  [
    "same record, other TTL",
    "POST",
    records,
    { type: "A", name: "a.example.com", content: "203.0.113.1", ttl: 600 },
    400,
    81057,
  ],
  [
    "CNAME beside A",
    "POST",
    records,
    { type: "CNAME", name: "a", content: "x.example.net", ttl: 1 },
    400,
    81053,
  ],
  [
    "second CNAME",
    "POST",
    records,
    { type: "CNAME", name: "c", content: "x.example.net", ttl: 1 },
    400,
    81053,
  ],
  ["A beside CNAME", "POST", records, { type: "A", name: "c", content: "203.0.113.9", ttl: 1 }, 400, 81054],
  [
    "update into an identical one",
    "PUT",
    `${records}/{b}`,
    { type: "A", name: "a", content: "203.0.113.1", ttl: 300 },
    400,
    81058,
  ],
  ["patch into a conflict", "PATCH", `${records}/{b}`, { name: "c" }, 400, 81054],
  ["unknown record", "GET", `${records}/${unknownHex}`, undefined, 404, 81044],
  ["deletion of an unknown record", "DELETE", `${records}/${unknownHex}`, undefined, 404, 81044],
  ["A without an address", "POST", records, { type: "A", name: "d", content: "host", ttl: 1 }, 400, 9005],
  [
    "A with an IPv6 address",
    "POST",
    records,
    { type: "A", name: "d", content: "2001:db8::1", ttl: 1 },
    400,
    9005,
  ],
  [
    "AAAA with an IPv4 address",
    "POST",
    records,
    { type: "AAAA", name: "d", content: "203.0.113.1", ttl: 1 },
    400,
    9006,
  ],
  [
    "CNAME with a URL",
    "POST",
    records,
    { type: "CNAME", name: "d", content: "https://example.net", ttl: 1 },
    400,
    9007,
  ],
  [
    "MX without priority",
    "POST",
    records,
    { type: "MX", name: "d", content: "mx.example.net", ttl: 1 },
    400,
    9101,
  ],
  [
    "SRV without a port",
    "POST",
    records,
    { type: "SRV", name: "_a._tcp", data: { priority: 1, weight: 1, target: "a.example.com" }, ttl: 1 },
    400,
    9101,
  ],
  ["record without content", "POST", records, { type: "A", name: "d", ttl: 1 }, 400, 9005],
  ["record without a name", "POST", records, { type: "A", content: "203.0.113.1", ttl: 1 }, 400, 9000],
  ["record without a type", "POST", records, { name: "d", content: "203.0.113.1", ttl: 1 }, 400, 9001],
  ["unknown type", "POST", records, { type: "SPF2", name: "d", content: "x", ttl: 1 }, 400, 9001],
  [
    "label too long",
    "POST",
    records,
    { type: "A", name: longName, content: "203.0.113.1", ttl: 1 },
    400,
    9000,
  ],
  [
    "proxied TXT",
    "POST",
    records,
    { type: "TXT", name: "d", content: "x", ttl: 1, proxied: true },
    400,
    9004,
  ],
  [
    "TTL beside proxied",
    "POST",
    records,
    { type: "A", name: "d", content: "203.0.113.1", ttl: 300, proxied: true },
    400,
    9021,
  ],
  ["TTL too short", "POST", records, { type: "A", name: "d", content: "203.0.113.1", ttl: 30 }, 400, 9021],
  [
    "TTL too long",
    "POST",
    records,
    { type: "A", name: "d", content: "203.0.113.1", ttl: 100_000 },
    400,
    9021,
  ],
  [
    "proxied loopback",
    "POST",
    records,
    { type: "A", name: "d", content: "127.0.0.1", ttl: 1, proxied: true },
    400,
    9003,
  ],
  [
    "tags on a free zone",
    "POST",
    records,
    { type: "A", name: "d", content: "203.0.113.1", ttl: 1, tags: ["a:b"] },
    400,
    9300,
  ],
  [
    "comment too long",
    "POST",
    records,
    { type: "A", name: "d", content: "203.0.113.1", ttl: 1, comment: "x".repeat(101) },
    400,
    9301,
  ],
  [
    "member of the wrong type",
    "POST",
    records,
    { type: "A", name: "d", content: "203.0.113.1", ttl: "300" },
    400,
    9207,
  ],
  // Settings
  ["unknown setting", "GET", `${zone}/settings/minTlsVersion`, undefined, 400, 1006],
  ["value that a setting does not have", "PATCH", `${zone}/settings/ssl`, { value: "always" }, 400, 1007],
  ["number for a version", "PATCH", `${zone}/settings/min_tls_version`, { value: 1.2 }, 400, 1007],
  [
    "camelCase in HSTS",
    "PATCH",
    `${zone}/settings/security_header`,
    { value: { strictTransportSecurity: { enabled: true } } },
    400,
    1007,
  ],
  ["setting without a value", "PATCH", `${zone}/settings/brotli`, {}, 400, 1007],
  ["setting of a paid plan", "PATCH", `${zone}/settings/polish`, { value: "lossy" }, 400, 1015],
  ["HTTP/2 off on a free plan", "PATCH", `${zone}/settings/http2`, { value: "off" }, 400, 1015],
  // Rulesets
  ["second entry point of a phase", "POST", rulesets, phase("http_request_firewall_custom"), 400, 20217],
  ["unknown phase", "POST", rulesets, phase("http_requests"), 400, 20119],
  [
    "entry point that is not there",
    "GET",
    `${rulesets}/phases/http_ratelimit/entrypoint`,
    undefined,
    404,
    10003,
  ],
  ["unknown ruleset", "GET", `${rulesets}/${unknownHex}`, undefined, 404, 10001],
  ["unknown rule", "DELETE", `${rulesets}/{ruleset}/rules/${unknownHex}`, undefined, 404, 10002],
  [
    "root ruleset on a zone",
    "POST",
    rulesets,
    { ...phase("http_request_redirect"), kind: "root" },
    400,
    20008,
  ],
  ["action of another phase", "POST", rulesets, phase("http_request_cache_settings", rule), 400, 20016],
  ["changed phase", "PUT", `${rulesets}/{ruleset}`, { ...phase("http_ratelimit"), rules: [] }, 400, 20009],
  [
    "expression that does not close",
    "PUT",
    `${rulesets}/{ruleset}`,
    { rules: [{ ...rule, expression: '(http.host eq "a"' }] },
    400,
    20127,
  ],
  ["empty expression", "PUT", `${rulesets}/{ruleset}`, { rules: [{ ...rule, expression: "" }] }, 400, 20127],
  [
    "unknown field",
    "PUT",
    `${rulesets}/{ruleset}`,
    { rules: [{ ...rule, expression: 'request.host eq "a"' }] },
    400,
    20127,
  ],
  [
    "regular expression on a free plan",
    "PUT",
    `${rulesets}/{ruleset}`,
    { rules: [{ ...rule, expression: 'http.host matches "a.*"' }] },
    403,
    20123,
  ],
  [
    "log action on a free plan",
    "PUT",
    `${rulesets}/{ruleset}`,
    { rules: [{ ...rule, action: "log" }] },
    403,
    20123,
  ],
  [
    "six custom rules on a free plan",
    "PUT",
    `${rulesets}/{ruleset}`,
    { rules: Array.from({ length: 6 }, () => rule) },
    403,
    20024,
  ],
  [
    "repeated ref",
    "PUT",
    `${rulesets}/{ruleset}`,
    {
      rules: [
        { ...rule, ref: "a" },
        { ...rule, ref: "a" },
      ],
    },
    400,
    20130,
  ],
  ["skip of nothing", "PUT", `${rulesets}/{ruleset}`, { rules: [{ ...rule, action: "skip" }] }, 400, 20119],
  ["rate limit without ratelimit", "POST", rulesets, phase("http_ratelimit", rule), 400, 20121],
  [
    "rate limit without cf.colo.id",
    "POST",
    rulesets,
    phase("http_ratelimit", { ...rule, ratelimit: { ...limit, characteristics: ["ip.src"] } }),
    400,
    20122,
  ],
  [
    "rate limit by the minute on a free plan",
    "POST",
    rulesets,
    phase("http_ratelimit", { ...rule, ratelimit: { ...limit, period: 60 } }),
    403,
    20123,
  ],
  [
    "rate limit by host on a free plan",
    "POST",
    rulesets,
    phase("http_ratelimit", { ...rule, expression: 'http.host eq "a"', ratelimit: limit }),
    403,
    20123,
  ],
  [
    "long mitigation on a free plan",
    "POST",
    rulesets,
    phase("http_ratelimit", { ...rule, ratelimit: { ...limit, mitigation_timeout: 600 } }),
    403,
    20123,
  ],
  [
    "two rate limits on a free plan",
    "POST",
    rulesets,
    phase("http_ratelimit", { ...rule, ratelimit: limit }, { ...rule, ratelimit: limit }),
    403,
    20024,
  ],
  [
    "redirect without a target",
    "POST",
    rulesets,
    phase("http_request_dynamic_redirect", { action: "redirect", expression: "true", action_parameters: {} }),
    400,
    20119,
  ],
  [
    "header without a value",
    "POST",
    rulesets,
    phase("http_response_headers_transform", {
      action: "rewrite",
      expression: "true",
      action_parameters: { headers: { "X-A": { operation: "set" } } },
    }),
    400,
    20119,
  ],
  [
    "origin by host header on a free plan",
    "POST",
    rulesets,
    phase("http_request_origin", {
      action: "route",
      expression: "true",
      action_parameters: { host_header: "a.example.net" },
    }),
    403,
    20123,
  ],
  // Access
  ["policy without include", "POST", policies, policy("allow", []), 400, 12130],
  ["unknown decision", "POST", policies, policy("nonIdentity", everyone), 400, 12130],
  ["unknown selector", "POST", policies, policy("allow", [{ identity_provider: { id: "x" } }]), 400, 12130],
  [
    "two selectors in one rule",
    "POST",
    policies,
    policy("allow", [{ everyone: {}, email: { email: "a@b.c" } }]),
    400,
    12130,
  ],
  [
    "bypass by e-mail",
    "POST",
    policies,
    policy("bypass", [{ email: { email: "a@example.com" } }]),
    400,
    12130,
  ],
  [
    "Service Auth by e-mail domain",
    "POST",
    policies,
    policy("non_identity", [{ email_domain: { domain: "example.com" } }]),
    400,
    12130,
  ],
  [
    "unknown service token",
    "POST",
    policies,
    policy("non_identity", [{ service_token: { token_id: randomUUID() } }]),
    400,
    12130,
  ],
  ["unknown group", "POST", policies, policy("allow", [{ group: { id: randomUUID() } }]), 400, 11020],
  [
    "session that is no duration",
    "POST",
    policies,
    { ...policy("allow", everyone), session_duration: "1 day" },
    400,
    12130,
  ],
  ["deletion of a policy in use", "DELETE", `${policies}/{policy}`, undefined, 400, 12132],
  ["application without a domain", "POST", apps, { name: "x", type: "self_hosted" }, 400, 12130],
  ["application outside the zones", "POST", apps, { name: "x", domain: "x.example.net" }, 400, 12130],
  ["application that exists", "POST", apps, { name: "x", domain: "app.example.com" }, 409, 11010],
  [
    "six destinations",
    "POST",
    apps,
    {
      name: "x",
      destinations: [1, 2, 3, 4, 5, 6].map((n) => ({ type: "public", uri: `s${n}.example.com` })),
    },
    400,
    12130,
  ],
  [
    "destination with a port",
    "POST",
    apps,
    { name: "x", destinations: [{ type: "public", uri: "x.example.com:8080" }] },
    400,
    12130,
  ],
  [
    "destinations and self_hosted_domains",
    "POST",
    apps,
    { name: "x", destinations: [{ uri: "x.example.com" }], self_hosted_domains: ["x.example.com"] },
    400,
    12130,
  ],
  [
    "repeated precedence",
    "POST",
    apps,
    {
      name: "x",
      domain: "x.example.com",
      policies: [
        { ...policy("allow", everyone), precedence: 1 },
        { ...policy("deny", everyone), precedence: 1 },
      ],
    },
    400,
    12130,
  ],
  [
    "unknown policy",
    "POST",
    apps,
    { name: "x", domain: "x.example.com", policies: [{ id: randomUUID() }] },
    400,
    12130,
  ],
  [
    "unknown identity provider",
    "POST",
    apps,
    { name: "x", domain: "x.example.com", allowed_idps: [randomUUID()] },
    400,
    12130,
  ],
  [
    "automatic redirect without an identity provider",
    "POST",
    apps,
    { name: "x", domain: "x.example.com", auto_redirect_to_identity: true },
    400,
    12130,
  ],
  ["unknown tag", "POST", apps, { name: "x", domain: "x.example.com", tags: ["none"] }, 400, 12130],
  ["unknown application", "GET", `${apps}/${randomUUID()}`, undefined, 404, 11012],
  [
    "second one-time PIN",
    "POST",
    `${account}/access/identity_providers`,
    { name: "otp 2", type: "onetimepin", config: {} },
    409,
    11019,
  ],
  [
    "GitHub without a secret",
    "POST",
    `${account}/access/identity_providers`,
    { name: "g", type: "github", config: { client_id: "x" } },
    400,
    12130,
  ],
  ["service token without a name", "POST", `${account}/access/service_tokens`, {}, 400, 12130],
  // Pages
  [
    "project that exists",
    "POST",
    `${account}/pages/projects`,
    { name: "web", production_branch: "main" },
    409,
    8000002,
  ],
  [
    "project name in upper case",
    "POST",
    `${account}/pages/projects`,
    { name: "Web", production_branch: "main" },
    400,
    8000003,
  ],
  ["project without a branch", "POST", `${account}/pages/projects`, { name: "web2" }, 400, 8000005],
  [
    "variable of an unknown type",
    "POST",
    `${account}/pages/projects`,
    {
      name: "web2",
      production_branch: "main",
      deployment_configs: { production: { env_vars: { A: { type: "plainText", value: "1" } } } },
    },
    400,
    8000005,
  ],
  ["unknown project", "GET", `${account}/pages/projects/none`, undefined, 404, 8000007],
  ["deletion of a project with domains", "DELETE", `${account}/pages/projects/web`, undefined, 409, 8000028],
  [
    "domain that the project has",
    "POST",
    `${account}/pages/projects/web/domains`,
    { name: "www.example.com" },
    409,
    8000018,
  ],
  [
    "domain of another project",
    "POST",
    `${account}/pages/projects/other/domains`,
    { name: "www.example.com" },
    409,
    8000019,
  ],
  [
    "domain that is none",
    "POST",
    `${account}/pages/projects/web/domains`,
    { name: "no domain" },
    400,
    8000017,
  ],
  [
    "unknown domain",
    "GET",
    `${account}/pages/projects/web/domains/none.example.com`,
    undefined,
    404,
    8000021,
  ],
  [
    "deployment without a manifest",
    "POST",
    `${account}/pages/projects/web/deployments`,
    undefined,
    400,
    8000096,
  ],
  [
    "unknown deployment",
    "GET",
    `${account}/pages/projects/web/deployments/${randomUUID()}`,
    undefined,
    404,
    8000009,
  ],
  ["upload without an upload token", "POST", "/pages/assets/check-missing", { hashes: [] }, 401, 8000014],
  // R2
  ["bucket that exists", "POST", buckets, { name: "media" }, 409, 10004],
  ["bucket name in upper case", "POST", buckets, { name: "Media" }, 400, 10005],
  ["bucket name too short", "POST", buckets, { name: "ab" }, 400, 10005],
  ["unknown location", "POST", buckets, { name: "media2", locationHint: "moon" }, 400, 10053],
  ["unknown storage class", "POST", buckets, { name: "media2", storageClass: "Glacier" }, 400, 10061],
  ["unknown bucket", "GET", `${buckets}/none`, undefined, 404, 10006],
  ["deletion of a bucket with objects", "DELETE", `${buckets}/full`, undefined, 409, 10008],
  ["CORS that is not there", "GET", `${buckets}/media/cors`, undefined, 404, 10059],
  [
    "CORS in the form of AWS",
    "PUT",
    `${buckets}/media/cors`,
    { rules: [{ AllowedOrigins: ["*"], AllowedMethods: ["GET"] }] },
    400,
    10040,
  ],
  [
    "origin with a path",
    "PUT",
    `${buckets}/media/cors`,
    { rules: [{ allowed: { origins: ["https://a.example.com/"], methods: ["GET"] } }] },
    400,
    10040,
  ],
  [
    "lifecycle without conditions",
    "PUT",
    `${buckets}/media/lifecycle`,
    { rules: [{ id: "a", enabled: true }] },
    400,
    10040,
  ],
  [
    "lock without a condition",
    "PUT",
    `${buckets}/media/lock`,
    { rules: [{ id: "a", enabled: true }] },
    400,
    10040,
  ],
  [
    "custom domain outside its zone",
    "POST",
    `${buckets}/media/domains/custom`,
    { domain: "media.example.net", zoneId, enabled: true },
    400,
    10064,
  ],
  [
    "custom domain over a record",
    "POST",
    `${buckets}/media/domains/custom`,
    { domain: "a.example.com", zoneId, enabled: true },
    409,
    10066,
  ],
  [
    "custom domain of an unknown zone",
    "POST",
    `${buckets}/media/domains/custom`,
    { domain: "a.example.com", zoneId: unknownHex, enabled: true },
    404,
    10063,
  ],
  [
    "events to an unknown queue",
    "PUT",
    `${account}/event_notifications/r2/media/configuration/queues/${unknownHex}`,
    { rules: [{ actions: ["PutObject"] }] },
    404,
    11000,
  ],
  [
    "unknown event",
    "PUT",
    `${account}/event_notifications/r2/media/configuration/queues/{queue}`,
    { rules: [{ actions: ["Put"] }] },
    400,
    10040,
  ],
  ["queue that exists", "POST", `${account}/queues`, { queue_name: "taken" }, 409, 11009],
  // Tunnels
  ["tunnel name that is taken", "POST", `${account}/cfd_tunnel`, { name: "taken" }, 409, 1013],
  ["tunnel without a name", "POST", `${account}/cfd_tunnel`, {}, 400, 1001],
  [
    "short tunnel secret",
    "POST",
    `${account}/cfd_tunnel`,
    { name: "x", tunnel_secret: "c2hvcnQ=" },
    400,
    1001,
  ],
  ["unknown tunnel", "GET", `${account}/cfd_tunnel/${randomUUID()}`, undefined, 404, 1003],
  [
    "no catch-all at the end",
    "PUT",
    `${account}/cfd_tunnel/{tunnel}/configurations`,
    ingress({ hostname: "a.example.com", service: "http://a:1" }),
    400,
    1056,
  ],
  [
    "catch-all before the end",
    "PUT",
    `${account}/cfd_tunnel/{tunnel}/configurations`,
    ingress({ service: "http://a:1" }, { service: "http_status:404" }),
    400,
    1056,
  ],
  [
    "service without a scheme",
    "PUT",
    `${account}/cfd_tunnel/{tunnel}/configurations`,
    ingress({ hostname: "a.example.com", service: "app:80" }, { service: "http_status:404" }),
    400,
    1056,
  ],
  ["no ingress rule", "PUT", `${account}/cfd_tunnel/{tunnel}/configurations`, ingress(), 400, 1056],
  // Tokens
  ["token without policies", "POST", `${account}/tokens`, { name: "t", policies: [] }, 400, 1001],
  [
    "unknown permission group",
    "POST",
    `${account}/tokens`,
    token({ [`com.cloudflare.api.account.${accountId}`]: "*" }, unknownHex),
    400,
    1001,
  ],
  [
    "zone group on an account",
    "POST",
    `${account}/tokens`,
    token({ [`com.cloudflare.api.account.${accountId}`]: "*" }, zoneRead),
    400,
    1001,
  ],
  [
    "account group on a zone",
    "POST",
    `${account}/tokens`,
    token({ [`com.cloudflare.api.account.zone.${zoneId}`]: "*" }, streamWrite),
    400,
    1001,
  ],
  [
    "token for an unknown zone",
    "POST",
    `${account}/tokens`,
    token({ [`com.cloudflare.api.account.zone.${unknownHex}`]: "*" }, zoneRead),
    400,
    1001,
  ],
  ["resources as a JSON string", "POST", `${account}/tokens`, token("{}" as never, streamWrite), 400, 1001],
  [
    "expiry that is no time",
    "POST",
    `${account}/tokens`,
    { ...token({ [`com.cloudflare.api.account.${accountId}`]: "*" }, streamWrite), expires_on: "soon" },
    400,
    1001,
  ],
  ["unknown token", "GET", `${account}/tokens/${unknownHex}`, undefined, 404, 1003],
  // The rest
  ["purge of nothing", "POST", `${zone}/purge_cache`, {}, 400, 1012],
  [
    "purge of everything and more",
    "POST",
    `${zone}/purge_cache`,
    { purge_everything: true, files: ["https://example.com/a"] },
    400,
    1012,
  ],
  ["purge of another site", "POST", `${zone}/purge_cache`, { files: ["https://example.net/a"] }, 400, 1016],
  [
    "unknown managed transform",
    "PATCH",
    `${zone}/managed_headers`,
    { managed_response_headers: [{ id: "add_magic", enabled: true }] },
    400,
    20101,
  ],
  [
    "notification without a mechanism",
    "POST",
    `${account}/alerting/v3/policies`,
    { name: "n", alert_type: "incident_alert", mechanisms: {} },
    400,
    17101,
  ],
  [
    "notification of an unknown type",
    "POST",
    `${account}/alerting/v3/policies`,
    { name: "n", alert_type: "incidentAlert", mechanisms: { email: [{ id: "a@b.c" }] } },
    400,
    17000,
  ],
  [
    "deletion of a webhook in use",
    "DELETE",
    `${account}/alerting/v3/destinations/webhooks/{webhook}`,
    undefined,
    400,
    17012,
  ],
  ["unknown live input", "GET", `${account}/stream/live_inputs/${unknownHex}`, undefined, 404, 10003],
  ["certificates without a zone", "GET", "/certificates", undefined, 400, 1012],
];

describe("a wrong request is refused", () => {
  it.each(table)("%s: %s %s", async (_what, method, path, body, status, code) => {
    const reply = await bench.send(
      method,
      path.replace(/\{(\w+)\}/g, (_all, name: string) => ids[name]!),
      body,
    );
    expect({
      status: reply.status,
      code: reply.body.errors[0]?.code,
      text: reply.body.errors[0]?.message,
    }).toEqual({
      status,
      code,
      text: expect.stringMatching(/\S/) as string,
    });
    expect(reply.body).toMatchObject({ success: false, result: null, messages: [] });
  });

  it("and leaves nothing behind", async () => {
    const list = async (path: string): Promise<number> =>
      ((await bench.send("GET", path)).body.result as unknown[]).length;
    expect(await list(records)).toBe(3);
    expect(await list(apps)).toBe(1);
    expect(await list(policies)).toBe(1);
    expect(await list(`${account}/pages/projects`)).toBe(2);
    expect(await list(`${account}/tokens`)).toBe(0);
    expect(await list(rulesets)).toBe(1);
  });
});

describe("who asks", () => {
  const bad: readonly (readonly [string, string, Record<string, string | undefined>, number, number])[] = [
    ["no token", "/zones", {}, 400, 9106],
    ["no bearer", "/zones", { authorization: "Basic abc" }, 400, 6003],
    ["unknown token at zones", "/zones", { authorization: `Bearer ${"x".repeat(40)}` }, 403, 9109],
    [
      "unknown token at accounts",
      `${account}/pages/projects`,
      { authorization: `Bearer ${"x".repeat(40)}` },
      401,
      10000,
    ],
    [
      "unknown token at verify",
      "/user/tokens/verify",
      { authorization: `Bearer ${"x".repeat(40)}` },
      401,
      1000,
    ],
    [
      "unknown token at the account's verify",
      `${account}/tokens/verify`,
      { authorization: `Bearer ${"x".repeat(40)}` },
      401,
      1000,
    ],
  ];

  it.each(bad)("%s is refused", async (_what, path, headers, status, code) => {
    const reply = await fetch(bench.server.url + path, { headers: headers as Record<string, string> });
    expect(reply.status).toBe(status);
    expect(await reply.json()).toMatchObject({ success: false, errors: [{ code }] });
  });

  it("the sandbox's own token is active for user and account", async () => {
    for (const path of ["/user/tokens/verify", `${account}/tokens/verify`]) {
      const reply = await bench.send("GET", path);
      expect(reply.body).toMatchObject({
        result: { status: "active" },
        messages: [{ message: "This API Token is valid and active" }],
      });
    }
  });
});

describe("an R2 request with an unknown jurisdiction", () => {
  it("is refused", async () => {
    const reply = await bench.send("GET", `${buckets}/media`, undefined, { "cf-r2-jurisdiction": "moon" });
    expect(reply.status).toBe(400);
    expect(reply.body.errors[0]?.code).toBe(10058);
  });
});
