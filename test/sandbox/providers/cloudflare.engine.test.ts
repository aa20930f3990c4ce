import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import type { PulumiFn } from "@pulumi/pulumi/automation";
import Cloudflare from "cloudflare";
import { type CloudflareServer, startCloudflare } from "../../../sandbox/cloudflare/server";
import { type EngineStack, plaintext, withStack } from "../../support/engine";
import { type Recorder, someToken, startRecorder } from "./cloudflare-bench";

const accountId = "000000000000000000000000000000a1";
const zoneId = "000000000000000000000000000000b1";

/** A bit of every resource an environment is made of. */
function environment(change: { readonly content?: string; readonly branch?: string } = {}): PulumiFn {
  return () => {
    const zone = { zoneId };
    const account = { accountId };
    const record = new cloudflare.DnsRecord("record", {
      ...zone,
      name: "api.example.com",
      type: "A",
      content: change.content ?? "203.0.113.10",
      proxied: true,
      ttl: 1,
      comment: "groundwork",
    });
    new cloudflare.DnsRecord("text", {
      ...zone,
      name: "_proof.example.com",
      type: "TXT",
      content: "hello",
      ttl: 300,
    });
    new cloudflare.ZoneSetting("ssl", { ...zone, settingId: "ssl", value: "strict" });
    new cloudflare.ZoneSetting("hsts", {
      ...zone,
      settingId: "security_header",
      value: {
        strict_transport_security: {
          enabled: true,
          max_age: 31536000,
          include_subdomains: true,
          preload: false,
          nosniff: true,
        },
      },
    });
    const project = new cloudflare.PagesProject("web", {
      ...account,
      name: "web",
      productionBranch: change.branch ?? "main",
      deploymentConfigs: {
        production: {
          envVars: {
            PUBLIC_URL: { type: "plain_text", value: "https://example.com" },
            PRIVATE: { type: "secret_text", value: pulumi.secret("hidden-from-reads") },
          },
        },
      },
    });
    new cloudflare.PagesDomain("domain", { ...account, projectName: project.name, name: "example.com" });
    const github = new cloudflare.ZeroTrustAccessIdentityProvider("github", {
      ...account,
      name: "GitHub",
      type: "github",
      config: { clientId: "an-id", clientSecret: pulumi.secret("never-told") },
    });
    const ci = new cloudflare.ZeroTrustAccessServiceToken("ci", { ...account, name: "ci" });
    const team = new cloudflare.ZeroTrustAccessPolicy("team", {
      ...account,
      name: "team",
      decision: "allow",
      includes: [{ emailDomain: { domain: "example.com" } }, { email: { email: "a@example.org" } }],
    });
    const machines = new cloudflare.ZeroTrustAccessPolicy("machines", {
      ...account,
      name: "machines",
      decision: "non_identity",
      includes: [{ serviceToken: { tokenId: ci.id } }],
    });
    const application = new cloudflare.ZeroTrustAccessApplication("app", {
      ...account,
      name: "staging",
      type: "self_hosted",
      destinations: [{ type: "public", uri: "staging.example.com" }],
      allowedIdps: [github.id],
      policies: [
        { id: machines.id, precedence: 1 },
        { id: team.id, precedence: 2 },
      ],
    });
    const bucket = new cloudflare.R2Bucket("bucket", { ...account, name: "media", location: "weur" });
    const ofBucket = { ...account, bucketName: bucket.name };
    new cloudflare.R2BucketCors("cors", {
      ...ofBucket,
      rules: [{ allowed: { origins: ["https://example.com"], methods: ["GET"] }, maxAgeSeconds: 60 }],
    });
    new cloudflare.R2BucketLifecycle("lifecycle", {
      ...ofBucket,
      rules: [
        {
          id: "abort",
          enabled: true,
          conditions: { prefix: "" },
          abortMultipartUploadsTransition: { condition: { type: "Age", maxAge: 604800 } },
        },
      ],
    });
    new cloudflare.R2CustomDomain("media", {
      ...ofBucket,
      domain: "media.example.com",
      zoneId,
      enabled: true,
    });
    const tunnel = new cloudflare.ZeroTrustTunnelCloudflared("tunnel", {
      ...account,
      name: "host",
      configSrc: "cloudflare",
    });
    new cloudflare.ZeroTrustTunnelCloudflaredConfig("ingress", {
      ...account,
      tunnelId: tunnel.id,
      config: {
        ingresses: [
          { hostname: "t.example.com", service: "http://app:8080", originRequest: { noTlsVerify: true } },
          { service: "http_status:404" },
        ],
      },
    });
    const groups = cloudflare.getAccountApiTokenPermissionGroupsListOutput({
      ...account,
      name: "Workers R2 Storage Bucket Item Write",
    });
    const token = new cloudflare.AccountToken("token", {
      ...account,
      name: "media",
      policies: [
        {
          effect: "allow",
          permissionGroups: [{ id: groups.apply(({ results }) => results[0]!.id) }],
          resources: pulumi.jsonStringify({
            [`com.cloudflare.edge.r2.bucket.${accountId}_default_media`]: "*",
          }),
        },
      ],
    });
    const found = cloudflare.getZoneOutput({ filter: { name: "example.com" } });
    return Promise.resolve({
      zone: found.zoneId,
      record: record.id,
      aud: application.aud,
      subdomain: project.subdomain,
      token: token.value,
      secret: ci.clientSecret,
      ranges: cloudflare.getIpRangesOutput().ipv4Cidrs,
      tunnelToken: cloudflare.getZeroTrustTunnelCloudflaredTokenOutput({ accountId, tunnelId: tunnel.id })
        .token,
    });
  };
}

