import * as pulumi from "@pulumi/pulumi";
import {
  ZoneBaseline,
  type ZoneRecord,
  zoneBaselineIssues,
  zoneRulesets,
  type ZoneBaselineArgs,
} from "../../components/zone-baseline";
import { recordNames } from "../../components/zone/record-names";
import { told } from "../support/issues";
import { known, Mocks, runWith } from "../support/mocks";

const answers = {
  "cloudflare:index/zoneSetting:ZoneSetting": () => ({}),
  "cloudflare:index/ruleset:Ruleset": () => ({}),
  "cloudflare:index/dnsRecord:DnsRecord": () => ({}),
  "cloudflare:index/zoneDnssec:ZoneDnssec": () => ({}),
};

const base: ZoneBaselineArgs = { zoneId: "zone", zoneName: "example.com" };

test("the smallest: settings only", async () => {
  const mocks = new Mocks(answers);
  const zone = await runWith(mocks, () => new ZoneBaseline("zone", base));
  const settings: Record<string, unknown> = Object.fromEntries(
    mocks.children().map(({ type, name, inputs }) => {
      expect(type).toBe("cloudflare:index/zoneSetting:ZoneSetting");
      expect(name).toBe(`zone-${String(inputs["settingId"])}`);
      expect(inputs["zoneId"]).toBe("zone");
      return [String(inputs["settingId"]), inputs["value"]];
    }),
  );
  expect(settings).toEqual({
    ssl: "strict",
    min_tls_version: "1.2",
    tls_1_3: "on",
    always_use_https: "on",
    automatic_https_rewrites: "on",
    websockets: "on",
    http3: "on",
    brotli: "on",
  });
  expect((await known(zone.settings)).value).toEqual(settings);
});

test("everything: HSTS in the API's spelling, a ruleset for each phase, records", async () => {
  const mocks = new Mocks(answers);
  await runWith(
    mocks,
    () =>
      new ZoneBaseline("zone", {
        ...base,
        brotli: false,
        websockets: false,
        earlyHints: true,
        browserCacheTtl: 0,
        authenticatedOriginPulls: true,
        hsts: { maxAgeSeconds: 31_536_000, includeSubdomains: true, preload: true },
        redirects: [{ from: "www.example.com", to: "example.com" }],
        securityHeaders: true,
        responseHeaders: { Server: null, "X-Frame-Options": "SAMEORIGIN" },
        rateLimit: { pathPrefix: "/api/auth/", requestsPer10Seconds: 20 },
        firewallRules: [
          { ref: "no-dotfiles", expression: 'http.request.uri.path contains "/."', action: "block" },
        ],
        cacheRules: [{ ref: "api", expression: "true", cache: false, browserTtl: 60 }],
        dnssec: true,
        records: [
          { name: "example.com", type: "CAA", content: "0 issue letsencrypt.org" },
          { name: "example.com", type: "MX", content: "mail.example.net" },
          { name: "example.com", type: "TXT", content: "v=spf1 -all", ttl: 300 },
          { name: "status.example.com", type: "CNAME", content: "status.example.net", proxied: true },
        ],
      }),
  );
  expect(mocks.list()).toEqual(
    [
      ...[
        "ssl",
        "min_tls_version",
        "tls_1_3",
        "always_use_https",
        "automatic_https_rewrites",
        "websockets",
        "http3",
      ],
      ...["early_hints", "browser_cache_ttl", "tls_client_auth", "security_header"],
    ]
      .map((setting) => `ZoneSetting zone-${setting}`)
      .concat(
        ["redirects", "headers", "rate-limit", "firewall", "cache"].map((phase) => `Ruleset zone-${phase}`),
        [
          "DnsRecord zone-redirect-www.example.com",
          "DnsRecord zone-record-caa-example.com-0-issue-letsencrypt-org",
          "DnsRecord zone-record-mx-example.com-mail-example-net",
          "DnsRecord zone-record-txt-example.com-v-spf1-all",
          "DnsRecord zone-record-cname-status.example.com",
          "ZoneDnssec zone-dnssec",
        ],
      )
      .sort(),
  );
  expect(mocks.get("zone-security_header").inputs["value"]).toEqual({
    strict_transport_security: {
      enabled: true,
      max_age: 31_536_000,
      include_subdomains: true,
      preload: true,
      nosniff: true,
    },
  });
  expect(mocks.get("zone-browser_cache_ttl").inputs["value"]).toBe(0);
  expect(mocks.get("zone-websockets").inputs["value"]).toBe("off");
  expect(mocks.get("zone-redirect-www.example.com").inputs).toMatchObject({
    type: "AAAA",
    content: "100::",
    proxied: true,
    ttl: 1,
  });
  expect(mocks.get("zone-record-caa-example.com-0-issue-letsencrypt-org").inputs).toEqual({
    zoneId: "zone",
    name: "example.com",
    type: "CAA",
    ttl: 1,
    data: { flags: 0, tag: "issue", value: "letsencrypt.org" },
  });
  expect(mocks.get("zone-record-mx-example.com-mail-example-net").inputs).toMatchObject({ priority: 10 });
  expect(mocks.get("zone-record-txt-example.com-v-spf1-all").inputs).not.toHaveProperty("proxied");
  expect(mocks.get("zone-redirects").inputs).toMatchObject({
    kind: "zone",
    name: "groundwork redirects",
    phase: "http_request_dynamic_redirect",
    rules: [
      {
        ref: "redirect-www-example-com",
        action: "redirect",
        expression: '(http.host eq "www.example.com")',
        actionParameters: {
          fromValue: {
            statusCode: 301,
            preserveQueryString: true,
            targetUrl: { expression: 'concat("https://example.com", http.request.uri.path)' },
          },
        },
      },
    ],
  });
  expect(mocks.get("zone-rate-limit").inputs["rules"]).toMatchObject([
    {
      ratelimit: {
        characteristics: ["cf.colo.id", "ip.src"],
        period: 10,
        requestsPerPeriod: 20,
        mitigationTimeout: 10,
      },
    },
  ]);
});

