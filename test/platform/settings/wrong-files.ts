import { HOST_KEY, ORIGIN, originWith, stackText } from "./stack-text";

/** What must be said of one place. All texts are parts that must appear. */
export interface Expected {
  readonly path: string;
  readonly what: string | readonly string[];
  readonly allowed?: string;
  readonly fix: string;
  /** The text of the line that must be named, without white space around it. */
  readonly line?: string;
}

export interface WrongFile {
  readonly name: string;
  readonly text: string;
  /** @default "staging" */
  readonly stack?: string;
  /** Every issue of the file, in the order of its lines. */
  readonly issues: readonly Expected[];
  /** True: the JSON Schema refuses the file too. @default false */
  readonly schemaSees?: boolean;
}

/** Made at run time, so that no text in the repository looks like a secret. */
export const fake = {
  googleKey: `AI${"za"}${"a1B2c".repeat(7)}`,
  /** A JSON Web Token whose claims say this role, as Supabase's keys do. */
  jwt: (role: string): string =>
    [
      { alg: "HS256", typ: "JWT" },
      { iss: "supabase", role },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".") + `.${"s1G".repeat(12)}`,
  token: `gh${"p"}_${"a1B2".repeat(10)}`,
  password: "hunter2".repeat(4) + "X9",
  get privateKey() {
    return `-----BEGIN ${"OPENSSH"} PRIVATE KEY-----`;
  },
  get databaseUrl() {
    return `postgres://app:${this.password}@db.acme.example/app`;
  },
};

const database = (lines: string): string => `
${ORIGIN.trim()}
groundwork:databases:
  main:
    kind: container
    origin: api
    service: db
    database: acme
${lines}`;

/** One service that starts beside its predecessor. */
const rolling = (lines: string): string => originWith(lines).replace("publish: 80", "strategy: start-first");

const external = (lines: string): string => `
groundwork:databases:
  main:
    kind: external
    database: acme
    adminUser: admin
    adminPasswordSecret: DATABASE_PASSWORD
${lines}`;

const bucket = (lines: string): string => `
groundwork:buckets:
  media:
    name: acme-media
${lines}`;

const tunnel = (ingress: string, services = "api: { port: 3001 }", more = ""): string => `
groundwork:hosts:
  one: { address: "2001:db8::10", hostKey: "${HOST_KEY}" }
groundwork:tunnels:
  main:
    ingress:
${ingress}
groundwork:origins:
  app:
    kind: tunnel
    tunnel: main
    host: one
    composeFile: compose.yaml
    project: acme
    services:
      ${services}
${more}`;

const protectedSite = (access: string): string => `
groundwork:sites:
  web: { project: acme, hostnames: [acme.example] }
groundwork:access:
  hostnames: [acme.example]
${access}`;

