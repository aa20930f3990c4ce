import { type SettingsIssue, validateStackFiles } from "../../platform/settings";
import { HOST_KEY, ORIGIN, stackText } from "./settings/stack-text";

function issuesOf(staging: string, prod: string): readonly SettingsIssue[] {
  const result = validateStackFiles([
    { file: "Pulumi.staging.yaml", stack: "staging", text: stackText(staging) },
    { file: "Pulumi.prod.yaml", stack: "prod", text: stackText(prod) },
  ]);
  return "issues" in result ? result.issues : [];
}

const site = (project: string, hostname: string): string =>
  `groundwork:sites:\n  web: { project: ${project}, hostnames: [${hostname}] }`;
const database = (name: string): string =>
  `groundwork:databases:\n  main: { kind: external, host: db.provider.example, database: ${name}, adminUser: admin, adminPasswordSecret: DATABASE_PASSWORD }`;
const tunnel = (name: string, hostname: string): string =>
  `groundwork:tunnels:\n  main: { ${name}ingress: { ${hostname}: "http://web:80" } }`;
const proxied = (project: string, hostname: string, more: string): string =>
  ORIGIN.replace("publish: 80", "strategy: start-first")
    .replace("api.acme.example", hostname)
    .replace("project: acme", `project: ${project}\n    originCertificate: {}\n    proxy: { ${more} }`);
const sharedServer = (name: string, app: string): string =>
  `groundwork:databases:\n  main: { kind: external, host: db.provider.example, database: ${name}, adminUser: admin, adminPasswordSecret: DATABASE_PASSWORD, roles: { app: ${app} } }`;
const backedUp = `groundwork:databases:
  main:
    kind: container
    origin: api
    service: db
    database: acme
    backups:
      schedule: 15 3 * * *
      s3: { endpoint: "https://s3.example.com", bucket: acme-backups, accessKeyIdSecret: REGISTRY_TOKEN, secretAccessKeySecret: REGISTRY_TOKEN }
`;
const notified = (name: string): string =>
  `groundwork:buckets:\n  media: { name: ${name}, notifications: [{ queue: media-added, actions: [PutObject] }] }`;
const access = (hostname: string): string =>
  `groundwork:access: { hostnames: [${hostname}], emails: [dev@acme.example] }`;
const other = ORIGIN.replace("203.0.113.10", "203.0.113.11").replace("api.acme", "api-prod.acme");

describe("what two stacks may not share", () => {
  test.each<[string, string, string, string, string]>([
    [
      "a bucket",
      "groundwork:buckets:\n  media: { name: acme-media }",
      "groundwork:buckets:\n  files: { name: acme-media }",
      "buckets.files.name",
      "acme-media-prod",
    ],
    ["a database", database("acme"), database("acme"), "databases.main.database", "acme_prod"],
    [
      "a Pages project",
      site("acme", "stg.acme.example"),
      site("acme", "acme.example"),
      "sites.web.project",
      "acme-prod",
    ],
    [
      "a host name",
      site("acme-stg", "acme.example"),
      site("acme", "acme.example"),
      "sites.web.hostnames[0]",
      "prod-acme.example",
    ],
    [
      "the settings of the zone",
      "groundwork:zone: {}",
      "groundwork:zone: {}",
      "zone",
      "pulumi config rm 'groundwork:zone' -s prod",
    ],
    [
      "a tunnel",
      tunnel("name: acme, ", "a.acme.example"),
      tunnel("name: acme, ", "b.acme.example"),
      "tunnels.main.name",
      "leave it out",
    ],
    [
      "an application",
      "groundwork:origins:\n  api: { kind: external, hostnames: [a.acme.example], target: acme.fly.dev }",
      "groundwork:origins:\n  api: { kind: external, hostnames: [b.acme.example], target: acme.fly.dev }",
      "origins.api.target",
      "this environment's own",
    ],
    [
      "port 80 of the host 203.0.113.10",
      proxied("acme", "a.acme.example", "httpsPort: 8443"),
      proxied("acme-prod", "b.acme.example", ""),
      "origins.api.proxy.httpPort",
      "another host",
    ],
    [
      "a role of one database server",
      sharedServer("acme_staging", "acme_app"),
      sharedServer("acme", "acme_app"),
      "databases.main.roles.app",
      "acme_app_prod",
    ],
    [
      "a repository of backups",
      `${ORIGIN}${backedUp}`,
      `${other}${backedUp}`,
      "databases.main.backups.s3.bucket",
      "acme-backups-prod",
    ],
    [
      "a queue",
      notified("acme-staging"),
      notified("acme"),
      "buckets.media.notifications[0].queue",
      "media-added-prod",
    ],
    [
      "the account's only one-time PIN provider",
      `${site("acme-stg", "stg.acme.example")}\n${access("stg.acme.example")}`,
      `${site("acme", "acme.example")}\n${access("acme.example")}`,
      "access",
      "oneTimePinProviderId",
    ],
  ])("%s", (what, staging, prod, path, fix) => {
    const issues = issuesOf(staging, prod);
    expect(issues.map((issue) => [issue.file, issue.path])).toEqual([["Pulumi.prod.yaml", path]]);
    expect(issues[0]?.what).toContain(`prod and staging share ${what}`);
    expect(issues[0]?.what).toContain("in Pulumi.staging.yaml has it already");
    expect(issues[0]?.fix).toContain(fix);
    expect(issues[0]?.line).toBeGreaterThan(0);
  });

  test("a compose project and a port of one machine, whatever the hosts' entries are called", () => {
    const prod = ORIGIN.replace("api.acme", "api-prod.acme")
      .replace("  one:", "  machine:")
      .replace("host: one", "host: machine");
    expect(issuesOf(ORIGIN, prod).map(({ path }) => path)).toEqual([
      "origins.api.project",
      "origins.api.services.api.publish",
    ]);
  });

  test("a compose project that one has and the other makes for its proxy", () => {
    const one = ORIGIN.replace("project: acme", "project: acme-proxy");
    const two = proxied("acme", "api-prod.acme.example", "httpPort: 8080, httpsPort: 8443");
    const issues = issuesOf(one, two);
    expect(issues.map(({ path }) => path)).toEqual(["origins.api.project"]);
    expect(issues[0]?.what).toContain("prod and staging share the compose project acme-proxy on one host");
  });

  test("a database container of one compose project", () => {
    const main = (host: string): string =>
      `groundwork:hosts:\n  one: { address: 203.0.113.10, hostKey: "${HOST_KEY}" }\ngroundwork:databases:\n  main: { kind: container, host: ${host}, project: data, service: db, database: acme }`;
    expect(issuesOf(main("one"), main("one")).map(({ path }) => path)).toEqual(["databases.main.database"]);
  });

  test("each by itself is checked too, and everything comes at once", () => {
    const issues = issuesOf(
      "groundwork:zone: { ssl: strct }",
      "groundwork:zone: { ssl: strict, brotli: yes }",
    );
    expect(issues.map(({ file, path }) => [file, path])).toEqual([
      ["Pulumi.staging.yaml", "zone.ssl"],
      ["Pulumi.prod.yaml", "zone"],
      ["Pulumi.prod.yaml", "zone.brotli"],
    ]);
  });

  test("the same on other accounts, other machines and under other names is fine", () => {
    expect(
      issuesOf(`${ORIGIN}${site("acme-stg", "stg.acme.example")}`, `${other}${site("acme", "acme.example")}`),
    ).toEqual([]);
  });
});