/** A bit of every other resource that the sandbox's API serves. */
function everythingElse(csr: string, hook: string): PulumiFn {
  return () => {
    const zone = { zoneId };
    const account = { accountId };
    new cloudflare.Ruleset("waf", {
      ...zone,
      kind: "zone",
      name: "default",
      phase: "http_request_firewall_custom",
      rules: [
        { action: "block", expression: '(http.request.uri.path eq "/x")', ref: "x", description: "no x" },
        {
          action: "managed_challenge",
          expression: '(http.request.uri.path eq "/y")',
          ref: "y",
          enabled: false,
        },
      ],
    });
    new cloudflare.Ruleset("headers", {
      ...zone,
      kind: "zone",
      name: "default",
      phase: "http_response_headers_transform",
      rules: [
        {
          action: "rewrite",
          expression: "true",
          ref: "headers",
          actionParameters: {
            headers: {
              "X-Frame-Options": { operation: "set", value: "DENY" },
              Server: { operation: "remove" },
            },
          },
        },
      ],
    });
    new cloudflare.Ruleset("cache", {
      ...zone,
      kind: "zone",
      name: "default",
      phase: "http_request_cache_settings",
      rules: [
        {
          action: "set_cache_settings",
          expression: '(http.host eq "example.com")',
          ref: "assets",
          actionParameters: {
            cache: true,
            edgeTtl: { mode: "override_origin", default: 7200 },
            browserTtl: { mode: "respect_origin" },
          },
        },
      ],
    });
    new cloudflare.ManagedTransforms("transforms", {
      ...zone,
      managedResponseHeaders: [{ id: "add_security_headers", enabled: true }],
    });
    new cloudflare.TieredCache("tiered", { ...zone, value: "on" });
    new cloudflare.UniversalSslSetting("universal", { ...zone, enabled: true });
    new cloudflare.ZoneDnssec("dnssec", { ...zone, status: "active" });
    new cloudflare.AuthenticatedOriginPullsSettings("pulls", { ...zone, enabled: true });
    new cloudflare.OriginCaCertificate("origin", {
      csr,
      hostnames: ["*.example.com", "example.com"],
      requestType: "origin-ecc",
      requestedValidity: 90,
    });
    const tag = new cloudflare.ZeroTrustAccessTag("tag", { ...account, name: "groundwork" });
    const group = new cloudflare.ZeroTrustAccessGroup("group", {
      ...account,
      name: "team",
      includes: [{ emailDomain: { domain: "example.com" } }],
      excludes: [{ email: { email: "x@example.com" } }],
    });
    const open = new cloudflare.ZeroTrustAccessPolicy("open", {
      ...account,
      name: "open",
      decision: "bypass",
      includes: [{ everyone: {} }],
    });
    const members = new cloudflare.ZeroTrustAccessPolicy("members", {
      ...account,
      name: "members",
      decision: "allow",
      includes: [{ group: { id: group.id } }],
      sessionDuration: "8h",
    });
    new cloudflare.ZeroTrustAccessApplication("health", {
      ...account,
      name: "health",
      type: "self_hosted",
      destinations: [
        { type: "public", uri: "api.example.com/health" },
        { type: "public", uri: "api.example.com/docs" },
      ],
      policies: [{ id: open.id }, { id: members.id }],
      appLauncherVisible: false,
      tags: [tag.name],
      skipInterstitial: true,
      corsHeaders: { allowedMethods: ["GET"], allowedOrigins: ["https://example.com"], maxAge: 60 },
    });
    const bucket = new cloudflare.R2Bucket("events", { ...account, name: "events", jurisdiction: "eu" });
    const ofBucket = { ...account, bucketName: bucket.name, jurisdiction: "eu" };
    const queue = new cloudflare.Queue("queue", { ...account, queueName: "events" });
    new cloudflare.R2BucketEventNotification("notify", {
      ...ofBucket,
      queueId: queue.queueId,
      rules: [{ actions: ["PutObject", "CopyObject"], prefix: "in/" }],
    });
    new cloudflare.R2BucketLock("lock", {
      ...ofBucket,
      rules: [
        { id: "day", enabled: true, prefix: "kept/", condition: { type: "Age", maxAgeSeconds: 86400 } },
      ],
    });
    new cloudflare.R2ManagedDomain("managed", { ...ofBucket, enabled: false });
    const webhook = new cloudflare.NotificationPolicyWebhooks("webhook", {
      ...account,
      name: "chat",
      url: hook,
      secret: pulumi.secret("of-the-webhook"),
    });
    new cloudflare.NotificationPolicy("alert", {
      ...account,
      name: "tokens",
      alertType: "expiring_service_token_alert",
      mechanisms: { emails: [{ id: "a@example.com" }], webhooks: [{ id: webhook.id }] },
    });
    const groups = cloudflare.getApiTokenPermissionGroupsListOutput({ name: "DNS Write" });
    new cloudflare.ApiToken("user", {
      name: "dns",
      policies: [
        {
          effect: "allow",
          permissionGroups: [{ id: groups.apply(({ results }) => results[0]!.id) }],
          resources: JSON.stringify({ [`com.cloudflare.api.account.zone.${zoneId}`]: "*" }),
        },
      ],
      condition: { requestIp: { ins: ["203.0.113.0/24"] } },
    });
    return Promise.resolve({});
  };
}