/** Wrong stack files, each with everything that must be said of it. */
export const wrongFiles: readonly WrongFile[] = [
  // The file itself.
  {
    name: "a tab in the indentation",
    text: "config:\n\tgroundwork:domain: acme.example\n",
    issues: [
      { path: "", what: "tab", allowed: "YAML", fix: "at line 2", line: "groundwork:domain: acme.example" },
    ],
  },
  {
    name: "the same key twice",
    text: stackText("groundwork:domain: acme.example\ngroundwork:domain: acme.example"),
    issues: [{ path: "", what: "same key stands twice", fix: "edit Pulumi.staging.yaml" }],
  },
  {
    name: "a quote that is not closed",
    text: 'config:\n  groundwork:domain: "acme.example\n',
    issues: [{ path: "", what: "a character is missing", fix: "edit Pulumi.staging.yaml" }],
  },
  {
    name: "dates and numbers without quotes, which the engine reads otherwise",
    text: stackText(`groundwork:sites:
  web:
    project: acme
    hostnames: [acme.example]
    compatibilityDate: 2026-01-31
    environment:
      production:
        STRIPE_API_VERSION: 2024-6-20
        SINCE: 2024-06-20T10:00:00Z
        UNTIL: 2024-06-20 10:00:00
        LIMIT: 1_000
        BITS: 0b101
        QUOTED: "2024-06-20"
        TAGGED: !!str 2024-06-20
        NO_DAY: 2024-13-20
        NO_MOMENT: 2024-06-20 rc1
        PHONE: 0900-101`),
    issues: [
      {
        path: "sites.web.compatibilityDate",
        what: "reads this as a moment",
        allowed: '"2024-06-20"',
        fix: "put it in quotes",
        line: "compatibilityDate: 2026-01-31",
      },
      ...["STRIPE_API_VERSION", "SINCE", "UNTIL"].map((name) => ({
        path: `sites.web.environment.production.${name}`,
        what: "reads this as a moment",
        fix: "put it in quotes",
      })),
      ...["LIMIT", "BITS"].map((name) => ({
        path: `sites.web.environment.production.${name}`,
        what: "reads this as a number",
        fix: "put it in quotes",
      })),
    ],
  },
  {
    name: "a list instead of a map",
    text: "- config\n",
    issues: [
      { path: "", what: "the file is not a map", fix: "config:" },
      { path: "cloudflare", what: "cloudflare is missing", fix: "add cloudflare" },
      { path: "domain", what: "domain is missing", fix: "domain: streampai.com" },
      { path: "secrets.CLOUDFLARE_API_TOKEN", what: "is missing", fix: "pulumi config set --secret" },
    ],
    schemaSees: true,
  },
  {
    name: "an empty file",
    text: "",
    issues: [
      { path: "cloudflare", what: "cloudflare is missing", fix: "add cloudflare" },
      { path: "domain", what: "domain is missing", fix: "domain: streampai.com" },
      { path: "secrets.CLOUDFLARE_API_TOKEN", what: "is missing", fix: "pulumi config set --secret" },
    ],
    schemaSees: true,
  },
  {
    name: "a misspelt key at the top",
    text: `${stackText("groundwork:costs: { neon: 5 }")}secretprovider: passphrase\n`,
    issues: [
      {
        path: "secretprovider",
        what: "secretsprovider is the nearest",
        fix: "rename it to secretsprovider",
        line: "secretprovider: passphrase",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a setting outside of config",
    text: `groundwork:costs: { neon: 5 }\n${stackText("groundwork:release: {}")}`,
    issues: [{ path: '["groundwork:costs"]', what: "outside of config", fix: "move it below `config:`" }],
    schemaSees: true,
  },
  {
    name: "a key without a namespace",
    text: stackText("bukets: {}"),
    issues: [
      {
        path: "config.bukets",
        what: "no namespace",
        fix: "rename it to groundwork:buckets",
        line: "bukets: {}",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a misspelt namespace",
    text: stackText("groundwrok:costs: { neon: 5 }"),
    issues: [
      { path: '["groundwrok:costs"]', what: "namespace is misspelt", fix: "rename it to groundwork:costs" },
    ],
  },
  // Keys and types.
  {
    name: "an unknown setting",
    text: stackText("groundwork:bucket: {}"),
    issues: [
      {
        path: "bucket",
        what: ["unknown key", "buckets is the nearest"],
        allowed: "domain, tier, cloudflare",
        fix: "rename it to buckets",
      },
    ],
    schemaSees: true,
  },
  {
    name: "an unknown key in an entry, with the nearest right one",
    text: stackText("groundwork:sites:\n  web: { project: acme, productionBrnach: main }"),
    issues: [
      {
        path: "sites.web.productionBrnach",
        what: "productionBranch is the nearest",
        allowed: "in sites.web: project, hostnames",
        fix: "rename it to productionBranch",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a word of another tool for a key",
    text: stackText(originWith("env: { A: b }")),
    issues: [
      { path: "origins.api.env", what: "environment is the nearest", fix: "rename it to environment" },
    ],
    schemaSees: true,
  },
  {
    name: "a key that is like no other",
    text: stackText("groundwork:zone: { qqqqqq: 1 }"),
    issues: [
      { path: "zone.qqqqqq", what: 'unknown key "qqqqqq"', allowed: "in zone: plan, ssl", fix: "remove it" },
    ],
    schemaSees: true,
  },
  {
    name: "a key of another kind",
    text: stackText(originWith("target: acme.fly.dev")),
    issues: [{ path: "origins.api.target", what: '"target" is for kind: external', fix: "remove it" }],
    schemaSees: true,
  },
  {
    name: "an unknown kind",
    text: stackText("groundwork:origins:\n  api: { kind: kompose }"),
    issues: [
      {
        path: "origins.api.kind",
        what: "this kind is not known",
        allowed: "compose, external, swarm, tunnel",
        fix: "write kind: compose",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a swarm whose hosts are wrong",
    text: stackText(
      ORIGIN.replace("kind: compose", "kind: swarm")
        .replace("host: one", "hosts: [one, two, one]\n    advertiseAddresses: { three: 10.0.0.3 }")
        .replace("publish: 80", "strategy: start-first")
        .concat("    proxy: { tls: none }\n"),
    ),
    issues: [
      {
        path: "origins.api.hosts[1]",
        what: "groundwork:hosts has no entry of this name",
        fix: "add two to groundwork:hosts",
      },
      { path: "origins.api.hosts[2]", what: "the host is there twice", fix: "remove one of them" },
      {
        path: "origins.api.advertiseAddresses.three",
        what: "the origin does not run on this host",
        fix: "add it to hosts",
      },
    ],
  },
  {
    name: "no kind",
    text: stackText("groundwork:databases:\n  main: { database: acme }"),
    issues: [
      {
        path: "databases.main.kind",
        what: "kind is missing",
        allowed: "container, external",
        fix: "write kind: container",
      },
    ],
    schemaSees: true,
  },
  {
    name: "text for a number",
    text: stackText(
      `groundwork:hosts:\n  one: { address: 203.0.113.10, port: "22", hostKey: "${HOST_KEY}" }`,
    ),
    issues: [{ path: "hosts.one.port", what: "a number is needed", fix: "write 22 without quotes" }],
    schemaSees: true,
  },
  {
    name: "a number for text",
    text: stackText(originWith("environment:\n  PORT: 4000")),
    issues: [
      {
        path: "origins.api.environment.PORT",
        what: "text is needed",
        allowed: "{secret: <name>}",
        fix: 'write "4000" in quotes',
        line: "PORT: 4000",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a version without quotes",
    text: stackText("groundwork:zone: { minTlsVersion: 1.2 }"),
    issues: [{ path: "zone.minTlsVersion", what: "text is needed", fix: 'write "1.2" in quotes' }],
    schemaSees: true,
  },
  {
    name: "yes for true",
    text: stackText("groundwork:zone: { brotli: yes }"),
    issues: [{ path: "zone.brotli", what: "true or false is needed", fix: "write true" }],
    schemaSees: true,
  },
  {
    name: "one value for a list",
    text: stackText("groundwork:sites:\n  web: { project: acme, hostnames: acme.example }"),
    issues: [{ path: "sites.web.hostnames", what: "a list is needed", fix: "put it into brackets" }],
    schemaSees: true,
  },
  {
    name: "a list for a map",
    text: stackText("groundwork:sites:\n  - web"),
    issues: [{ path: "sites", what: "a map is needed", fix: "name: value" }],
    schemaSees: true,
  },
  {
    name: "nothing after the colon",
    text: stackText("groundwork:sites:\n  web: { project: }"),
    issues: [{ path: "sites.web.project", what: "no value after the colon", fix: "write a value" }],
    schemaSees: true,
  },
  {
    name: "a missing key",
    text: stackText("groundwork:hosts:\n  one: { address: 203.0.113.10 }"),
    issues: [
      {
        path: "hosts.one.hostKey",
        what: "hostKey is missing",
        allowed: "ssh-ed25519",
        fix: "add hostKey",
        line: "one: { address: 203.0.113.10 }",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a value that is none of the allowed ones",
    text: stackText("groundwork:zone: { ssl: strct }"),
    issues: [
      {
        path: "zone.ssl",
        what: "not one of the values",
        allowed: "off, flexible, full, strict",
        fix: "write strict",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a name of an entry with capitals",
    text: stackText("groundwork:costs: { Neon: 5 }"),
    issues: [
      { path: "costs.Neon", what: '"Neon" cannot stand here', allowed: "lower-case", fix: "another key" },
    ],
    schemaSees: true,
  },
  {
    name: "several mistakes at once",
    text: stackText(
      "groundwork:zone: { ssl: strct, brotli: maybe }\ngroundwork:sites:\n  web: { hostnames: [other.example] }\n",
    ),
    issues: [
      { path: "zone.ssl", what: "not one of the values", fix: "write strict" },
      { path: "zone.brotli", what: "true or false is needed", fix: "write true or false" },
      { path: "sites.web.project", what: "project is missing", fix: "add project" },
    ],
    schemaSees: true,
  },
  {
    name: "a mistake of form does not hide one of meaning",
    text: stackText(
      "groundwork:sites:\n  web: { project: acme, hostnames: [other.example], productionBranch: 'a b' }",
    ),
    issues: [
      {
        path: "sites.web.hostnames[0]",
        what: "outside the zone acme.example",
        fix: "write other.acme.example",
      },
      {
        path: "sites.web.productionBranch",
        what: "git does not take",
        fix: "pulumi config set --path 'groundwork:sites.web.productionBranch'",
      },
    ],
  },
  // Cloudflare and the zone.
  {
    name: "an account id that is no id",
    text: stackText("groundwork:cloudflare: { accountId: acme }"),
    issues: [
      {
        path: "cloudflare.accountId",
        what: "not a Cloudflare id",
        allowed: "32 lower-case hexadecimal digits",
        fix: "dashboard",
      },
    ],
    schemaSees: true,
  },
  {
    name: "an unencrypted API address elsewhere",
    text: stackText(
      `groundwork:cloudflare: { accountId: "${"0".repeat(31)}1", apiUrl: "http://api.acme.example/client/v4" }`,
    ),
    issues: [{ path: "cloudflare.apiUrl", what: "token would travel unencrypted", fix: "write https://" }],
  },
  {
    name: "a public suffix as the domain",
    text: stackText("groundwork:domain: co.uk"),
    issues: [{ path: "domain", what: "public suffix", fix: "pulumi config set --path 'groundwork:domain'" }],
  },
  {
    name: "HSTS preload without its conditions",
    text: stackText("groundwork:zone: { hsts: { preload: true } }"),
    issues: [{ path: "zone.hsts.preload", what: "a year or more", fix: "remove preload" }],
  },
  {
    name: "a time for browsers that Cloudflare does not take",
    text: stackText("groundwork:zone: { browserCacheTtl: 15000 }"),
    issues: [
      {
        path: "zone.browserCacheTtl",
        what: "not one of the values",
        allowed: "10800, 14400, 18000",
        fix: "write 14400",
      },
    ],
    schemaSees: true,
  },
  {
    name: "TLS 1.3 as the least and switched off",
    text: stackText('groundwork:zone: { minTlsVersion: "1.3", tls13: "off", http3: false }'),
    issues: [{ path: "zone.tls13", what: "nobody can connect", fix: 'write "on"' }],
  },
  {
    name: "more firewall rules than the free plan has",
    text: stackText(
      `groundwork:zone:\n  firewallRules:\n${[1, 2, 3, 4, 5, 6].map((n) => `    - { ref: r${n}, expression: 'http.host eq "a"', action: block }`).join("\n")}`,
    ),
    issues: [
      {
        path: "zone.firewallRules",
        what: "6 WAF custom rules, but the free plan has 5",
        allowed: "at most 5",
        fix: "zone.plan",
      },
    ],
  },
  {
    name: "an edge cache time below that of the free plan",
    text: stackText(
      "groundwork:zone:\n  cacheRules:\n    - { ref: a, expression: 'true', cache: true, edgeTtl: 60 }",
    ),
    issues: [
      {
        path: "zone.cacheRules[0].edgeTtl",
        what: "2 hours or more",
        allowed: "free plan",
        fix: "write 7200",
      },
    ],
  },
  {
    name: "a regular expression on the free plan",
    text: stackText(
      "groundwork:zone:\n  firewallRules:\n    - { ref: a, expression: 'http.request.uri.path matches \"^/x\"', action: block }",
    ),
    issues: [
      {
        path: "zone.firewallRules[0].expression",
        what: "the free plan does not have a regular expression",
        allowed: "business or enterprise",
        fix: "groundwork:zone.plan",
      },
    ],
  },
  {
    name: "what only the enterprise plan has, on the business plan",
    text: stackText(
      "groundwork:zone:\n  plan: business\n  firewallRules:\n    - { ref: a, expression: 'cf.bot_management.score lt 30', action: block }",
    ),
    issues: [
      {
        path: "zone.firewallRules[0].expression",
        what: "the business plan does not have Bot Management",
        allowed: "enterprise",
        fix: "groundwork:zone.plan",
      },
    ],
  },
  // Host names.
  {
    name: "a bad host name",
    text: stackText("groundwork:sites:\n  web: { project: acme, hostnames: [my_site.acme.example] }"),
    issues: [
      {
        path: "sites.web.hostnames[0]",
        what: "no underscore",
        allowed: "labels of letters",
        fix: "pulumi config set",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a URL for a host name",
    text: stackText("groundwork:sites:\n  web: { project: acme, hostnames: ['https://Acme.example/'] }"),
    issues: [{ path: "sites.web.hostnames[0]", what: "a URL, not a host name", fix: "write acme.example" }],
    schemaSees: true,
  },
  {
    name: "an international host name as it is spoken",
    text: stackText("groundwork:sites:\n  web: { project: acme, hostnames: [bücher.acme.example] }"),
    issues: [
      { path: "sites.web.hostnames[0]", what: "outside ASCII", fix: "write xn--bcher-kva.acme.example" },
    ],
    schemaSees: true,
  },
  {
    name: "a label that is too long",
    text: stackText(
      `groundwork:sites:\n  web: { project: acme, hostnames: [${"a".repeat(64)}.acme.example] }`,
    ),
    issues: [{ path: "sites.web.hostnames[0]", what: "64 characters", fix: "pulumi config set" }],
    schemaSees: true,
  },
  {
    name: "a domain outside the zone",
    text: stackText(ORIGIN.replace("api.acme.example", "api.acme.test")),
    issues: [
      {
        path: "origins.api.hostnames[0]",
        what: "outside the zone acme.example",
        allowed: ".acme.example",
        fix: "write api.acme.example",
      },
    ],
  },
  {
    name: "a name that only ends like the domain",
    text: stackText("groundwork:sites:\n  web: { project: acme, hostnames: [notacme.example] }"),
    issues: [{ path: "sites.web.hostnames[0]", what: "outside the zone", fix: "write notacme.acme.example" }],
  },
  {
    name: "one host name for a site and an origin",
    text: stackText(`groundwork:sites:\n  web: { project: acme, hostnames: [api.acme.example] }\n${ORIGIN}`),
    issues: [
      {
        path: "origins.api.hostnames[0]",
        what: "groundwork:sites.web.hostnames[0]".replace("groundwork:", ""),
        fix: "remove it here",
      },
    ],
  },
  {
    name: "one host name for a tunnel and a bucket",
    text: stackText(
      `${tunnel("      media.acme.example: http://api:3001")}${bucket("    customDomain: media.acme.example")}`,
    ),
    issues: [
      {
        path: "buckets.media.customDomain",
        what: "two parts want the same host name",
        fix: "remove it here",
      },
    ],
  },
  {
    name: "a name too deep for the free certificate",
    text: stackText(ORIGIN.replace("api.acme.example", "api.eu.acme.example")),
    issues: [
      {
        path: "origins.api.hostnames[0]",
        what: "no free certificate covers",
        allowed: "Universal SSL",
        fix: "write api-eu.acme.example",
      },
    ],
  },
  // Hosts.
  {
    name: "an RSA host key",
    text: stackText(
      'groundwork:hosts:\n  one: { address: 203.0.113.10, hostKey: "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ" }',
    ),
    issues: [
      { path: "hosts.one.hostKey", what: "RSA", allowed: "ssh-ed25519", fix: "ssh-keyscan -t ed25519" },
    ],
  },
  {
    name: "a host key with the host name column",
    text: stackText(
      `groundwork:hosts:\n  one: { address: 203.0.113.10, hostKey: "203.0.113.10 ${HOST_KEY}" }`,
    ),
    issues: [{ path: "hosts.one.hostKey", what: "host name column", fix: "leave the first column out" }],
  },
  {
    name: "a fingerprint for a host key",
    text: stackText(
      'groundwork:hosts:\n  one: { address: 203.0.113.10, hostKey: "SHA256:uNiVztksCsDhcc0u9e8BrszJM" }',
    ),
    issues: [{ path: "hosts.one.hostKey", what: "fingerprint", fix: "ssh-keyscan" }],
  },
  {
    name: "a host key that is cut off",
    text: stackText(
      'groundwork:hosts:\n  one: { address: 203.0.113.10, hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA" }',
    ),
    issues: [{ path: "hosts.one.hostKey", what: "cut off", fix: "ssh-keyscan" }],
  },
  {
    name: "an IPv6 address in brackets",
    text: stackText(`groundwork:hosts:\n  one: { address: "[2001:db8::1]", hostKey: "${HOST_KEY}" }`),
    issues: [{ path: "hosts.one.address", what: "without brackets", fix: "write 2001:db8::1" }],
  },
  {
    name: "a long form of an IPv6 address",
    text: stackText(`groundwork:hosts:\n  one: { address: "2001:0db8:0:0::1", hostKey: "${HOST_KEY}" }`),
    issues: [{ path: "hosts.one.address", what: "shortest form", fix: "write 2001:db8::1" }],
  },
  {
    name: "a port out of range",
    text: stackText(
      `groundwork:hosts:\n  one: { address: 203.0.113.10, port: 70000, hostKey: "${HOST_KEY}" }`,
    ),
    issues: [
      {
        path: "hosts.one.port",
        what: "too large; the most is 65535",
        allowed: "1 to 65535",
        fix: "pulumi config set --path 'groundwork:hosts.one.port' <value> -s staging",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a host to jump over that jumps itself",
    text: stackText(`groundwork:hosts:\n  one: { address: 203.0.113.10, hostKey: "${HOST_KEY}", jump: one }`),
    issues: [{ path: "hosts.one.jump", what: "cannot jump over itself", fix: "name another host" }],
  },
  // Origins.
  {
    name: "a host that does not exist, with the nearest one",
    text: stackText(ORIGIN.replace("host: one", "host: oen")),
    issues: [
      {
        path: "origins.api.host",
        what: "groundwork:hosts has no entry of this name",
        allowed: "one",
        fix: "write one",
      },
    ],
  },
  {
    name: "a private address for a public name",
    text: stackText(ORIGIN.replace("203.0.113.10", "10.0.0.5")),
    issues: [
      {
        path: "hosts.one.address",
        what: "nobody outside reaches this address",
        allowed: "a public address",
        fix: "kind: tunnel",
      },
    ],
  },
  {
    name: "a host by name, so that the records have no address",
    text: stackText(ORIGIN.replace("203.0.113.10", "vm.acme.example")),
    issues: [
      { path: "origins.api", what: "public address is not known", fix: "add addresses", line: "api:" },
    ],
  },
  {
    name: "two services on one port of one host",
    text: stackText(`${ORIGIN}      web: { port: 3000, publish: 80 }`),
    issues: [
      {
        path: "origins.api.services.web.publish",
        what: "two services want port 80 of host one",
        fix: "another port",
      },
    ],
  },
  {
    name: "a compose project that another origin makes for its colours",
    text: stackText(
      `${rolling("proxy: { tls: none }")}  shop:
    kind: compose
    host: one
    hostnames: [shop.acme.example]
    composeFile: compose.yaml
    project: acme-green
    services:
      web: { port: 3000, publish: 8080 }
`,
    ),
    issues: [
      {
        path: "origins.shop.project",
        what: "origins.api has this compose project on the same host already",
        allowed: "those of its colours and its proxy",
        fix: "choose another project",
      },
    ],
  },
  {
    name: "the SSH server's port",
    text: stackText(ORIGIN.replace("publish: 80", "publish: 22")),
    issues: [{ path: "origins.api.services.api.publish", what: "SSH server's", fix: "another port" }],
  },
  {
    name: "a published port that leads nowhere",
    text: stackText(ORIGIN.replace("port: 4000, ", "")),
    issues: [
      { path: "origins.api.services.api.publish", what: "no port inside the container", fix: "add port" },
    ],
  },
  {
    name: "no service at all",
    text: stackText(ORIGIN.replace(/services:[^]*/, "services: {}\n")),
    issues: [{ path: "origins.api.services", what: "no service", fix: "add a service" }],
  },
  {
    name: "several containers on one port",
    text: stackText(ORIGIN.replace("publish: 80", "publish: 80, replicas: 2")),
    issues: [
      {
        path: "origins.api.services.api.replicas",
        what: "2 containers cannot all have port 80",
        fix: "write 1, or remove publish and have a proxy",
      },
    ],
  },
  {
    name: "a new container beside the old one on one port",
    text: stackText(ORIGIN.replace("publish: 80", "publish: 80, strategy: start-first")),
    issues: [
      {
        path: "origins.api.services.api.strategy",
        what: "while the old one has it",
        fix: "add proxy: {} to groundwork:origins.api, or write recreate",
      },
    ],
  },
  {
    name: "TLS in a service that starts beside its predecessor",
    text: stackText(
      originWith("originCertificate: {}\nproxy: {}").replace(
        "publish: 80",
        "strategy: start-first, tls: { port: 4443 }",
      ),
    ),
    issues: [
      {
        path: "origins.api.services.api.strategy",
        what: "the proxy speaks TLS, not the service",
        fix: "remove publish and tls",
      },
    ],
  },
  {
    name: "a service that starts beside its predecessor without port and proxy",
    text: stackText(ORIGIN.replace("port: 4000, publish: 80, healthPath: /health", "strategy: start-first")),
    issues: [
      {
        path: "origins.api.services.api.strategy",
        what: "there is no port that traffic could be switched to",
        fix: "add port to groundwork:origins.api.services.api",
      },
      {
        path: "origins.api.services.api.strategy",
        what: "the origin has no proxy",
        fix: "add proxy: {} to groundwork:origins.api",
      },
    ],
  },
  {
    name: "a proxy on ports that others have",
    text: stackText(
      originWith("originCertificate: {}\nproxy: { httpPort: 80, httpsPort: 22, routes: { /*: api } }"),
    ),
    issues: [
      { path: "origins.api.proxy.httpPort", what: "two services want port 80", fix: "another port" },
      { path: "origins.api.proxy.httpsPort", what: "SSH server's", fix: "another port" },
    ],
  },
  {
    name: "a proxy with a certificate that nobody issues",
    text: stackText(rolling("proxy: {}")),
    issues: [
      {
        path: "origins.api.proxy",
        what: "Let's Encrypt asks the name itself",
        fix: "originCertificate: {}",
      },
    ],
  },
  {
    name: "a proxy with a certificate that is not there",
    text: stackText(rolling("proxied: false\nproxy: { tls: origin-certificate }")),
    issues: [
      {
        path: "origins.api.proxy.tls",
        what: "no certificate of Cloudflare's Origin CA",
        fix: "originCertificate: {}",
      },
    ],
  },
  {
    name: "Cloudflare only, without Cloudflare",
    text: stackText(rolling("proxied: false\nproxy: { tls: none, cloudflareOnly: true }")),
    issues: [
      { path: "origins.api.proxy.cloudflareOnly", what: "all would be turned away", fix: "remove it" },
    ],
  },
  {
    name: "Cloudflare only, over IPv6",
    text: stackText(
      rolling('addresses: [203.0.113.10, "2001:db8::10"]\nproxy: { tls: none, cloudflareOnly: true }'),
    ),
    issues: [
      {
        path: "origins.api.proxy.cloudflareOnly",
        what: "who connects over IPv6",
        fix: "only the IPv4 address",
      },
    ],
  },
  {
    name: "a proxy that does not know where to",
    text: stackText(
      rolling("originCertificate: {}\nproxy: {}").replace(
        "      api: {",
        "      web: { port: 3000, strategy: start-first }\n      api: {",
      ),
    ),
    issues: [
      {
        path: "origins.api.proxy",
        what: "web, api have start-first",
        fix: 'add routes: {"/*": <service>}',
      },
    ],
  },
  {
    name: "routes that lead nowhere",
    text: stackText(
      rolling(
        'originCertificate: {}\nproxy:\n  routes:\n    "/a/*": apo\n    "/b/*": worker\n    "www.acme.example/*": api',
      ).replace("      api: {", "      worker: {}\n      api: {"),
    ),
    issues: [
      { path: 'origins.api.proxy.routes["/a/*"]', what: "no service of this name", fix: "write api" },
      { path: 'origins.api.proxy.routes["/b/*"]', what: "no port", fix: "add port" },
      {
        path: 'origins.api.proxy.routes["www.acme.example/*"]',
        what: "a host name that the origin does not answer",
        fix: "add www.acme.example",
      },
    ],
  },
  {
    name: "texts of a proxy that are none",
    text: stackText(
      rolling(
        'originCertificate: {}\nproxy: { routes: { api: api }, headers: { "X Y": a, X-A: "a`b" }, email: nobody }',
      ),
    ),
    issues: [
      { path: "origins.api.proxy.routes.api", what: "this is not a route", allowed: "/api/*", fix: "" },
      { path: 'origins.api.proxy.headers["X Y"]', what: "not the name of a header", fix: "" },
      { path: "origins.api.proxy.headers.X-A", what: "one line of ASCII", fix: "" },
      { path: "origins.api.proxy.email", what: "not an e-mail address", fix: "" },
    ],
  },
  {
    name: "a proxy at another port than Cloudflare's",
    text: stackText(`${rolling("proxy: { tls: none }")}
groundwork:zone: { plan: free, ssl: full }`),
    issues: [
      {
        path: "origins.api.services",
        what: "port 443 of the host, which no service publishes",
        fix: "set proxy.tls to origin-certificate",
      },
    ],
  },
  {
    name: "migrations in a service that does not exist",
    text: stackText(originWith("migrations: { service: apo, command: bin/migrate }")),
    issues: [{ path: "origins.api.migrations.service", what: "no service of this name", fix: "write api" }],
  },
  {
    name: "ssl strict without a certificate and without port 443",
    text: stackText(`groundwork:zone: { ssl: strict }\n${ORIGIN}`),
    issues: [
      { path: "origins.api", what: ["ssl: strict", "526"], fix: "originCertificate: {}" },
      {
        path: "origins.api.services",
        what: "port 443 of the host, which no service publishes",
        fix: "publish: 443",
      },
    ],
  },
  {
    name: "an origin certificate that browsers would see",
    text: stackText(
      originWith("proxied: false\noriginCertificate: { days: 365 }").replace(
        "publish: 80",
        "publish: 80, tls: { port: 4443, publish: 443 }",
      ),
    ),
    issues: [
      { path: "origins.api.originCertificate", what: "browsers do not trust", fix: "set proxied to true" },
    ],
  },
  {
    name: "a certificate for a time that is not issued",
    text: stackText(
      originWith("originCertificate: { days: 100 }").replace(
        "publish: 80",
        "publish: 80, tls: { port: 4443, publish: 443 }",
      ),
    ),
    issues: [
      {
        path: "origins.api.originCertificate.days",
        what: "not one of the values",
        allowed: "5475",
        fix: "write 90",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a target in the zone itself",
    text: stackText(
      "groundwork:origins:\n  api: { kind: external, hostnames: [api.acme.example], target: app.acme.example }",
    ),
    issues: [
      {
        path: "origins.api.target",
        what: "go in a circle",
        allowed: "<app>.fly.dev",
        fix: "the name that the platform gave",
      },
    ],
  },
  {
    name: "an absolute path and one that leaves the project",
    text: stackText(
      ORIGIN.replace(
        "composeFile: compose.yaml",
        "composeFile: /srv/compose.yaml\n    files: [../secret.txt]",
      ),
    ),
    issues: [
      { path: "origins.api.composeFile", what: "absolute", fix: "pulumi config set" },
      { path: "origins.api.files[0]", what: "leaves the project", fix: "pulumi config set" },
    ],
  },
  {
    name: "an image name with capitals",
    text: stackText(ORIGIN.replace("publish: 80", "publish: 80, image: GHCR.io/Acme/API")),
    issues: [
      {
        path: "origins.api.services.api.image",
        what: "not the name of a container image",
        fix: "pulumi config set",
      },
    ],
  },
  {
    name: "an open port that shall be closed",
    text: stackText(originWith("closedPorts: [80]")),
    issues: [{ path: "origins.api.closedPorts[0]", what: "publish opens it", fix: "remove one" }],
  },
  // Databases.
  {
    name: "a database on a public port",
    text: stackText(`${ORIGIN}      db: { port: 5432, publish: 5432 }`),
    issues: [
      {
        path: "origins.api.services.db.publish",
        what: ["a database on a public address", "PostgreSQL"],
        fix: "npx groundwork db tunnel",
      },
    ],
  },
  {
    name: "a database's service published under another port",
    text: stackText(
      `${database("").trim()}`.replace(
        "healthPath: /health }",
        "healthPath: /health }\n      db: { port: 5432, publish: 15432 }",
      ),
    ),
    issues: [
      { path: "origins.api.services.db.publish", what: "a database on a public address", fix: "remove it" },
    ],
  },
  {
    name: "a database that listens on all addresses",
    text: stackText(database("    listen: 0.0.0.0:5432")),
    issues: [
      {
        path: "databases.main.listen",
        what: "others can reach",
        allowed: "loopback",
        fix: "write 127.0.0.1:5432",
      },
    ],
  },
  {
    name: "an external database by a public address",
    text: stackText(external("    host: 203.0.113.50")),
    issues: [
      { path: "databases.main.host", what: "a database on a public address", fix: "write the host name" },
    ],
  },
  {
    name: "an external database without encryption",
    text: stackText(external("    host: db.provider.example\n    tls: disable")),
    issues: [{ path: "databases.main.tls", what: "unencrypted", fix: "write verify-full" }],
  },
  {
    name: "a connection string for a host",
    text: stackText(external("    host: postgres://db.provider.example/acme")),
    issues: [
      { path: "databases.main.host", what: "a URL, not a host name", fix: "write db.provider.example" },
    ],
  },
  {
    name: "no place for a database container",
    text: stackText("groundwork:databases:\n  main: { kind: container, service: db, database: acme }"),
    issues: [{ path: "databases.main", what: "not said where the container runs", fix: "add origin" }],
  },
  {
    name: "a role that is the superuser, and two with one name",
    text: stackText(database("    roles: { app: postgres, readOnly: acme_x, monitor: acme_x }")),
    issues: [
      { path: "databases.main.roles.app", what: "superuser", fix: "acme_app" },
      { path: "databases.main.roles.monitor", what: "roles.readOnly has this name too", fix: "acme_monitor" },
    ],
  },
  {
    name: "one role for two databases of a server",
    text: stackText(
      `${database("    roles: { app: acme_x }").trimEnd()}\n  other: { kind: container, origin: api, service: db, database: other, roles: { app: acme_x } }`,
    ),
    issues: [
      { path: "databases.other.roles.app", what: "databases.main is on the same server", fix: "other_app" },
    ],
  },
  {
    name: "an extension that lets out of the database",
    text: stackText(database("    extensions: [citext, plpython3u]")),
    issues: [{ path: "databases.main.extensions[1]", what: "lets a role out", fix: "pulumi config set" }],
  },
  {
    name: "a production database that a command may empty",
    stack: "prod",
    text: stackText(database("    allowReset: true")),
    issues: [{ path: "databases.main.allowReset", what: "may not be emptied", fix: "remove the line" }],
  },
  {
    name: "a schedule of seconds",
    text: stackText(database('    backups: { schedule: "0 0 3 * * *" }')),
    issues: [
      {
        path: "databases.main.backups.schedule",
        what: "not a schedule",
        allowed: "minute hour day month weekday",
        fix: "pulumi config set",
      },
    ],
  },
  {
    name: "backups in a bucket that everybody reads",
    text: stackText(
      `${database("    backups: { schedule: 15 3 * * *, bucket: media }")}\n${bucket("    public: true").trim()}`,
    ),
    issues: [{ path: "databases.main.backups.bucket", what: "everybody can read", fix: "add a bucket" }],
  },
  {
    name: "backups in a bucket that deletes what is old",
    text: stackText(
      `${database("    backups: { schedule: 15 3 * * *, bucket: media }")}\n${bucket("    lifecycle: [{ deleteAfterDays: 90 }]").trim()}`,
    ),
    issues: [
      {
        path: "databases.main.backups.bucket",
        what: "all of them would be damaged",
        allowed: "keep says which backups stay",
        fix: "remove deleteAfterDays from groundwork:buckets.media.lifecycle; where no rule is left, write lifecycle: []",
      },
    ],
  },
  {
    name: "backups in two places",
    text: stackText(
      `${database(
        "    backups: { schedule: 15 3 * * *, bucket: media, s3: { endpoint: https://s3.example.com, bucket: acme-backups, accessKeyIdSecret: REGISTRY_TOKEN, secretAccessKeySecret: REGISTRY_TOKEN } }",
      )}\n${bucket("").trim()}`,
    ),
    issues: [
      { path: "databases.main.backups.bucket", what: "s3 says already", fix: "remove one of the two" },
    ],
  },
  {
    name: "a vault of secrets with wrong values",
    text: stackText(
      "groundwork:secretsVault: { kind: aws, region: frankfurt, recoveryDays: 3, endpoint: secrets.example.com, hostCredentialsFile: aws/credentials }",
    ),
    issues: [
      { path: "secretsVault.region", what: "not an AWS region", allowed: "eu-central-1", fix: "" },
      { path: "secretsVault.recoveryDays", what: "recovery window", allowed: "0, or 7 to 30", fix: "" },
      { path: "secretsVault.endpoint", what: "not the address of a service", fix: "" },
      { path: "secretsVault.hostCredentialsFile", what: "not an absolute path", fix: "" },
    ],
  },
  {
    name: "half a key of a vault of secrets",
    text: stackText(
      "groundwork:secretsVault: { kind: aws, region: eu-central-1, accessKeyIdSecret: REGISTRY_TOKEN }",
    ),
    issues: [
      {
        path: "secretsVault.accessKeyIdSecret",
        what: "secretAccessKeySecret is not there",
        fix: "add secretAccessKeySecret",
      },
    ],
  },
  {
    name: "a rule that keeps no backup",
    text: stackText(
      database("    backups: { schedule: 15 3 * * *, keep: { daily: 0, weekly: 0, monthly: 0 } }"),
    ),
    issues: [{ path: "databases.main.backups.keep", what: "keeps no backup", fix: "daily: 7" }],
  },
  // Access.
  {
    name: "an empty allow rule",
    text: stackText(protectedSite("  sessionHours: 8")),
    issues: [
      {
        path: "access",
        what: "allow rule is empty",
        allowed: "emails",
        fix: "pulumi config set --path 'groundwork:access.emails[0]'",
      },
    ],
  },
  {
    name: "a public path on a host that is not protected",
    text: stackText(protectedSite("  emails: [a@acme.example]\n  publicPaths: [acme.exmaple/health]")),
    issues: [{ path: "access.publicPaths[0]", what: "not protected", fix: "write acme.example/health" }],
  },
  {
    name: "public paths of a wrong form",
    text: stackText(
      protectedSite(
        "  emails: [a@acme.example]\n  publicPaths: [/health, acme.example, acme.example/*, 'https://acme.example/docs', acme.example/*/, acme.example/*/*]",
      ),
    ),
    issues: [
      { path: "access.publicPaths[0]", what: "host name is missing", fix: "pulumi config set" },
      { path: "access.publicPaths[1]", what: "path is missing", fix: "pulumi config set" },
      { path: "access.publicPaths[2]", what: "whole host public", fix: "pulumi config set" },
      { path: "access.publicPaths[3]", what: "a URL", fix: "write acme.example/docs" },
      { path: "access.publicPaths[4]", what: "whole host public", fix: "pulumi config set" },
      { path: "access.publicPaths[5]", what: "whole host public", fix: "pulumi config set" },
    ],
  },
  {
    name: "a page with cookies that asks a host which is not protected, and one that asks its own",
    text: stackText(
      protectedSite(
        "  emails: [a@acme.example]\n  cors:\n    - { page: www.acme.example, api: acme.exmaple }\n    - { page: acme.example, api: acme.example, path: /me }",
      ),
    ),
    issues: [
      {
        path: "access.cors[0].api",
        what: "not protected",
        allowed: "acme.example",
        fix: "write acme.example",
      },
      { path: "access.cors[1].api", what: "same host", fix: "remove the pair" },
    ],
  },
  {
    name: "more host names than an application takes",
    text: stackText(
      `groundwork:sites:\n  web: { project: acme, hostnames: [a.acme.example, b.acme.example, c.acme.example, d.acme.example, e.acme.example, f.acme.example] }\ngroundwork:access:\n  hostnames: [a.acme.example, b.acme.example, c.acme.example, d.acme.example, e.acme.example, f.acme.example]\n  emails: [a@acme.example]`,
    ),
    issues: [
      {
        path: "access.hostnames",
        what: "a list of 6 is too large; the most is 5",
        allowed: "limit of an Access application",
        fix: "edit Pulumi.staging.yaml",
      },
    ],
    schemaSees: true,
  },
  {
    name: "everybody with a free mail address",
    text: stackText(protectedSite("  emailDomains: [gmail.com]")),
    issues: [{ path: "access.emailDomains[0]", what: "everybody in the world", fix: "list the people" }],
  },
  {
    name: "Access in front of traffic that does not pass it",
    text: stackText(
      `${originWith("proxied: false").trim()}\ngroundwork:access: { hostnames: [api.acme.example], emails: [a@acme.example] }`,
    ),
    issues: [{ path: "access.hostnames[0]", what: "proxied: false", fix: "origins.api.proxied to true" }],
  },
  {
    name: "Access in front of nothing",
    text: stackText(
      protectedSite("  emails: [a@acme.example]").replace(
        "hostnames: [acme.example]\n  emails",
        "hostnames: [app.acme.example]\n  emails",
      ),
    ),
    issues: [
      {
        path: "access.hostnames[0]",
        what: "nothing in this stack serves",
        allowed: "acme.example",
        fix: "write acme.example",
      },
    ],
  },
  {
    name: "GitHub without an identity provider",
    text: stackText(protectedSite("  github: { organization: acme }")),
    issues: [{ path: "access.github", what: "no identity provider", fix: "make an OAuth app" }],
  },
  {
    name: "an e-mail address that is none",
    text: stackText(protectedSite("  emails: [nobody]")),
    issues: [
      {
        path: "access.emails[0]",
        what: "not an e-mail address",
        allowed: "name@example.com",
        fix: "pulumi config set",
      },
    ],
  },
  {
    name: "service tokens of a wrong form",
    text: stackText(
      protectedSite(
        "  serviceTokens: { ci: { duration: 1y, secretVersion: 0 }, uptime: { duraton: 24h }, deploy: forever, Ci: {} }",
      ),
    ),
    issues: [
      {
        path: "access.serviceTokens.ci.duration",
        what: "does not take this duration",
        allowed: "8760h, or forever",
        fix: "pulumi config set",
      },
      {
        path: "access.serviceTokens.ci.secretVersion",
        what: "the least is 1",
        allowed: "rotations",
        fix: "pulumi config set",
      },
      { path: "access.serviceTokens.uptime.duraton", what: "unknown key", fix: "rename it to duration" },
      {
        path: "access.serviceTokens.deploy",
        what: "a map is needed",
        allowed: "`duration` and `secretVersion`",
        fix: "below it",
      },
      { path: "access.serviceTokens.Ci", what: "the name cannot be used", fix: "another key" },
    ],
    schemaSees: true,
  },
  {
    name: "a service token with its duration in a list",
    text: stackText(protectedSite("  serviceTokens: [{ ci: { duration: forever } }]")),
    issues: [
      { path: "access.serviceTokens[0]", what: "not of the right type", allowed: "lower-case", fix: "edit" },
    ],
    schemaSees: true,
  },
  {
    name: "more service tokens than an account takes",
    text: stackText(
      protectedSite(
        `  serviceTokens: { ${Array.from({ length: 50 }, (_, index) => `ci-${index}: {}`).join(", ")} }`,
      ),
    ),
    issues: [{ path: "access.serviceTokens", what: "a map of 50 is too large; the most is 49", fix: "edit" }],
  },
  // Cookies.
  {
    name: "cookies over two registrable domains",
    text: stackText(
      `groundwork:sites:\n  web: { project: acme, hostnames: [acme.example] }\ngroundwork:cookies:\n  domain: .acme.example\n  hostnames: [acme.example, acme-web.pages.dev]`,
    ),
    issues: [
      {
        path: "cookies.hostnames[1]",
        what: "another site (acme-web.pages.dev) than acme.example",
        allowed: "eTLD+1",
        fix: "one domain of your own",
      },
      { path: "cookies.hostnames[1]", what: "nothing in this stack serves", fix: "remove it" },
    ],
  },
  {
    name: "cookies for a public suffix",
    text: stackText(
      "groundwork:sites:\n  web: { project: acme, hostnames: [acme.example] }\ngroundwork:cookies: { domain: .pages.dev, hostnames: [acme.example] }",
    ),
    issues: [{ path: "cookies.domain", what: "public suffix", fix: "write .acme.example" }],
  },
  {
    name: "cookies for a domain beside the host",
    text: stackText(
      "groundwork:sites:\n  web: { project: acme, hostnames: [acme.example] }\ngroundwork:cookies: { domain: .api.acme.example, hostnames: [acme.example] }",
    ),
    issues: [
      {
        path: "cookies.hostnames[0]",
        what: "not below the cookies' domain",
        fix: "write domain: .acme.example",
      },
    ],
  },
  {
    name: "SameSite=None without Secure",
    text: stackText(
      "groundwork:sites:\n  web: { project: acme, hostnames: [acme.example] }\ngroundwork:cookies: { domain: .acme.example, hostnames: [acme.example], sameSite: None, secure: false }",
    ),
    issues: [{ path: "cookies.secure", what: "SameSite=None without Secure", fix: "remove the line" }],
  },
  // Sites.
  {
    name: "a site from git and by upload",
    text: stackText(
      "groundwork:sites:\n  web: { project: acme, directory: site, source: { owner: acme, repository: web }, build: { output: dist } }",
    ),
    issues: [{ path: "sites.web.directory", what: "cannot change from one to the other", fix: "remove one" }],
  },
  {
    name: "one Pages project for two sites",
    text: stackText("groundwork:sites:\n  web: { project: acme }\n  docs: { project: acme }"),
    issues: [{ path: "sites.docs.project", what: "sites.web has this Pages project", fix: "acme-docs" }],
  },
  {
    name: "a secret in what visitors download",
    text: stackText(
      "groundwork:sites:\n  web: { project: acme, environment: { production: { PUBLIC_MAP: { secret: REGISTRY_TOKEN } } } }",
    ),
    issues: [
      {
        path: "sites.web.environment.production.PUBLIC_MAP",
        what: "copied into what visitors download",
        fix: "without the public prefix",
      },
    ],
  },
  // Buckets.
  {
    name: "a bucket's name with capitals and underscores",
    text: stackText("groundwork:buckets:\n  media: { name: Acme_Media }"),
    issues: [
      { path: "buckets.media.name", what: "capital letters", allowed: "3 to 63", fix: "write acme-media" },
    ],
    schemaSees: true,
  },
  {
    name: "a bucket's name that is too short",
    text: stackText("groundwork:buckets:\n  media: { name: ab }"),
    issues: [{ path: "buckets.media.name", what: "2 characters", fix: "pulumi config set" }],
    schemaSees: true,
  },
  {
    name: "a location that does not exist",
    text: stackText(bucket("    location: eu-central-1")),
    issues: [
      {
        path: "buckets.media.location",
        what: "not one of the values",
        allowed: "wnam, enam, weur",
        fix: "pulumi config set",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a location and a jurisdiction",
    text: stackText(bucket("    location: weur\n    jurisdiction: eu")),
    issues: [{ path: "buckets.media.location", what: "jurisdiction: eu decides", fix: "remove location" }],
  },
  {
    name: "a lifetime in seconds",
    text: stackText(bucket("    lifecycle: [{ deleteAfterDays: 2592000 }]")),
    issues: [
      {
        path: "buckets.media.lifecycle[0].deleteAfterDays",
        what: "looks like seconds",
        allowed: "number of days",
        fix: "write 30",
      },
    ],
  },
  {
    name: "a lifecycle rule in the API's own words",
    text: stackText(bucket("    lifecycle: [{ maxAge: 86400 }]")),
    issues: [
      {
        path: "buckets.media.lifecycle[0].maxAge",
        what: "deleteAfterDays is the nearest",
        fix: "rename it to deleteAfterDays",
      },
    ],
    schemaSees: true,
  },
  {
    name: "notifications without a queue, and two for one event",
    text: stackText(
      bucket(
        "    notifications: [{ actions: [PutObject] }, { queue: q, queueId: '00000000000000000000000000000001', actions: [PutObject], prefix: a }]",
      ),
    ),
    issues: [
      { path: "buckets.media.notifications[0]", what: "names no queue", fix: "add queue" },
      { path: "buckets.media.notifications[1]", what: "names two queues", fix: "remove queueId" },
      {
        path: "buckets.media.notifications[1]",
        what: "one event can fit this rule and buckets.media.notifications[0]",
        fix: "narrow one of the two",
      },
    ],
  },
  {
    name: "a queue's name that is none, and an event that R2 has not",
    text: stackText(bucket("    notifications: [{ queue: My_Queue, actions: [Put] }]")),
    issues: [
      {
        path: "buckets.media.notifications[0].queue",
        what: "not the name of a queue",
        allowed: "1 to 63",
        fix: "",
      },
      { path: "buckets.media.notifications[0].actions[0]", what: "", allowed: "PutObject", fix: "" },
    ],
    schemaSees: true,
  },
  {
    name: "storage: a version that is none, and an endpoint without encryption",
    text: stackText("groundwork:storage: { credentialsVersion: 0, endpoint: 'http://storage.acme.example' }"),
    issues: [
      { path: "storage.credentialsVersion", what: "too small", allowed: "a whole number from 1", fix: "" },
      { path: "storage.endpoint", what: "objects would travel unencrypted", fix: "write https://" },
    ],
    schemaSees: true,
  },
  {
    name: "a CORS origin with a slash at its end",
    text: stackText(bucket("    cors: [{ origins: ['https://acme.example/'] }]")),
    issues: [
      { path: "buckets.media.cors[0].origins[0]", what: "no path", fix: "write https://acme.example" },
    ],
  },
  {
    name: "a consumer that is nearly an origin",
    text: stackText(`${ORIGIN}${bucket("    consumers: { apis: write }")}`),
    issues: [
      { path: "buckets.media.consumers.apis", what: "there is no origin apis", fix: "rename it to api" },
    ],
  },
  {
    name: "one bucket twice",
    text: stackText(`${bucket("").trim()}\n  more: { name: acme-media }`),
    issues: [{ path: "buckets.more.name", what: "buckets.media has this name already", fix: "another name" }],
  },
  {
    name: "a consumer whose name is another's with a version",
    text: stackText(`${bucket("    consumers: { api: write, api-v2: read }")}
groundwork:storage: { credentialsVersion: 2 }`),
    issues: [
      {
        path: "buckets.media.consumers.api-v2",
        what: ["the S3 key api-v2", "buckets.media.consumers.api"],
        allowed: "none is another's with a version",
        fix: "rename one",
      },
    ],
  },
  // Generated values.
  {
    name: "generated variables of two origins whose names come to the same",
    text: stackText(`groundwork:origins:
  api: { kind: external, hostnames: [a.acme.example], target: a.fly.dev, environment: { ADMIN_TOKEN: { generate: 16 } } }
  api-admin: { kind: external, hostnames: [b.acme.example], target: b.fly.dev, environment: { TOKEN: { generate: 64 } } }`),
    issues: [
      {
        path: "origins.api-admin.environment.TOKEN",
        what: ["the same secret as groundwork:origins.api.environment.ADMIN_TOKEN", "api-admin-token"],
        allowed: "differ in more than",
        fix: "{from: origins.api.environment.ADMIN_TOKEN}",
      },
    ],
  },
  {
    name: "generated variables that differ in capital letters, or stand in a site and an origin",
    text: stackText(`groundwork:origins:
  web:
    { kind: external, hostnames: [a.acme.example], target: a.fly.dev, environment: { PRODUCTION_SECRET: { generate: 32 }, TOKEN: { generate: 32 }, Token: { generate: 32 } } }
groundwork:sites:
  web: { project: acme, hostnames: [acme.example], environment: { production: { SECRET: { generate: 32 } } } }`),
    issues: [
      {
        path: "origins.web.environment.PRODUCTION_SECRET",
        what: "groundwork:sites.web.environment.production.SECRET",
        fix: "rename one",
      },
      {
        path: "origins.web.environment.Token",
        what: "groundwork:origins.web.environment.TOKEN",
        fix: "rename one",
      },
    ],
  },
  {
    name: "keys of servers among those for browsers, which are right in plain text under a public name",
    text: stackText(`groundwork:sites:
  web:
    project: acme
    environment:
      production:
        NEXT_PUBLIC_FIREBASE_API_KEY: ${fake.googleKey}
        VITE_SUPABASE_ANON_KEY: ${fake.jwt("anon")}
        PUBLIC_MAPBOX_TOKEN: pk.${fake.jwt("map").split(".").slice(1).join(".")}
        PUBLIC_ADMIN_KEY: ${fake.jwt("service_role")}
        PUBLIC_TOKEN: ${fake.token}
        PUBLIC_MAP_TOKEN: sk.${fake.jwt("map").split(".").slice(1).join(".")}
        PUBLIC_DATABASE: ${fake.databaseUrl}
        FIREBASE_KEY: ${fake.googleKey}
        SUPABASE_KEY: ${fake.jwt("anon")}`),
    issues: [
      ["PUBLIC_ADMIN_KEY", "access token of a server"],
      ["PUBLIC_TOKEN", "an access token"],
      ["PUBLIC_MAP_TOKEN", "an access token"],
      ["PUBLIC_DATABASE", "a URL with a password"],
      ["FIREBASE_KEY", "an access token"],
      ["SUPABASE_KEY", "an access token"],
    ].map(([name = "", what = ""]) => ({
      path: `sites.web.environment.production.${name}`,
      what: ["a secret in plain text", what],
      fix: "pulumi config set --secret",
    })),
  },
  {
    name: "CAA records that lack flags or tag, or have too large flags",
    text: stackText(`groundwork:zone:
  records:
    - { name: acme.example, type: CAA, content: "letsencrypt.org" }
    - { name: acme.example, type: CAA, content: "300 issue letsencrypt.org" }
    - { name: acme.example, type: CAA, content: "0 issue letsencrypt.org" }
    - { name: acme.example, type: CAA, content: "128 iodef mailto:ca@acme.example" }`),
    issues: [0, 1].map((index) => ({
      path: `zone.records[${index}].content`,
      what: "flags, a tag and a value",
      allowed: "0 issue letsencrypt.org",
      fix: "write 0 issue",
    })),
  },
  {
    name: "a pull request's environment that would stay for longer than 90 days",
    text: stackText("groundwork:pipelines:\n  branch: main\n  pullRequests: { lifetime: 1000d }"),
    issues: [
      {
        path: "pipelines.pullRequests.lifetime",
        what: "not a lifetime",
        allowed: "at most 90 days",
        fix: "pulumi config set",
      },
    ],
  },
  {
    name: "tables without a schema, with two, or with SQL's quotes",
    text: stackText(database(`    hiddenRelations: [audit, a.b.c, 'public."AuditLog"']`)),
    issues: [0, 1, 2].map((index) => ({
      path: `databases.main.hiddenRelations[${index}]`,
      what: "not schema.table",
      allowed: "public.messages",
      fix: "pulumi config set",
    })),
  },
  {
    name: "roles whose names would be too long, or are those of the application's logins",
    text: stackText(`${database(`    roles: { readOnly: acme_app_a }
    furtherMigrators: [acme_app, acme_app_b, colleague]`)}
  long: { kind: container, origin: api, service: db, database: ${"d".repeat(56)} }
  app: { kind: container, origin: api, service: db, database: other, roles: { app: ${"a".repeat(62)} } }`),
    issues: [
      { path: "databases.main.roles.readOnly", what: "a login of this name", fix: "write another name" },
      { path: "databases.main.furtherMigrators[0]", what: "database's own roles", fix: "remove it" },
      { path: "databases.main.furtherMigrators[1]", what: "database's own roles", fix: "remove it" },
      {
        path: "databases.long.database",
        what: "_migrator would have 65 letters",
        allowed: "at most 63",
        fix: "databases.long.roles",
      },
      { path: "databases.app.roles.app", what: "aa_a would have 64 letters", fix: "write a shorter name" },
    ],
  },
  {
    name: "records twice or with a time of their own where Cloudflare decides, and a redirect to itself",
    text: stackText(`groundwork:zone:
  redirects: [{ from: www.acme.example, to: www.acme.example }]
  records:
    - { name: a.acme.example, type: A, content: 203.0.113.1, proxied: true, ttl: 300 }
    - { name: a.acme.example, type: A, content: 203.0.113.2, proxied: true }
    - { name: a.acme.example, type: A, content: 203.0.113.2, proxied: true }
    - { name: b.acme.example, type: CNAME, content: c.example.com }
    - { name: b.acme.example, type: CNAME, content: d.example.com }`),
    issues: [
      { path: "zone.redirects[0].to", what: "redirects to itself", fix: "remove the redirect" },
      {
        path: "zone.records[0].ttl",
        what: "a proxied record",
        allowed: "1 with proxied",
        fix: "remove the line",
      },
      { path: "zone.records[2]", what: "groundwork:zone.records[1] once more", fix: "remove one" },
      { path: "zone.records[4]", what: "a CNAME record of this name already", fix: "remove one" },
    ],
  },
  // Tunnels.
  {
    name: "a catch-all of one's own in a tunnel",
    text: stackText(tunnel('      api.acme.example: http://api:3001\n      "*": http_status:404')),
    issues: [{ path: 'tunnels.main.ingress["*"]', what: "a wildcard is not a host name", fix: "catchAll" }],
    schemaSees: false,
  },
  {
    name: "a pattern as a tunnel's path",
    text: stackText(tunnel('      api.acme.example: { service: "http://api:3001", path: "/ws.*" }')),
    issues: [
      {
        path: 'tunnels.main.ingress["api.acme.example"].path',
        what: "letter by letter",
        allowed: "/ws",
        fix: "write the path alone",
      },
    ],
  },
  {
    name: "a tunnel's service without a scheme",
    text: stackText(tunnel("      api.acme.example: api:3001")),
    issues: [
      {
        path: 'tunnels.main.ingress["api.acme.example"]',
        what: "scheme is missing",
        fix: "write http://api:3001",
      },
    ],
  },
  {
    name: "a tunnel to another port than the service's",
    text: stackText(tunnel("      api.acme.example: http://api:3000")),
    issues: [
      {
        path: 'tunnels.main.ingress["api.acme.example"]',
        what: "listens on port 3001",
        fix: "write port 3001",
      },
    ],
  },
  {
    name: "a tunnel to the connector's own container",
    text: stackText(tunnel("      api.acme.example: http://localhost:3001")),
    issues: [
      {
        path: 'tunnels.main.ingress["api.acme.example"]',
        what: "cloudflared's own container",
        fix: "http://api:3001",
      },
    ],
  },
  {
    name: "a tunnel that opens a database",
    text: stackText(tunnel("      db.acme.example: tcp://postgres:5432")),
    issues: [
      {
        path: 'tunnels.main.ingress["db.acme.example"]',
        what: "open a database to everybody",
        fix: "SSH tunnel",
      },
    ],
  },
  {
    name: "a proxy with a certificate behind a tunnel",
    text: stackText(
      tunnel("      api.acme.example: http://api:3001", "api: { port: 3001, strategy: start-first }").replace(
        "    composeFile",
        "    proxy: { tls: automatic, cloudflareOnly: true }\n    composeFile",
      ),
    ),
    issues: [
      { path: "origins.app.proxy.tls", what: "a tunnel brings the encryption", fix: "remove it" },
      { path: "origins.app.proxy.cloudflareOnly", what: "nobody comes but Cloudflare", fix: "remove it" },
    ],
  },
  {
    name: "a published port beside a tunnel",
    text: stackText(tunnel("      api.acme.example: http://api:3001", "api: { port: 3001, publish: 80 }")),
    issues: [{ path: "origins.app.services.api.publish", what: "would bypass the tunnel", fix: "remove it" }],
  },
  {
    name: "an origin with a tunnel that does not exist",
    text: stackText(
      tunnel("      api.acme.example: http://api:3001").replace("tunnel: main", "tunnel: mian"),
    ),
    issues: [{ path: "origins.app.tunnel", what: "groundwork:tunnels has no entry", fix: "write main" }],
  },
  // References.
  {
    name: "a reference to nothing",
    text: stackText(originWith("environment: { DATABASE_URL: { from: databases.main.appUrl } }")),
    issues: [
      {
        path: "origins.api.environment.DATABASE_URL.from",
        what: ["leads to nothing", "no entry main"],
        allowed: "no entry",
        fix: "pulumi config set",
      },
    ],
  },
  {
    name: "a reference to an output that does not exist, with the nearest one",
    text: stackText(
      database("").replace(
        "    services:",
        "    environment: { DATABASE_URL: { from: databases.main.appURI } }\n    services:",
      ),
    ),
    issues: [
      {
        path: "origins.api.environment.DATABASE_URL.from",
        what: "no output appURI",
        allowed: "databases.main.appUrl",
        fix: "write from: databases.main.appUrl",
      },
    ],
  },
  {
    name: "a bucket's key without being its consumer",
    text: stackText(
      `${originWith("environment: { KEY_ID: { from: buckets.media.accessKeyId } }").trim()}${bucket("")}`,
    ),
    issues: [
      {
        path: "origins.api.environment.KEY_ID.from",
        what: "api is not a consumer of buckets.media",
        fix: "api: read",
      },
    ],
  },
  {
    name: "variables that name each other in a circle",
    text: stackText(
      originWith(
        "environment:\n  A: { from: origins.api.environment.B }\n  B: { from: origins.api.environment.C }\n  C: { from: origins.api.environment.A }",
      ),
    ),
    issues: [
      {
        path: "origins.api.environment.A.from",
        what: ["circle", "environment.B", "environment.C"],
        fix: "a value of its own",
      },
    ],
  },
  {
    name: "a secret as a build argument",
    text: stackText(
      ORIGIN.replace(
        "healthPath: /health",
        "build: { context: api, arguments: { SENTRY_AUTH: { secret: REGISTRY_TOKEN } } }",
      ),
    ),
    issues: [
      {
        path: "origins.api.services.api.build.arguments.SENTRY_AUTH",
        what: "readable in the image's layers",
        fix: "build.secrets.SENTRY_AUTH",
      },
    ],
  },
  {
    name: "a resolve entry with a bare IPv6 address",
    text: stackText("groundwork:resolve: ['2001:db8::10:22:127.0.0.1:2222']"),
    issues: [
      {
        path: "resolve[0]",
        what: "needs brackets",
        allowed: "host:port:address:port",
        fix: "pulumi config set",
      },
    ],
  },
  {
    name: "resolve entries of a wrong form",
    text: stackText(
      "groundwork:resolve: ['host:22', 'vm.acme.example:22:localhost:2222', 'vm.acme.example:0:127.0.0.1:22']",
    ),
    issues: [
      { path: "resolve[0]", what: "not of the form", fix: "pulumi config set" },
      { path: "resolve[1]", what: "not an IP address", fix: "pulumi config set" },
      { path: "resolve[2]", what: "first port", fix: "pulumi config set" },
    ],
  },
  {
    name: "a token that may do nothing",
    text: stackText("groundwork:tokens: { live: {} }"),
    issues: [{ path: "tokens.live", what: "may do nothing", fix: "Stream Write" }],
  },
  {
    name: "a permission that does not exist",
    text: stackText("groundwork:tokens: { live: { permissions: [Streem Write] } }"),
    issues: [
      { path: "tokens.live.permissions[0]", what: "not one of the values", fix: "write Stream Write" },
    ],
    schemaSees: true,
  },
  // Secrets.
  {
    name: "a missing secret",
    text: stackText(originWith("registry: { server: ghcr.io, username: acme, passwordSecret: GHCR_TOKEN }"), [
      "CLOUDFLARE_API_TOKEN",
      "SSH_PRIVATE_KEY",
    ]),
    issues: [
      {
        path: "secrets.GHCR_TOKEN",
        what: ["GHCR_TOKEN is missing", "origins.api.registry.passwordSecret"],
        fix: "pulumi config set --secret --path 'groundwork:secrets.GHCR_TOKEN' -s staging  (`npx groundwork sandbox -s staging` runs without it)",
      },
    ],
  },
  {
    name: "a missing secret with a misspelt one beside it",
    text: stackText("groundwork:costs: {}", ["CLOUDFLARE_API_TOKN"]),
    issues: [
      {
        path: "secrets.CLOUDFLARE_API_TOKEN",
        what: "there is a secret CLOUDFLARE_API_TOKN that nothing uses",
        allowed: "environment's CLOUDFLARE_API_TOKEN",
        fix: "pulumi config set --secret",
      },
    ],
  },
  {
    name: "a secret in plain text among the secrets",
    text: stackText(`groundwork:secrets:\n  CLOUDFLARE_API_TOKEN: ${fake.password}`),
    issues: [
      {
        path: "secrets.CLOUDFLARE_API_TOKEN",
        what: "stands in plain text",
        allowed: "encrypted",
        fix: "pulumi config set --secret --path 'groundwork:secrets.CLOUDFLARE_API_TOKEN' -s staging",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a secret in plain text in an environment, by its name",
    text: stackText(originWith(`environment: { SECRET_KEY_BASE: ${fake.password} }`)),
    issues: [
      {
        path: "origins.api.environment.SECRET_KEY_BASE",
        what: ["secret in plain text", "by its name"],
        fix: "groundwork:secrets.SECRET_KEY_BASE",
      },
    ],
  },
  {
    name: "an access token in plain text, by its looks",
    text: stackText(originWith(`environment: { NOTHING: ${fake.token} }`)),
    issues: [
      {
        path: "origins.api.environment.NOTHING",
        what: "an access token",
        fix: "write {secret: NOTHING} here",
      },
    ],
  },
  {
    name: "a connection string with a password",
    text: stackText(originWith(`environment: { DB: "${fake.databaseUrl}" }`)),
    issues: [
      {
        path: "origins.api.environment.DB",
        what: "a URL with a password",
        fix: "change the secret where it comes from",
      },
    ],
  },
  {
    name: "a private key in plain text",
    text: stackText(`groundwork:hosts:\n  one: { address: 203.0.113.10, hostKey: "${fake.privateKey}" }`),
    issues: [{ path: "hosts.one.hostKey", what: "a private key", fix: "groundwork:secrets.HOST_KEY" }],
  },
  {
    name: "a token of another package in plain text",
    text: stackText(`other:apiToken: ${fake.token}`),
    issues: [
      { path: '["other:apiToken"]', what: "an access token", fix: "groundwork:secrets.OTHER_API_TOKEN" },
    ],
  },
  {
    name: "an encrypted value outside of the secrets",
    text: stackText(originWith("environment: { SENTRY_DSN: { secure: 'v1:AAAA:BBBB' } }")),
    issues: [
      {
        path: "origins.api.environment.SENTRY_DSN",
        what: "outside of groundwork:secrets",
        fix: "{secret: SENTRY_DSN}",
      },
    ],
    schemaSees: true,
  },
  {
    name: "secrets as a list",
    text: stackText(`groundwork:secrets: [${fake.password}]`),
    issues: [{ path: "secrets", what: "not a map", fix: "pulumi config set --secret" }],
    schemaSees: true,
  },
  {
    name: "a secret itself where its name belongs",
    text: stackText(
      originWith(`registry: { server: ghcr.io, username: acme, passwordSecret: ${fake.password} }`),
    ),
    issues: [
      {
        path: "origins.api.registry.passwordSecret",
        what: "not the name of a secret",
        fix: "pulumi config set",
      },
    ],
    schemaSees: true,
  },
  {
    name: "a name of a secret in lower case",
    text: stackText(originWith("registry: { server: ghcr.io, username: acme, passwordSecret: ghcr-token }")),
    issues: [
      {
        path: "origins.api.registry.passwordSecret",
        what: "not the name of a secret",
        allowed: "capital letters",
        fix: "pulumi config set",
      },
    ],
    schemaSees: true,
  },
  // Tiers and development.
  {
    name: "a production stack that says it is not",
    stack: "prod",
    text: stackText("groundwork:tier: staging"),
    issues: [{ path: "tier", what: "would lose what protects production", fix: "remove the line" }],
  },
  {
    name: "development services in production",
    stack: "acme/groundwork/prod",
    text: stackText("groundwork:dev: { services: { postgres: { port: 5432 } } }"),
    issues: [{ path: "dev", what: "in a production stack", fix: "Pulumi.dev.yaml" }],
  },
  {
    name: "two development services on one port",
    text: stackText("groundwork:dev: { services: { minio: { port: 9000 }, other: { port: 9000 } } }"),
    issues: [{ path: "dev.services.other.port", what: "port 9000 of this machine", fix: "another port" }],
  },
  {
    name: "ranges of worktrees that overlap",
    text: stackText("groundwork:dev: { worktrees: { web: 3100-3999, api: 3900-4999 } }"),
    issues: [{ path: "dev.worktrees.api", what: "overlaps that of web", fix: "start above 3999" }],
  },
];
