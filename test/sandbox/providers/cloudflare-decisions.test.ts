import type { Value, Values } from "../../../sandbox/providers/values";
import { type ClassName, type Recorder, startRecorder, TinyEngine } from "./cloudflare-bench";

const zone = { zoneId: "zone" };
const account = { accountId: "account" };
const record = { ...zone, name: "api.example.com", type: "A", content: "203.0.113.10", ttl: 300 };
const bucket = { ...account, name: "media" };
const ofBucket = { ...account, bucketName: "media" };
const project = { ...account, name: "web", productionBranch: "main" };
const application = {
  ...account,
  name: "app",
  destinations: [{ uri: "a.example.com" }],
  policies: [{ id: "p1" }],
};
const policy = {
  ...account,
  name: "team",
  decision: "allow",
  includes: [{ email: { email: "a@example.com" } }, { email: { email: "b@example.com" } }],
};
const tunnel = { ...account, name: "host", configSrc: "cloudflare" };
const grant = (resources: string) => ({ effect: "allow", permissionGroups: [{ id: "g1" }], resources });
const token = { ...account, name: "token", policies: [grant('{"a":"*","b":"*"}')] };
const rule = { action: "block", expression: "true", ref: "one" };
const ruleset = { ...zone, kind: "zone", name: "waf", phase: "http_request_firewall_custom", rules: [rule] };
const certificate = { csr: "csr", hostnames: ["a.example.com", "b.example.com"], requestType: "origin-rsa" };
const notification = {
  ...account,
  name: "tell",
  alertType: "pages_event_alert",
  mechanisms: { emails: [{ id: "a@example.com" }, { id: "b@example.com" }] },
  filters: { projectIds: ["1", "2"] },
};
const variables = (value: string, others: Values = {}): Values => ({
  deploymentConfigs: { production: { envVars: { A: { type: "plain_text", value }, ...others } } },
});

type Row = readonly [
  type: ClassName,
  before: Values,
  change: Values,
  decision: "same" | "update" | "replace",
  paths: string[],
];

