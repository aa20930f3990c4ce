import { type Step, changeOf, planned } from "./events";

const a = { name: "api.example.com", type: "A", content: "203.0.113.1", proxied: true };
const record = (before: object | undefined, after: object | undefined, diffs: string[] = []): Step => ({
  op: before === undefined ? "create" : after === undefined ? "delete" : "update",
  name: "dns",
  ...(before === undefined ? {} : { before: { ...before } }),
  ...(after === undefined ? {} : { after: { ...after } }),
  diffs,
});
const of = (kind: string, step: Partial<Step>): Step => ({
  op: "update",
  name: "thing",
  type: kind.includes(":") ? kind : `cloudflare:index/x:${kind}`,
  ...step,
});
const setting = (settingId: string, before: string, after: string): Step =>
  of("ZoneSetting", {
    before: { settingId, value: before },
    after: { settingId, value: after },
    diffs: ["value"],
  });
const command = (name: string, op = "update"): Step =>
  of("command:remote:Command", {
    name,
    op,
    before: {},
    ...(op === "delete" ? {} : { after: {} }),
    diffs: ["stdin"],
  });
const places = (...uris: string[]) => ({ destinations: uris.map((uri) => ({ uri })) });
const access = ["AccessProtectedEnv", "access"] as const;

test.each<[string, Step, string[]]>([
  [
    "a deleted bucket",
    of("R2Bucket", { op: "delete", before: { name: "media" } }),
    ["danger data loss: everything in the bucket media is lost"],
  ],
  [
    "a bucket that is kept when it is forgotten",
    of("R2Bucket", { op: "delete", before: { name: "media" }, old: { retainOnDelete: true } }),
    [],
  ],
  [
    "a deleted database of any provider",
    of("aws:rds/instance:DbInstance", { op: "delete", before: {} }),
    ["danger data loss: what thing keeps is lost"],
  ],
  [
    "a deleted volume",
    of("docker:index/volume:Volume", { op: "delete", before: {} }),
    ["danger data loss: what thing keeps is lost"],
  ],
  ["a deleted policy of a bucket", of("aws:s3/bucketPolicy:BucketPolicy", { op: "delete", before: {} }), []],
  [
    "a key of a program's own made anew",
    of("random:index/randomPassword:RandomPassword", {
      op: "replace",
      before: {},
      after: {},
      keys: ["length"],
    }),
    ["danger data loss: what was encrypted or signed with the old value cannot be read any more"],
  ],
  [
    "a database's password made anew",
    of("random:index/randomPassword:RandomPassword", {
      op: "replace",
      before: {},
      after: {},
      component: ["PostgresWithAppUser", "main"],
    }),
    ["warning downtime: the database gets a new password; connections with the old one are refused"],
  ],
  [
    "objects that expire",
    of("R2BucketLifecycle", { op: "create", after: { bucketName: "media" } }),
    ["warning data loss: objects of media are deleted when they reach the age in its rules"],
  ],
  ["migrations", command("api-migrations"), ["notice data loss: migrations may change or remove data"]],
  [
    "a release",
    command("api-rollout"),
    [
      "notice downtime: the release is replaced: services that are not start-first stop for the time of their start",
    ],
  ],
  ["a step that is not done any more", command("api-rollout", "delete"), []],
  [
    "a deleted address record",
    record(a, undefined),
    [
      "danger downtime: api.example.com is not found any more",
      "warning DNS: resolvers may remember the old A record of api.example.com for its time to live",
    ],
  ],
  [
    "a deleted mail record",
    record({ name: "example.com", type: "MX" }, undefined),
    ["danger DNS: mail for example.com may not arrive any more"],
  ],
  [
    "a record that leads elsewhere",
    record(a, { ...a, content: "198.51.100.1" }, ["content"]),
    ["warning DNS: api.example.com leads elsewhere"],
  ],
  ["a new record", record(undefined, a), ["notice DNS: api.example.com becomes known"]],
  [
    "a record that leaves the proxy",
    record(a, { ...a, proxied: false }, ["proxied"]),
    [
      "danger access opened: api.example.com shows the address behind it, and traffic does not pass Cloudflare's login and firewall any more",
    ],
  ],
  [
    "other authorities",
    record(
      { name: "example.com", type: "CAA", data: { value: "a" } },
      { name: "example.com", type: "CAA", data: { value: "b" } },
      ["data"],
    ),
    [
      "warning certificate: other authorities may issue certificates for the name",
      "warning DNS: example.com leads elsewhere",
    ],
  ],
  [
    "DNSSEC switched",
    of("ZoneDnssec", { before: { status: "active" }, after: { status: "disabled" }, diffs: ["status"] }),
    ["danger DNS: a DS record at the registrar that does not match makes the whole domain unreachable"],
  ],
  [
    "a deleted tunnel",
    of("ZeroTrustTunnelCloudflared", { op: "delete", before: { name: "t" } }),
    ["danger downtime: nothing behind the tunnel answers any more"],
  ],
  [
    "a host that a tunnel newly serves",
    of("ZeroTrustTunnelCloudflaredConfig", {
      before: { config: { ingresses: [{ hostname: "a" }] } },
      after: { config: { ingresses: [{ hostname: "a" }, { hostname: "b" }] } },
      diffs: ["config"],
    }),
    ["warning access opened: reachable from the internet: b"],
  ],
  [
    "a login that goes",
    of("ZeroTrustAccessApplication", { op: "delete", before: places("a.example.com"), component: access }),
    ["danger access opened: nobody has to log in any more at a.example.com"],
  ],
  [
    "a host taken from behind the login",
    of("ZeroTrustAccessApplication", {
      before: places("a", "b"),
      after: places("a"),
      diffs: ["destinations"],
    }),
    ["danger access opened: nobody has to log in any more at b"],
  ],
  [
    "a new public path",
    of("ZeroTrustAccessApplication", {
      name: "access-public-paths",
      component: access,
      before: places("a/x"),
      after: places("a/x", "a/y"),
      diffs: ["destinations"],
    }),
    ["danger access opened: without a login: a/y"],
  ],
  [
    "a public path that is closed",
    of("ZeroTrustAccessApplication", {
      name: "access-public-paths",
      component: access,
      op: "delete",
      before: places("a/x"),
    }),
    [],
  ],
  [
    "a policy that lets everybody past",
    of("ZeroTrustAccessPolicy", {
      before: { decision: "allow" },
      after: { decision: "bypass" },
      diffs: ["decision"],
    }),
    ["danger access opened: what it is attached to needs no login any more"],
  ],
  [
    "a policy for everyone",
    of("ZeroTrustAccessPolicy", {
      before: { decision: "allow", includes: [{ email: { email: "a@b.c" } }] },
      after: { decision: "allow", includes: [{ everyone: {} }] },
      diffs: ["includes"],
    }),
    ["danger access opened: everyone comes in"],
  ],
  [
    "a bucket at r2.dev",
    of("R2ManagedDomain", {
      before: { enabled: false, bucketName: "m" },
      after: { enabled: true, bucketName: "m" },
      diffs: ["enabled"],
    }),
    ["danger access opened: everybody can read m at its r2.dev address"],
  ],
  [
    "CORS for any origin",
    of("R2BucketCors", { op: "create", after: { rules: [{ allowed: { origins: ["*"] } }] } }),
    ["warning access opened: pages of any origin may use the bucket"],
  ],
  [
    "a firewall that goes",
    of("Ruleset", { op: "delete", before: { phase: "http_request_firewall_custom" } }),
    ["danger access opened: the firewall rules are gone"],
  ],
  [
    "weaker TLS to the origin",
    setting("ssl", "strict", "flexible"),
    ["danger certificate: ssl becomes weaker: strict → flexible"],
  ],
  [
    "stricter TLS",
    setting("min_tls_version", "1.2", "1.3"),
    ["warning certificate: min_tls_version becomes stricter: what does not meet 1.3 is refused"],
  ],
  [
    "HTTP without a redirect",
    setting("always_use_https", "on", "off"),
    ["danger access opened: always_use_https does not protect any more"],
  ],
  [
    "a certificate that goes",
    of("OriginCaCertificate", { op: "delete", before: { hostnames: ["a", "b"] } }),
    ["danger certificate: Cloudflare refuses the host's certificate for a, b once it is revoked"],
  ],
  ["a harmless change", record(a, { ...a, ttl: 60 }, ["ttl"]), []],
])("%s: its risks", (_what, step, expected) => {
  expect(changeOf(step).risks.map(({ level, kind, text }) => `${level} ${kind}: ${text}`)).toEqual(expected);
});

