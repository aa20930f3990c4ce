import { randomBytes } from "node:crypto";

/** What must never be in a model or on a page. */
export const canary = `canary-${randomBytes(9).toString("hex")}`;

const signature = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };

/** A secret as `pulumi stack export --show-secrets` writes it. */
export function secret(value: unknown = canary): unknown {
  return { ...signature, plaintext: JSON.stringify(value) };
}

interface Sample {
  urn: string;
  type: string;
  custom: boolean;
  id?: string;
  parent?: string;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
}

const stackUrn = "urn:pulumi:staging::groundwork::pulumi:pulumi:Stack::groundwork-staging";

/** Resources of a staging environment as large as the real one: more than sixty. */
export function sampleResources(): Sample[] {
  const resources: Sample[] = [
    { urn: stackUrn, type: "pulumi:pulumi:Stack", custom: false, inputs: {}, outputs: {} },
    {
      urn: "urn:pulumi:staging::groundwork::pulumi:providers:cloudflare::cloudflare",
      type: "pulumi:providers:cloudflare",
      custom: true,
      id: "p",
      parent: stackUrn,
      inputs: { apiToken: secret() },
      outputs: { apiToken: secret() },
    },
  ];
  const component = (
    type: string,
    name: string,
    outputs: Record<string, unknown> = {},
    inputs: Record<string, unknown> = {},
  ) => {
    const urn = `urn:pulumi:staging::groundwork::groundwork:index:${type}::${name}`;
    resources.push({
      urn,
      type: `groundwork:index:${type}`,
      custom: false,
      parent: stackUrn,
      inputs,
      outputs,
    });
    return (childType: string, child: string, properties: Record<string, unknown>) =>
      resources.push({
        urn: `urn:pulumi:staging::groundwork::groundwork:index:${type}$${childType}::${child}`,
        type: childType,
        custom: true,
        id: `${resources.length}`.padStart(32, "0"),
        parent: urn,
        inputs: properties,
        outputs: properties,
      });
  };

  const zone = component("ZoneBaseline", "zone");
  const settings: Record<string, unknown> = {
    ssl: "strict",
    min_tls_version: "1.2",
    always_use_https: "on",
    websockets: "on",
    brotli: "on",
    tls_1_3: "on",
    http3: "on",
    ipv6: "on",
    "0rtt": "off",
    opportunistic_encryption: "on",
    automatic_https_rewrites: "on",
    security_header: { strictTransportSecurity: { enabled: true } },
  };
  for (const [settingId, value] of Object.entries(settings)) {
    zone("cloudflare:index/zoneSetting:ZoneSetting", `zone-${settingId}`, { settingId, value });
  }
  for (const phase of [
    "http_request_dynamic_redirect",
    "http_response_headers_transform",
    "http_request_firewall_custom",
  ]) {
    zone("cloudflare:index/ruleset:Ruleset", `zone-${phase}`, { phase, kind: "zone" });
  }
  zone("cloudflare:index/dnsRecord:DnsRecord", "zone-record-spf", {
    name: "streampai.com",
    type: "TXT",
    content: `v=spf1 ${canary}`,
  });

  const access = component("AccessProtectedEnv", "staging-access", {
    serviceTokens: secret({ ci: { clientSecret: canary } }),
  });
  access(
    "cloudflare:index/zeroTrustAccessIdentityProvider:ZeroTrustAccessIdentityProvider",
    "staging-access-github",
    {
      name: "GitHub",
      type: "github",
      config: secret({ clientSecret: canary }),
    },
  );
  access("cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication", "staging-access", {
    name: "Streampai staging",
    domain: "staging.streampai.com",
    destinations: [
      { type: "public", uri: "staging.streampai.com" },
      { type: "public", uri: "api-staging.streampai.com" },
    ],
  });
  for (const path of ["api-staging.streampai.com/api/health", "staging.streampai.com/favicon.svg"]) {
    access("cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication", `public-${path}`, {
      name: `public ${path}`,
      domain: path,
    });
  }
  for (const [name, decision] of [
    ["team", "allow"],
    ["ci", "non_identity"],
    ["public", "bypass"],
  ] as const) {
    access("cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy", `staging-access-${name}`, {
      name,
      decision,
    });
  }
  access(
    "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken",
    "staging-access-token-ci",
    {
      name: "ci",
      clientId: canary,
      clientSecret: secret(),
    },
  );

  const site = component("PagesSite", "web", { urls: ["https://staging.streampai.com"] });
  site("cloudflare:index/pagesProject:PagesProject", "web", {
    name: "streampai-staging",
    subdomain: "streampai-staging.pages.dev",
    productionBranch: "master",
    deploymentConfigs: secret({ production: { envVars: { KEY: canary } } }),
  });
  site("cloudflare:index/pagesDomain:PagesDomain", "web-domain", { name: "staging.streampai.com" });
  site("cloudflare:index/dnsRecord:DnsRecord", "web-dns", {
    name: "staging.streampai.com",
    type: "CNAME",
    content: "streampai-staging.pages.dev",
  });

  const database = component(
    "PostgresWithAppUser",
    "main",
    {
      appUrl: secret(`postgresql://streampai_app_a:${canary}@db/streampai`),
      appUser: "streampai_app_a",
      migratorUser: "streampai_migrator",
      databaseName: "streampai",
    },
    { kind: "container", service: "db", host: secret({ privateKey: canary }) },
  );
  for (const role of ["admin", "migrator", "app-a", "app-b"]) {
    database("random:index/randomPassword:RandomPassword", `main-password-${role}`, {
      length: 40,
      result: secret(),
      bcryptHash: secret(),
    });
  }
  for (const name of ["main-roles", "main-roles-after-migrations"]) {
    database("command:remote:Command", name, {
      create: "#!/bin/sh\n# roles",
      stdin: secret(),
      connection: secret({ privateKey: canary }),
      stdout: secret(),
    });
  }

  const buckets = component("R2Buckets", "buckets", { credentials: secret() });
  for (const name of ["media", "avatars", "recordings"]) {
    buckets("cloudflare:index/r2Bucket:R2Bucket", `buckets-${name}`, {
      name: `streampai-${name}-staging`,
      location: "WEUR",
    });
    buckets("cloudflare:index/r2BucketCors:R2BucketCors", `buckets-${name}-cors`, {
      bucketName: `streampai-${name}-staging`,
    });
    buckets("cloudflare:index/r2BucketLifecycle:R2BucketLifecycle", `buckets-${name}-lifecycle`, {
      bucketName: `streampai-${name}-staging`,
    });
  }
  buckets("cloudflare:index/r2CustomDomain:R2CustomDomain", "buckets-media-domain", {
    bucketName: "streampai-media-staging",
    domain: "media-staging.streampai.com",
  });
  buckets("cloudflare:index/accountToken:AccountToken", "buckets-token-api", {
    name: "r2 api",
    value: secret(),
  });

  const token = component("ScopedToken", "live-inputs");
  token("cloudflare:index/accountToken:AccountToken", "live-inputs", {
    name: "live inputs",
    value: secret(),
  });

  const origin = component(
    "AppOrigin",
    "api",
    {
      hostnames: ["api-staging.streampai.com"],
      urls: ["https://api-staging.streampai.com"],
      project: "streampai",
      release: "5f1d9a7c3b2e4f60",
    },
    {
      kind: "compose",
      services: {
        api: {
          port: 4000,
          publish: 80,
          tls: { port: 4443, publish: 443 },
          environment: secret({ A: canary }),
        },
      },
      secrets: secret({ SECRET_KEY_BASE: canary }),
    },
  );
  origin("cloudflare:index/dnsRecord:DnsRecord", "api-dns", {
    name: "api-staging.streampai.com",
    type: "A",
    content: "203.0.113.10",
  });
  origin("cloudflare:index/originCaCertificate:OriginCaCertificate", "api-certificate", {
    hostnames: ["api-staging.streampai.com"],
    certificate: "-----BEGIN",
  });
  origin("random:index/randomBytes:RandomBytes", "api-secret-key-base", { length: 48, base64: secret() });
  for (const step of [
    "prepare",
    "files",
    "csr",
    "certificate",
    "database",
    "migrate",
    "rollout",
    "verify",
    "registry",
  ]) {
    origin("command:remote:Command", `api-${step}`, {
      create: "#!/bin/sh",
      stdin: secret(),
      stdout: secret(),
    });
  }
  return resources;
}

export const sampleOutputs = {
  addresses: {
    "sites.web": ["https://staging.streampai.com"],
    "origins.api": ["https://api-staging.streampai.com"],
  },
  databases: {
    main: { database: "streampai", appUser: "streampai_app_a", migratorUser: "streampai_migrator" },
  },
  accessTokens: secret({ ci: { clientId: canary, clientSecret: canary } }),
};