test("each of several addresses is named by itself, an only one by its name alone; each knows its other name", () => {
  const record = (content: ZoneRecord["content"], type: ZoneRecord["type"] = "A"): ZoneRecord => ({
    name: "lb.example.com",
    type,
    content,
  });
  const named = (...records: ZoneRecord[]) =>
    recordNames(records).map(({ key, aliases }) => [key, ...aliases]);
  const [one, two] = [record("203.0.113.1"), record("203.0.113.2")];
  const [alone, own] = ["a-lb.example.com", "a-lb.example.com-203-0-113-1"];
  const cname = "cname-lb.example.com";
  expect(named(one)).toEqual([[alone, own, cname]]);
  expect(named(one, two)).toEqual([[own, alone, cname], ["a-lb.example.com-203-0-113-2"]]);
  expect(named(two, one)).toEqual([["a-lb.example.com-203-0-113-2", alone, cname], [own]]);
  expect(named(one, record("2001:db8::1", "AAAA"))).toEqual([
    [alone, own, cname],
    ["aaaa-lb.example.com", "aaaa-lb.example.com-2001-db8-1"],
  ]);
  // Not known yet, so not a name.
  expect(named(one, record(pulumi.output("203.0.113.2")))).toEqual([[own, cname], [alone]]);
  expect(named(record("lb.example.net", "CNAME"))).toEqual([[cname, alone, "aaaa-lb.example.com"]]);
});

test("one's own headers win over the usual ones, and null removes", () => {
  const [headers] = zoneRulesets({
    ...base,
    securityHeaders: true,
    responseHeaders: { "X-Frame-Options": "SAMEORIGIN", Server: null },
  });
  expect(headers?.phase).toBe("http_response_headers_transform");
  expect(headers?.rules).toMatchObject([
    {
      ref: "response-headers",
      actionParameters: {
        headers: {
          "X-Frame-Options": { operation: "set", value: "SAMEORIGIN" },
          "X-Content-Type-Options": { operation: "set", value: "nosniff" },
          Server: { operation: "remove" },
        },
      },
    },
  ]);
});

test.each<[string, Partial<ZoneBaselineArgs>, string[]]>([
  ["nothing wrong", {}, []],
  [
    "HSTS preload too short",
    { hsts: { preload: true } },
    ["hsts.preload: needs includeSubdomains and at least 31536000 seconds 15552000"],
  ],
  [
    "redirects",
    {
      redirects: [
        { from: "www.other.com", to: "example.com" },
        { from: "a.example.com", to: "a.example.com" },
      ],
    },
    [
      'redirects[0].from: is outside the zone "www.other.com"',
      'redirects[1]: redirects to itself "a.example.com"',
    ],
  ],
  [
    "more rules than the free plan has",
    {
      firewallRules: Array.from({ length: 6 }, (_, n) => ({
        ref: `r${n}`,
        expression: "true",
        action: "block" as const,
      })),
    },
    ["firewallRules: are more than the free plan's 5 6"],
  ],
  [
    "a regular expression on the free plan",
    { cacheRules: [{ ref: "x", expression: 'http.host matches "a.*"', cache: true, edgeTtl: 60 }] },
    [
      "cacheRules[0].expression: uses a regular expression, which the free plan does not have",
      "cacheRules[0].edgeTtl: is less than the free plan's 7200 seconds 60",
    ],
  ],
  [
    "refs",
    {
      firewallRules: [
        { ref: "same", expression: "true", action: "block" },
        { ref: "same", expression: " ", action: "block" },
        { ref: "a b", expression: "true", action: "block" },
      ],
    },
    [
      'firewallRules[1].ref: is there twice "same"',
      "firewallRules[1].expression: is empty",
      'firewallRules[2].ref: is not a name "a b"',
    ],
  ],
  [
    "records",
    {
      records: [
        { name: "a.other.com", type: "A", content: "203.0.113.1" },
        { name: "a.example.com", type: "A", content: "203.0.113.1", proxied: true, ttl: 300 },
      ],
    },
    [
      'records[0].name: is outside the zone "a.other.com"',
      "records[1].ttl: must be 1 for a proxied record 300",
    ],
  ],
  [
    "a time that browsers cannot be told",
    { browserCacheTtl: 900 },
    ["browserCacheTtl: is not a number of seconds that Cloudflare takes 900"],
  ],
  [
    "a rate limit",
    { rateLimit: { pathPrefix: "api", requestsPer10Seconds: 0 } },
    [
      'rateLimit.pathPrefix: is not a path "api"',
      "rateLimit.requestsPer10Seconds: is not a whole number from 1 0",
    ],
  ],
])("mistakes: %s", (_what, changes, expected) => {
  expect(told(zoneBaselineIssues({ ...base, ...changes }))).toEqual(expected);
});

test("a paid plan may have more", () => {
  const firewallRules = Array.from({ length: 6 }, (_, n) => ({
    ref: `r${n}`,
    expression: "true",
    action: "block" as const,
  }));
  expect(told(zoneBaselineIssues({ ...base, plan: "pro", firewallRules }))).toEqual([]);
});
