import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { deploySettings } from "../../platform/platform";
import { SettingsError, validateStackFile } from "../../platform/settings";
import { Mocks, runWith } from "../support/mocks";
import { HOST_KEY, stackText } from "./settings/stack-text";

const folder = mkdtempSync(join(tmpdir(), "groundwork-deploy-order-"));
const privateKey = generateKeyPairSync("ed25519").privateKey.export({
  type: "pkcs8",
  format: "pem",
}) as string;

beforeAll(() => {
  writeFileSync(
    join(folder, "compose.yaml"),
    "services:\n  api: { image: api:1 }\n  db: { image: postgres:17 }\n",
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What happens to the steps of a whole stack, in its order: `start api-rollout`, `end api-rollout`. */
async function deploy(body: string): Promise<string[]> {
  const result = validateStackFile({ file: "Pulumi.staging.yaml", text: stackText(body), stack: "staging" });
  if ("issues" in result) throw new SettingsError(result.issues);
  const { settings } = result;
  const events: string[] = [];
  // Roles and applications of Access take their time, so that who does not wait for them is ahead.
  const slowly =
    (milliseconds: (name: string) => number, outputs: Readonly<Record<string, unknown>> = {}) =>
    async (_inputs: unknown, name: string) => {
      events.push(`start ${name}`);
      await sleep(milliseconds(name));
      events.push(`end ${name}`);
      return outputs;
    };
  const step = slowly((name) => (name.includes("-roles") ? 200 : 0), { stdout: "{}", stderr: "" });
  const made = slowly(() => 0);
  const mocks = new Mocks({
    "pulumi:providers:cloudflare": () => ({}),
    "random:index/randomBytes:RandomBytes": () => ({ base64: "c2VlZA==" }),
    "random:index/randomPassword:RandomPassword": (_inputs, name) => ({
      result: pulumi.secret(`secret-of-${name}`),
    }),
    "command:remote:Command": step,
    "command:local:Command": step,
    "cloudflare:index/dnsRecord:DnsRecord": made,
    "cloudflare:index/r2Bucket:R2Bucket": () => ({}),
    "cloudflare:index/r2CustomDomain:R2CustomDomain": made,
    "cloudflare:index/r2ManagedDomain:R2ManagedDomain": () => ({}),
    "cloudflare:index/ruleset:Ruleset": () => ({}),
    "cloudflare:index/zoneSetting:ZoneSetting": () => ({}),
    "cloudflare:index/pagesDomain:PagesDomain": made,
    "cloudflare:index/pagesProject:PagesProject": (inputs) => ({
      subdomain: `${String(inputs["name"])}.pages.dev`,
    }),
    "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication": slowly(() => 600, {
      aud: "aud",
    }),
    "cloudflare:index/zeroTrustAccessIdentityProvider:ZeroTrustAccessIdentityProvider": () => ({}),
    "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy": () => ({}),
    "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken": () => ({
      clientId: "client",
      clientSecret: pulumi.secret("the token's secret"),
    }),
    "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared": () => ({}),
    "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig": () => ({}),
  });
  const secrets = (name: string) => pulumi.secret(name === "SSH_PRIVATE_KEY" ? privateKey : `the ${name}`);
  await runWith(mocks, () => deploySettings({ settings, secrets }, folder));
  return events;
}

/** Those events that are named, in the order in which they were. */
const among = (events: readonly string[], named: readonly string[]) =>
  events.filter((event) => named.includes(event));

const zone = `
groundwork:cloudflare:
  accountId: "${"0".repeat(29)}0a1"
  zoneId: "${"0".repeat(29)}0b1"
`;
const elsewhere = `
groundwork:databases:
  main:
    kind: external
    host: db.service.example
    database: acme
    adminUser: owner
    adminPasswordSecret: DATABASE_PASSWORD
`;
const released = `
groundwork:origins:
  api:
    kind: external
    target: acme.fly.dev
    hostnames: [api.acme.example]
    releaseCommand: [deploy]
    environment:
      DATABASE_URL: { from: databases.main.appUrl }
      MIGRATION_DATABASE_URL: { from: databases.main.migratorUrl }
`;
const onHost = (name: string, host: string) => `
  ${name}:
    kind: compose
    host: ${host}
    hostnames: [${name}.acme.example]
    composeFile: compose.yaml
    project: acme
    services:
      api: { port: 4000, publish: 80, healthPath: /health }
    environment:
      DATABASE_URL: { from: databases.main.appUrl }
`;
const hosts = (...names: readonly string[]) =>
  `groundwork:hosts:\n${names
    .map((name, index) => `  ${name}: { address: 203.0.113.${index + 10}, hostKey: "${HOST_KEY}" }`)
    .join("\n")}\n`;
const compose = `${hosts("one")}groundwork:origins:\n${onHost("api", "one")}    migrations: { service: api, command: [migrate] }\n`;

describe("a database elsewhere", () => {
  test("an external origin is told of its logins when they are there, and what its migrations made is granted before the release", async () => {
    const events = await deploy(`${zone}${elsewhere}${released}    migrateCommand: [migrate]\n`);
    const order = [
      ...["start main-roles", "end main-roles", "start api-migrations", "end api-migrations"],
      ...["start main-roles-after-migrations", "end main-roles-after-migrations"],
      ...["start api-released", "end api-released"],
    ];
    expect(among(events, order)).toEqual(order);
  });

  test("where the platform migrates, grants are made once more after the release", async () => {
    const events = await deploy(`${zone}${elsewhere}${released}`);
    const order = [
      ...["start main-roles", "end main-roles", "start api-released", "end api-released"],
      ...["start main-roles-after-migrations", "end main-roles-after-migrations", "start api-certificates"],
    ];
    expect(among(events, order)).toEqual(order);
  });

  test("a release on a host waits for its logins, and for grants on what its migrations made", async () => {
    const events = await deploy(`${zone}${elsewhere}${compose}`);
    const order = [
      ...["start main-roles", "end main-roles", "start api-files", "end api-files"],
      ...["start api-migrations", "end api-migrations"],
      ...["start main-roles-after-migrations", "end main-roles-after-migrations"],
      ...["start api-rollout", "end api-rollout"],
    ];
    expect(among(events, order)).toEqual(order);
  });

  test("who migrates nothing there grants nothing there, and each of several that migrate does", async () => {
    const reader = released.replace(/ +MIGRATION_DATABASE_URL.*\n/, "");
    expect((await deploy(`${zone}${elsewhere}${reader}`)).filter((each) => each.includes("roles"))).toEqual([
      "start main-roles",
      "end main-roles",
    ]);
    const both = `${released}${released.replace(/^\ngroundwork:origins:\n/, "").replaceAll("api", "worker")}`;
    const started = (await deploy(`${zone}${elsewhere}${both}`)).filter((each) =>
      /start .*-roles/.test(each),
    );
    expect(started.sort()).toEqual([
      "start main-roles",
      "start main-roles-after-migrations",
      "start main-roles-after-migrations-2",
    ]);
  });
});

describe("a database in a container", () => {
  const migrating = "    migrations: { service: api, command: [migrate] }\n";
  const databases = (place: string) =>
    `groundwork:databases:\n  main: { kind: container, ${place}, service: db, database: acme }\n`;

  test("of a project that no origin of the stack deploys: its roles are there before anybody is told of them", async () => {
    const events = await deploy(`${zone}${databases("host: one, project: data")}${compose}`);
    const order = [
      ...["start main-roles", "end main-roles", "start api-files", "end api-files"],
      ...["start api-migrations", "end api-migrations"],
      ...["start main-roles-after-migrations", "end main-roles-after-migrations"],
      ...["start api-rollout", "end api-rollout"],
    ];
    expect(among(events, order)).toEqual(order);
    expect(events).not.toContain("start api-database");
  });

  test("is started by its own origin, not by one of the same project on another host", async () => {
    const origins = `groundwork:origins:\n${onHost("api", "one")}${migrating}${onHost("worker", "two")}${migrating}`;
    const events = await deploy(`${zone}${hosts("one", "two")}${databases("origin: api")}${origins}`);
    expect(events).toContain("start api-database");
    expect(events).toContain("start worker-rollout");
    expect(events).not.toContain("start worker-database");
    expect(events.filter((each) => each === "start main-roles-after-migrations")).toHaveLength(1);
  });
});

describe("Access in front of host names", () => {
  const swarm = `
  swarm:
    kind: swarm
    hosts: [two]
    hostnames: [swarm.acme.example]
    composeFile: compose.yaml
    project: swarm
    proxy: { tls: none, routes: { "/*": api } }
    services:
      api: { port: 4000, healthPath: /health }
`;
  const everyKind = (hostnames: readonly string[]) => `${zone}
groundwork:access:
  hostnames: [${hostnames.join(", ")}]
  emails: [dev@acme.example]
  publicPaths: [${hostnames.slice(0, 1).join()}/health]
groundwork:sites:
  web: { project: acme, hostnames: [www.acme.example, open.acme.example] }
groundwork:tunnels:
  home: { ingress: { tunnel.acme.example: "http://api:4000" } }
groundwork:buckets:
  media: { name: acme-media, customDomain: media.acme.example }
groundwork:zone:
  ssl: flexible
  redirects: [{ from: old.acme.example, to: www.acme.example }]
  records: [{ name: by-hand.acme.example, type: A, content: 203.0.113.9, proxied: true }]
${hosts("one", "two", "three")}groundwork:origins:
${onHost("api", "one").replace(/ +environment:[^]*/, "")}${swarm}
  far: { kind: external, target: acme.fly.dev, hostnames: [far.acme.example] }
  home:
    kind: tunnel
    host: three
    tunnel: home
    composeFile: compose.yaml
    project: home
    services:
      api: { port: 4000 }
`;
  // An application takes five.
  test.each<[string, readonly string[], readonly string[]]>([
    [
      "a site, hosts, a platform and a tunnel",
      ["www", "api", "swarm", "far", "tunnel"].map((label) => `${label}.acme.example`),
      [
        ...["web-domain-www.acme.example", "web-dns-www.acme.example", "api-dns-api.acme.example"],
        ...["swarm-dns-swarm.acme.example", "far-dns-far.acme.example", "home-dns-tunnel.acme.example"],
      ],
    ],
    [
      "a bucket, the zone's own redirects and records",
      ["media", "old", "by-hand"].map((label) => `${label}.acme.example`),
      ["buckets-media-domain", "zone-redirect-old.acme.example", "zone-record-a-by-hand.acme.example"],
    ],
  ])(
    "what makes a host name reachable waits for every application in front, whatever serves it: %s",
    async (_what, hostnames, exposing) => {
      const events = await deploy(everyKind(hostnames));
      const inFront = Math.max(events.indexOf("end access"), events.indexOf("end access-public-paths"));
      expect(inFront).toBeGreaterThan(-1);
      expect(events).toEqual(expect.arrayContaining(exposing.map((name) => `start ${name}`)));
      const early = exposing.filter((name) => events.indexOf(`start ${name}`) < inFront);
      expect({ early }).toEqual({ early: [] });
    },
  );

  test("neither a host name that is open to everybody nor the steps on hosts wait for them", async () => {
    const events = await deploy(everyKind(["www.acme.example"]));
    const inFront = events.indexOf("end access");
    const free = ["web-domain-open.acme.example", "web-dns-open.acme.example", "api-prepared", "api-rollout"];
    for (const name of free) {
      expect({ name, before: events.indexOf(`start ${name}`) < inFront }).toEqual({ name, before: true });
    }
  });
});