function certificateRequest(directory: string): string {
  const key = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-keyout",
    join(directory, "key.pem"),
  ];
  return execFileSync("openssl", ["req", "-new", ...key, "-subj", "/CN=example.com"], {
    encoding: "utf8",
    stdio: "pipe",
  });
}

describe("the Cloudflare provider under the real engine, against the sandbox's API", () => {
  let server: CloudflareServer;
  let hook: Recorder;
  let directory: string;
  let client: Cloudflare;
  const apiToken = someToken();
  const config = () => ({
    "cloudflare:apiToken": { value: apiToken, secret: true },
    "cloudflare:baseUrl": { value: server.url },
  });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "groundwork-provider-cloudflare-"));
    server = await startCloudflare({ stateDirectory: directory, accountId, apiToken });
    await server.ensureZone({ id: zoneId, name: "example.com" });
    client = new Cloudflare({ apiToken, baseURL: server.url, maxRetries: 0 });
    hook = await startRecorder(() => ({}));
  });
  afterAll(async () => {
    await server.close();
    await hook.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const withProgram = (program: PulumiFn, run: (stack: EngineStack) => Promise<void>) =>
    withStack({ packages: ["cloudflare"], program, config: config() }, run);

  /** What is not `same`: name -> decision and what differs. */
  async function changesOf(stack: EngineStack, program?: PulumiFn): Promise<Record<string, unknown>> {
    const decisions = Object.entries(await stack.decisions(program));
    return Object.fromEntries(
      decisions.filter(([, { op }]) => op !== "same").map(([name, one]) => [name, one]),
    );
  }

  it("brings an environment up, keeps it, sees drift, changes what changed, imports, and takes all down", async () => {
    await withProgram(environment(), async (stack) => {
      const first = await stack.up();
      expect(first.changes).toEqual({ create: 19 });
      const outputs = await stack.outputs();
      expect(outputs["zone"]?.value).toBe(zoneId);
      expect(outputs["ranges"]?.value).toContain("173.245.48.0/20");
      expect(outputs["subdomain"]).toEqual({ value: "web.pages.dev", secret: false });
      for (const name of ["token", "secret"]) expect(outputs[name]?.secret).toBe(true);
      // An invoke's result is plain, as with the real provider: components wrap it.
      expect(outputs["tunnelToken"]?.secret).toBe(false);
      for (const hidden of [outputs["token"]?.value as string, "hidden-from-reads", "never-told", apiToken]) {
        expect(stack.stateText()).not.toContain(hidden);
        expect(stack.printed()).not.toContain(hidden);
      }
      const web = await stack.resource("web");
      const { production } = web.outputs!["deploymentConfigs"] as { production: { envVars: Variables } };
      expect(plaintext(production.envVars["PRIVATE"]?.value)).toBe("hidden-from-reads");

      expect(await changesOf(stack)).toEqual({});
      expect((await stack.refresh()).changes).toEqual({ same: 19 });
      expect(await changesOf(stack)).toEqual({});

      // Somebody changes things by hand: the next refresh sees it, the next up puts it right.
      const recordId = outputs["record"]?.value as string;
      await client.dns.records.edit(recordId, {
        zone_id: zoneId,
        name: "api.example.com",
        ttl: 1,
        type: "A",
        content: "203.0.113.99",
      });
      await client.zones.settings.edit("ssl", { zone_id: zoneId, value: "off" });
      expect((await stack.refresh()).changes).toEqual({ update: 2, same: 17 });
      expect(await changesOf(stack)).toEqual({
        record: { op: "update", diffs: ["content"], replaceKeys: [] },
        ssl: { op: "update", diffs: ["value"], replaceKeys: [] },
      });
      expect((await stack.up()).changes).toEqual({ update: 2, same: 17 });
      const record = await client.dns.records.get(recordId, { zone_id: zoneId });
      expect(record).toMatchObject({ content: "203.0.113.10", proxied: true, comment: "groundwork" });

      // What was deleted by hand is made again.
      await client.dns.records.delete(recordId, { zone_id: zoneId });
      expect((await stack.refresh()).changes).toEqual({ delete: 1, same: 18 });
      expect(await changesOf(stack)).toEqual({ record: { op: "create", diffs: [], replaceKeys: [] } });
      await stack.up();

      expect(await changesOf(stack, environment({ content: "203.0.113.11", branch: "release" }))).toEqual({
        record: { op: "update", diffs: ["content"], replaceKeys: [] },
        web: { op: "update", diffs: ["productionBranch"], replaceKeys: [] },
      });
      expect((await stack.up()).changes).toEqual({ update: 2, same: 17 });
      expect(await client.pages.projects.get("web", { account_id: accountId })).toMatchObject({
        production_branch: "release",
      });

      const gone = await stack.destroy();
      expect(gone.changes).toEqual({ delete: 19 });
      expect((await client.dns.records.list({ zone_id: zoneId })).result).toEqual([]);
      expect((await client.r2.buckets.list({ account_id: accountId })).buckets).toEqual([]);
    });
  }, 240_000);

  it("brings everything else up and keeps it, also after a refresh", async () => {
    const csr = certificateRequest(directory);
    await withProgram(everythingElse(csr, `${hook.url}/hook`), async (stack) => {
      expect((await stack.up()).changes).toEqual({ create: 23 });
      expect(await changesOf(stack)).toEqual({});
      expect((await stack.refresh()).changes).toEqual({ same: 23 });
      expect(await changesOf(stack)).toEqual({});
      const certificate = await stack.resource("origin");
      expect(certificate.outputs!["certificate"]).toMatch(/^-----BEGIN CERTIFICATE-----/);
      expect(stack.stateText()).not.toContain("of-the-webhook");
      const gone = await stack.destroy();
      expect(gone.changes).toEqual({ delete: 23 });
    });
  }, 240_000);

  it("imports what is there by a resource's option, and refuses to make it twice", async () => {
    const made = await client.dns.records.create({
      zone_id: zoneId,
      name: "old.example.com",
      type: "A",
      content: "203.0.113.5",
      ttl: 300,
    });
    const program = (opts: pulumi.CustomResourceOptions) => () => {
      const inputs = { zoneId, name: "old.example.com", type: "A", content: "203.0.113.5", ttl: 300 };
      new cloudflare.DnsRecord("old", inputs, opts);
      return Promise.resolve({});
    };
    await withProgram(program({}), async (stack) => {
      await expect(stack.up()).rejects.toThrow(/pulumi import cloudflare:index\/dnsRecord:DnsRecord old/);
      await stack.up(program({ import: `${zoneId}/${made.id}` }));
      expect(await stack.resource("old")).toMatchObject({ id: made.id, outputs: { content: "203.0.113.5" } });
      expect(await changesOf(stack, program({}))).toEqual({});
    });
  }, 240_000);

  it("refuses wrong inputs and wrong credentials in words", async () => {
    const wrong = () => {
      new cloudflare.DnsRecord("wrong", {
        zoneId,
        name: "a.example.com",
        type: "A",
        content: "203.0.113.1",
        proxied: true,
        ttl: 300,
      });
      return Promise.resolve({});
    };
    await withProgram(wrong, async (stack) => {
      await expect(stack.preview()).rejects.toThrow(
        /"ttl" has to be 1 \(automatic\) where "proxied" is true/,
      );
      const unknown = () => {
        new cloudflare.ListItem("unknown", { accountId, listId: "x" });
        return Promise.resolve({});
      };
      await expect(stack.preview(unknown)).rejects.toThrow(
        "unknown resource type cloudflare:index/listItem:ListItem",
      );
      const simple = () => {
        new cloudflare.ZoneSetting("ssl", { zoneId, settingId: "ssl", value: "full" });
        return Promise.resolve({});
      };
      const other = someToken();
      await stack.stack.setConfig("cloudflare:apiToken", { value: other, secret: true });
      const failure = await stack.up(simple).catch((error: unknown) => String(error));
      expect(failure).toMatch(/PATCH \/zones\/\w+\/settings\/ssl was refused with status 40[013]/);
      expect(failure).not.toContain(other);
    });
  }, 240_000);
});

type Variables = Record<string, { type: string; value: unknown }>;
