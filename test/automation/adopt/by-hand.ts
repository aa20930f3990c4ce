/** A zone as somebody has made it by hand, through the official SDK. */
import { randomBytes } from "node:crypto";
import type Cloudflare from "cloudflare";

const accountId = "000000000000000000000000000000a1";
const zoneId = "000000000000000000000000000000b1";

/** Ids of what was made, by a word for each. */
export type MadeByHand = Readonly<Record<string, string>>;

/** A bit of everything that a stack can say, and of what it cannot. */
export async function makeByHand(client: Cloudflare): Promise<MadeByHand> {
  return {
    ...(await zone(client)),
    ...(await site(client)),
    ...(await buckets(client)),
    ...(await access(client)),
    ...(await tunnel(client)),
  };
}

async function zone(client: Cloudflare): Promise<MadeByHand> {
  const settings: Record<string, unknown> = { ssl: "full", always_use_https: "on", early_hints: "on" };
  for (const [id, value] of Object.entries(settings)) {
    await client.zones.settings.edit(id, { zone_id: zoneId, value });
  }
  await client.zones.settings.edit("security_header", {
    zone_id: zoneId,
    value: {
      strict_transport_security: {
        enabled: true,
        max_age: 86_400,
        include_subdomains: false,
        preload: false,
        nosniff: true,
      },
    },
  });
  const records = [
    {
      name: "api.example.com",
      type: "A",
      content: "203.0.113.10",
      ttl: 1,
      proxied: true,
      comment: "the host",
    },
    { name: "lb.example.com", type: "A", content: "203.0.113.11", ttl: 300 },
    { name: "lb.example.com", type: "A", content: "203.0.113.12", ttl: 300 },
    { name: "example.com", type: "TXT", content: '"v=spf1 -all"', ttl: 3600 },
    { name: "example.com", type: "MX", content: "mx.example.net", priority: 20, ttl: 1 },
    { name: "example.com", type: "CAA", data: { flags: 0, tag: "issue", value: "letsencrypt.org" }, ttl: 1 },
    {
      name: "_sip._tcp.example.com",
      type: "SRV",
      data: { priority: 1, weight: 1, port: 5060, target: "sip.example.net" },
      ttl: 1,
    },
  ];
  const made: Record<string, string> = {};
  for (const [index, record] of records.entries()) {
    const { id } = await client.dns.records.create({ zone_id: zoneId, ...record } as never);
    made[`record ${index} ${record.type}`] = id;
  }
  const firewall = (await client.rulesets.create({
    zone_id: zoneId,
    kind: "zone",
    name: "default",
    phase: "http_request_firewall_custom",
    rules: [
      {
        action: "block",
        expression: '(http.request.uri.path eq "/xmlrpc.php")',
        description: "No XML-RPC",
      },
    ],
  } as never)) as { id: string };
  await client.rulesets.create({
    zone_id: zoneId,
    kind: "zone",
    name: "default",
    phase: "http_request_transform",
    rules: [
      {
        action: "rewrite",
        expression: '(http.request.uri.path eq "/old")',
        description: "An old path",
        action_parameters: { uri: { path: { value: "/new" } } },
      },
    ],
  } as never);
  return { ...made, firewall: firewall.id };
}

async function site(client: Cloudflare): Promise<MadeByHand> {
  const project = await client.pages.projects.create({
    account_id: accountId,
    name: "shop-web",
    production_branch: "trunk",
    build_config: { build_command: "npm run build", destination_dir: "dist", root_dir: "web" },
    deployment_configs: {
      production: {
        env_vars: {
          PUBLIC_API: { type: "plain_text", value: "https://api.example.com" },
          // Nobody can read it again.
          SENDING_KEY: { type: "secret_text", value: randomBytes(12).toString("hex") },
        },
      },
      preview: { env_vars: { PUBLIC_API: { type: "plain_text", value: "https://api.example.com" } } },
    },
  } as never);
  await client.pages.projects.domains.create("shop-web", { account_id: accountId, name: "www.example.com" });
  const record = await client.dns.records.create({
    zone_id: zoneId,
    name: "www.example.com",
    type: "CNAME",
    content: project.subdomain ?? "",
    ttl: 1,
    proxied: true,
  });
  return { project: project.id ?? "", siteRecord: record.id };
}

async function buckets(client: Cloudflare): Promise<MadeByHand> {
  await client.r2.buckets.create({ account_id: accountId, name: "shop-media" });
  const inEurope = { headers: { "cf-r2-jurisdiction": "eu" } };
  await client.r2.buckets.create({ account_id: accountId, name: "shop-eu" }, inEurope);
  await client.r2.buckets.cors.update("shop-media", {
    account_id: accountId,
    rules: [{ allowed: { origins: ["https://www.example.com"], methods: ["GET"] } }],
  });
  await client.r2.buckets.domains.custom.create("shop-media", {
    account_id: accountId,
    domain: "media.example.com",
    enabled: true,
    zoneId,
  });
  return {};
}

/** A login in front of the API, with two paths that stay open: an application each. And one that is of nothing here. */
async function access(client: Cloudflare): Promise<MadeByHand> {
  const account = { account_id: accountId };
  const { applications, policies } = client.zeroTrust.access;
  const pin = await client.zeroTrust.identityProviders.create({
    ...account,
    type: "onetimepin",
    name: "Code by e-mail",
    config: {},
  } as never);
  const team = await policies.create({
    ...account,
    name: "Our people",
    decision: "allow",
    include: [{ email_domain: { domain: "example.com" } }, { email: { email: "guest@example.org" } }],
  });
  const anybody = await policies.create({
    ...account,
    name: "Anybody",
    decision: "bypass",
    include: [{ everyone: {} }],
  });
  const app = async (name: string, uri: string, policy: string | undefined) => {
    const { id } = await applications.create({
      ...account,
      type: "self_hosted",
      name,
      destinations: [{ type: "public", uri }],
      policies: [{ id: policy, precedence: 1 }],
      session_duration: "12h",
    } as never);
    return id ?? "";
  };
  return {
    pin: pin.id ?? "",
    team: team.id ?? "",
    anybody: anybody.id ?? "",
    app: await app("API", "api.example.com", team.id),
    health: await app("API health", "api.example.com/health", anybody.id),
    docs: await app("API docs", "api.example.com/docs", anybody.id),
  };
}

async function tunnel(client: Cloudflare): Promise<MadeByHand> {
  const account = { account_id: accountId };
  const { cloudflared } = client.zeroTrust.tunnels;
  const { id = "" } = await cloudflared.create({ ...account, name: "office", config_src: "cloudflare" });
  await cloudflared.configurations.update(id, {
    ...account,
    config: {
      ingress: [
        { hostname: "tools.example.com", service: "http://tools:8080" },
        { hostname: "", service: "http_status:404" },
      ],
    },
  });
  const record = await client.dns.records.create({
    zone_id: zoneId,
    name: "tools.example.com",
    type: "CNAME",
    content: `${id}.cfargotunnel.com`,
    ttl: 1,
    proxied: true,
  });
  return { tunnel: id, tunnelRecord: record.id };
}