/** What the program says afterwards is what it said before with the change; undefined takes away. */
const rows: Row[] = [
  ["DnsRecord", record, {}, "same", []],
  ["DnsRecord", record, { content: "203.0.113.11" }, "update", ["content"]],
  ["DnsRecord", record, { name: "www.example.com" }, "update", ["name"]],
  ["DnsRecord", record, { name: "API.example.com" }, "same", []],
  ["DnsRecord", record, { name: "@" }, "update", ["name"]],
  ["DnsRecord", { ...record, name: "@" }, {}, "same", []],
  [
    "DnsRecord",
    { ...record, type: "TXT", content: "Host.example" },
    { content: "host.example" },
    "update",
    ["content"],
  ],
  ["DnsRecord", record, { name: "api" }, "same", []],
  ["DnsRecord", record, { type: "AAAA", content: "100::" }, "replace", ["content", "type"]],
  ["DnsRecord", record, { zoneId: "other" }, "replace", ["zoneId"]],
  ["DnsRecord", record, { proxied: false }, "same", []],
  ["DnsRecord", record, { proxied: true, ttl: 1 }, "update", ["proxied", "ttl"]],
  ["DnsRecord", { ...record, comment: "x" }, { comment: undefined }, "update", ["comment"]],
  ["DnsRecord", { ...record, tags: ["a:1", "b:2"] }, { tags: ["b:2", "a:1"] }, "same", []],
  [
    "DnsRecord",
    { ...record, type: "CNAME", content: "Web.Pages.dev" },
    { content: "web.pages.dev" },
    "same",
    [],
  ],
  [
    "DnsRecord",
    { ...record, type: "TXT", content: "Some Text" },
    { content: "some text" },
    "update",
    ["content"],
  ],
  ["Zone", { account: { id: "account" }, name: "example.com" }, { name: "example.org" }, "replace", ["name"]],
  [
    "Zone",
    { account: { id: "account" }, name: "example.com" },
    { account: { id: "other" } },
    "replace",
    ["account.id"],
  ],
  ["Zone", { account: { id: "account" }, name: "example.com" }, { paused: true }, "update", ["paused"]],
  ["ZoneSetting", { ...zone, settingId: "ssl", value: "full" }, { value: "strict" }, "update", ["value"]],
  [
    "ZoneSetting",
    { ...zone, settingId: "ssl", value: "full" },
    { settingId: "brotli" },
    "replace",
    ["settingId"],
  ],
  [
    "HostnameTlsSetting",
    { ...zone, settingId: "http2", hostname: "a.example.com", value: "on" },
    { hostname: "b.example.com" },
    "replace",
    ["hostname"],
  ],
  ["TieredCache", { ...zone, value: "on" }, { value: "off" }, "update", ["value"]],
  ["UniversalSslSetting", { ...zone, enabled: true }, { enabled: false }, "update", ["enabled"]],
  ["PagesProject", project, { productionBranch: "prod" }, "update", ["productionBranch"]],
  ["PagesProject", project, { name: "other" }, "replace", ["name"]],
  [
    "PagesProject",
    { ...project, ...variables("1") },
    variables("2"),
    "update",
    ["deploymentConfigs.production.envVars.A.value"],
  ],
  [
    "PagesProject",
    { ...project, ...variables("1", { B: { type: "plain_text", value: "b" } }) },
    variables("1"),
    "update",
    ["deploymentConfigs.production.envVars.B"],
  ],
  [
    "PagesProject",
    { ...project, ...variables("1") },
    { deploymentConfigs: { production: {} } },
    "update",
    ["deploymentConfigs.production.envVars"],
  ],
  [
    "PagesDomain",
    { ...account, projectName: "web", name: "a.example.com" },
    { name: "b.example.com" },
    "replace",
    ["name"],
  ],
  ["ZeroTrustAccessApplication", application, { policies: [{ id: "p1", precedence: 1 }] }, "same", []],
  ["ZeroTrustAccessApplication", application, { sessionDuration: "24h" }, "same", []],
  ["ZeroTrustAccessApplication", application, { sessionDuration: "12h" }, "update", ["sessionDuration"]],
  ["ZeroTrustAccessApplication", application, { policies: [{ id: "p2" }] }, "update", ["policies[0].id"]],
  ["ZeroTrustAccessApplication", application, { policies: undefined }, "update", ["policies[0]"]],
  ["ZeroTrustAccessApplication", application, { type: "ssh" }, "update", ["type"]],
  [
    "ZeroTrustAccessApplication",
    application,
    { accountId: undefined, zoneId: "zone" },
    "replace",
    ["accountId", "zoneId"],
  ],
  ["ZeroTrustAccessApplication", { ...application, tags: ["a", "b"] }, { tags: ["b", "a"] }, "same", []],
  ["ZeroTrustAccessPolicy", policy, { includes: [...policy.includes].reverse() }, "same", []],
  ["ZeroTrustAccessPolicy", policy, { includes: [policy.includes[0]!] }, "update", ["includes[1]"]],
  ["ZeroTrustAccessPolicy", policy, { decision: "deny" }, "update", ["decision"]],
  ["ZeroTrustAccessPolicy", policy, { accountId: "other" }, "replace", ["accountId"]],
  [
    "ZeroTrustAccessIdentityProvider",
    { ...account, name: "n", type: "github", config: { clientId: "a", clientSecret: "s" } },
    { type: "google" },
    "replace",
    ["type"],
  ],
  [
    "ZeroTrustAccessIdentityProvider",
    { ...account, name: "n", type: "github", config: { clientId: "a", clientSecret: "s" } },
    { config: { clientId: "a", clientSecret: "t" } },
    "update",
    ["config.clientSecret"],
  ],
  [
    "ZeroTrustAccessServiceToken",
    { ...account, name: "ci" },
    { clientSecretVersion: 2 },
    "update",
    ["clientSecretVersion"],
  ],
  ["ZeroTrustAccessServiceToken", { ...account, name: "ci" }, { duration: "8760h" }, "same", []],
  ["ZeroTrustAccessTag", { ...account, name: "a" }, { name: "b" }, "replace", ["name"]],
  ["R2Bucket", bucket, { name: "other" }, "replace", ["name"]],
  ["R2Bucket", { ...bucket, location: "weur" }, { location: "enam" }, "same", []],
  ["R2Bucket", bucket, { storageClass: "InfrequentAccess" }, "update", ["storageClass"]],
  ["R2Bucket", bucket, { jurisdiction: "eu" }, "update", ["jurisdiction"]],
  ["R2BucketCors", { ...ofBucket, rules: [] }, { bucketName: "other" }, "replace", ["bucketName"]],
  [
    "R2CustomDomain",
    { ...ofBucket, ...zone, domain: "m.example.com", enabled: true },
    { domain: "n.example.com" },
    "replace",
    ["domain"],
  ],
  [
    "R2CustomDomain",
    { ...ofBucket, ...zone, domain: "m.example.com", enabled: true },
    { enabled: false },
    "update",
    ["enabled"],
  ],
  ["R2ManagedDomain", { ...ofBucket, enabled: true }, { enabled: false }, "update", ["enabled"]],
  [
    "R2BucketEventNotification",
    { ...ofBucket, queueId: "q", rules: [{ actions: ["PutObject"] }] },
    { queueId: "r" },
    "replace",
    ["queueId"],
  ],
  [
    "R2BucketEventNotification",
    { ...ofBucket, queueId: "q", rules: [{ actions: ["PutObject", "CopyObject"] }] },
    { rules: [{ actions: ["CopyObject", "PutObject"] }] },
    "same",
    [],
  ],
  ["ZeroTrustTunnelCloudflared", tunnel, { name: "other" }, "update", ["name"]],
  ["ZeroTrustTunnelCloudflared", tunnel, { configSrc: "local" }, "replace", ["configSrc"]],
  ["ZeroTrustTunnelCloudflared", { ...account, name: "host" }, { configSrc: "local" }, "same", []],
  [
    "ZeroTrustTunnelCloudflaredConfig",
    { ...account, tunnelId: "t", config: { ingresses: [{ service: "http_status:404" }] } },
    { tunnelId: "u" },
    "replace",
    ["tunnelId"],
  ],
  ["AccountToken", token, { policies: [grant('{ "b": "*", "a": "*" }')] }, "same", []],
  ["AccountToken", token, { policies: [grant('{"a":"*"}')] }, "update", ["policies[0].resources"]],
  ["AccountToken", token, { accountId: "other" }, "replace", ["accountId"]],
  [
    "AccountToken",
    { ...token, expiresOn: "2030-01-01T00:00:00Z" },
    { expiresOn: "2030-01-01T00:00:00.000Z" },
    "same",
    [],
  ],
  ["ApiToken", { name: "token", policies: token.policies }, { name: "other" }, "update", ["name"]],
  ["Ruleset", ruleset, { name: "other" }, "replace", ["name"]],
  ["Ruleset", ruleset, { rules: [{ ...rule, enabled: false }] }, "update", ["rules[0].enabled"]],
  ["Ruleset", ruleset, { rules: [rule, { ...rule, ref: "two" }] }, "update", ["rules[1]"]],
  ["Ruleset", ruleset, { description: "" }, "same", []],
  [
    "ManagedTransforms",
    { ...zone, managedResponseHeaders: [{ id: "add_security_headers", enabled: true }] },
    { zoneId: "other" },
    "replace",
    ["zoneId"],
  ],
  ["OriginCaCertificate", certificate, { hostnames: ["a.example.com"] }, "replace", ["hostnames[1]"]],
  ["OriginCaCertificate", certificate, { requestedValidity: 5475 }, "same", []],
  ["OriginCaCertificate", certificate, { requestedValidity: 90 }, "replace", ["requestedValidity"]],
  [
    "AuthenticatedOriginPullsCertificate",
    { ...zone, certificate: "c", privateKey: "k" },
    { privateKey: "other" },
    "same",
    [],
  ],
  ["Healthcheck", { ...zone, name: "h", address: "a.example.com" }, { interval: 60 }, "same", []],
  [
    "NotificationPolicy",
    notification,
    {
      mechanisms: { emails: [{ id: "b@example.com" }, { id: "a@example.com" }] },
      filters: { projectIds: ["2", "1"] },
    },
    "same",
    [],
  ],
  [
    "NotificationPolicy",
    notification,
    { filters: { projectIds: ["1"] } },
    "update",
    ["filters.projectIds[1]"],
  ],
  [
    "NotificationPolicyWebhooks",
    { ...account, name: "n", url: "https://example.com/hook", secret: "s" },
    { secret: "t" },
    "update",
    ["secret"],
  ],
];