test("a component itself risks nothing: its resources tell", () => {
  expect(
    changeOf({ op: "delete", name: "api", type: "groundwork:index:Cluster", custom: false, before: {} })
      .risks,
  ).toEqual([]);
});

test.each<[string, Step, string]>([
  [
    "a protected resource",
    of("R2Bucket", { op: "delete", before: {}, old: { protect: true } }),
    "it is protected: the run is refused until the protection is taken off",
  ],
  [
    "a step on a host",
    command("api-files", "delete"),
    "what it did on the host stays there; it only is not done again",
  ],
  [
    "a zone's setting",
    of("ZoneSetting", { op: "delete", before: { settingId: "ssl" } }),
    "the zone keeps its present value: Cloudflare has no delete for settings",
  ],
  [
    "a bucket's lifecycle",
    of("R2BucketLifecycle", { op: "delete", before: { bucketName: "media" } }),
    "the rules stay at Cloudflare, which has no delete for them, and go on deleting objects: lifecycle: [] ends them",
  ],
])("the deletion of %s says what stays", (_what, step, note) => {
  expect(changeOf(step).note).toBe(note);
});

test("a lifecycle that goes with its bucket leaves nothing", () => {
  const { changes } = planned(
    of("R2BucketLifecycle", { name: "a", op: "delete", before: { bucketName: "media" } }),
    of("R2Bucket", { name: "b", op: "delete", before: { name: "media" } }),
    of("R2BucketLifecycle", { name: "c", op: "delete", before: { bucketName: "other" } }),
  );
  const notes = Object.fromEntries(changes.map(({ name, note }) => [name, note]));
  expect(notes["a"]).toBeUndefined();
  expect(notes["c"]).toMatch(/the rules stay/);
});