describe("replace, update or nothing", () => {
  let server: Recorder;

  beforeAll(async () => {
    server = await startRecorder(({ body, path }) => ({
      result: {
        ...(body as Values),
        id: "made",
        zoneName: "example.com",
        ...(path.endsWith("/queues") ? { queue_id: "q" } : {}),
      },
    }));
  });
  afterAll(() => server.close());

  it.each(rows)("%s %j with %j: %s %j", async (type, before, change, decision, paths) => {
    const engine = await TinyEngine.at(server.url);
    await engine.up([{ type, name: "it", inputs: before }]);
    const { differences } = engine.diff({ type, name: "it", inputs: without({ ...before, ...change }) });
    const isReplaced = differences.some(({ replace }) => replace);
    expect(differences.map(({ path }) => path).sort()).toEqual(paths);
    expect(differences.length === 0 ? "same" : isReplaced ? "replace" : "update").toBe(decision);
  });

  it("names as replacing exactly the properties that cannot be changed in place", async () => {
    const engine = await TinyEngine.at(server.url);
    await engine.up([{ type: "DnsRecord", name: "it", inputs: record }]);
    const inputs = { ...record, type: "AAAA", content: "100::" };
    const { differences } = engine.diff({ type: "DnsRecord", name: "it", inputs });
    expect(differences).toEqual(
      expect.arrayContaining([
        { path: "content", kind: "update", replace: false },
        { path: "type", kind: "update", replace: true },
      ]),
    );
  });
});

function without(values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]: [string, Value]) => value !== undefined),
  );
}
