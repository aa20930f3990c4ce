import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../../common/project-root";
import type { Value, Values } from "../../../sandbox/providers/values";
import {
  type Declared,
  type Recorded,
  type Recorder,
  ref,
  type Reply,
  startRecorder,
  TinyEngine,
} from "./cloudflare-bench";

/** The requests of the real provider for a stack of this shape; only on machines that have it beside the checkout. */
const recordFile = join(projectRoot(), "..", "shared", "contracts", "cloudflare-provider-wire.json");
const hasRecord = existsSync(recordFile);

interface Line {
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: Value;
}

const accountId = "account";
const zoneId = "zone";

/** What the program says first, and what twelve of the resources say after a change. */
function program(changed: boolean): Declared[] {
  const pick = <T>(before: T, after: T): T => (changed ? after : before);
  const bucket = { accountId, bucketName: "audio-staging" };
  const setting = (name: string, settingId: string, value: Value): Declared => ({
    type: "ZoneSetting",
    name,
    inputs: { zoneId, settingId, value },
  });
  const resources = `{"com.cloudflare.edge.r2.bucket.${accountId}_default_audio-staging":"*"}`;
  return [
    {
      type: "R2Bucket",
      name: "audio",
      inputs: { accountId, name: "audio-staging", location: "weur", storageClass: "Standard" },
    },
    {
      type: "DnsRecord",
      name: "api",
      inputs: {
        zoneId,
        name: "api.example.com",
        type: "A",
        content: pick("203.0.113.10", "203.0.113.11"),
        proxied: true,
        ttl: 1,
        comment: "groundwork",
      },
    },
    setting("tls", "min_tls_version", "1.2"),
    setting("ssl", "ssl", "strict"),
    setting("websockets", "websockets", pick("on", "off")),
    setting("hsts", "security_header", {
      strict_transport_security: {
        enabled: true,
        max_age: 31536000,
        include_subdomains: true,
        preload: false,
        nosniff: true,
      },
    }),
    {
      type: "PagesProject",
      name: "web",
      inputs: {
        accountId,
        name: "web-stg",
        productionBranch: "main",
        buildConfig: {
          buildCaching: true,
          buildCommand: "bun run build",
          destinationDir: "build",
          rootDir: "frontend",
          webAnalyticsTag: "",
          webAnalyticsToken: "",
        },
        deploymentConfigs: {
          production: {
            envVars: {
              PUBLIC_API_URL: {
                type: "plain_text",
                value: pick("https://api.example.com", "https://api2.example.com"),
              },
            },
          },
        },
      },
    },
    {
      type: "ZeroTrustAccessPolicy",
      name: "team",
      inputs: {
        accountId,
        name: "team",
        decision: "allow",
        includes: [{ emailDomain: { domain: pick("example.com", "example.org") } }],
      },
    },
    {
      type: "AccountToken",
      name: "token",
      inputs: {
        accountId,
        name: pick("r2 audio", "r2 audio 2"),
        policies: [{ effect: "allow", permissionGroups: [{ id: "id1" }], resources }],
      },
    },
    {
      type: "Ruleset",
      name: "rate",
      inputs: {
        zoneId,
        kind: "zone",
        name: "rate",
        phase: "http_ratelimit",
        rules: [
          {
            action: "block",
            expression: '(http.request.uri.path eq "/login")',
            ref: "login",
            ratelimit: {
              characteristics: ["cf.colo.id", "ip.src"],
              period: 10,
              requestsPerPeriod: pick(20, 30),
              mitigationTimeout: 10,
            },
          },
        ],
      },
    },
    { type: "ZeroTrustAccessServiceToken", name: "ci", inputs: { accountId, name: "ci" } },
    {
      type: "ZeroTrustAccessIdentityProvider",
      name: "otp",
      inputs: { accountId, name: "otp", type: "onetimepin", config: {} },
    },
    {
      type: "ZeroTrustTunnelCloudflared",
      name: "vps",
      inputs: { accountId, name: "vps", configSrc: "cloudflare" },
    },
    {
      type: "ZeroTrustAccessPolicy",
      name: "everyone",
      inputs: { accountId, name: "everyone", decision: "bypass", includes: [{ everyone: {} }] },
    },
    {
      type: "R2CustomDomain",
      name: "media",
      inputs: { ...bucket, domain: "media.example.com", zoneId, enabled: true, minTls: pick("1.2", "1.3") },
    },
    {
      type: "R2BucketLifecycle",
      name: "lifecycle",
      inputs: {
        ...bucket,
        rules: [
          {
            id: "abort",
            enabled: true,
            conditions: { prefix: "" },
            abortMultipartUploadsTransition: { condition: { type: "Age", maxAge: pick(604800, 86400) } },
          },
        ],
      },
    },
    {
      type: "R2BucketCors",
      name: "cors",
      inputs: {
        ...bucket,
        rules: [
          {
            id: "web",
            allowed: {
              origins: ["https://stg.example.com"],
              methods: ["GET", "PUT"],
              headers: ["content-type"],
            },
            exposeHeaders: ["etag"],
            maxAgeSeconds: pick(3600, 60),
          },
        ],
      },
    },
    {
      type: "PagesDomain",
      name: "domain",
      inputs: { accountId, projectName: ref("web", "name"), name: "stg.example.com" },
    },
    {
      type: "ZeroTrustTunnelCloudflaredConfig",
      name: "ingress",
      inputs: {
        accountId,
        tunnelId: ref("vps", "id"),
        config: {
          ingresses: [
            {
              hostname: "api.example.com",
              service: pick("http://pika-cloud:3001", "http://pika-cloud:3002"),
            },
            { service: "http_status:404" },
          ],
        },
      },
    },
    {
      type: "ZeroTrustAccessApplication",
      name: "stg",
      inputs: {
        accountId,
        name: "stg",
        type: "self_hosted",
        destinations: [{ uri: "stg.example.com" }, { uri: "api-stg.example.com" }],
        allowedIdps: [ref("otp", "id")],
        policies: [{ id: ref("team", "id") }],
        sessionDuration: pick("24h", "12h"),
      },
    },
    {
      type: "ZeroTrustAccessApplication",
      name: "health",
      inputs: {
        accountId,
        name: "stg health",
        type: "self_hosted",
        destinations: [{ uri: "api-stg.example.com/health" }],
        policies: [{ id: ref("everyone", "id") }],
      },
    },
  ];
}

/** The ids that the record gives to what was created. */
const ids: Readonly<Record<string, string>> = {
  "cfd_tunnel vps": "id2",
  "identity_providers otp": "id3",
  "policies team": "id4",
  "policies everyone": "id5",
  "tokens r2 audio": "id6",
  "dns_records api.example.com": "id7",
  "service_tokens ci": "id8",
  "rulesets rate": "id9",
  "apps stg": "id10",
  "apps stg health": "id11",
};

/** Stores by path what is sent to it, and answers with that and an id: as little of an API as will do. */
function echoing(): (request: Recorded) => Reply {
  const stored = new Map<string, Values>();
  return ({ method, path, body, headers }) => {
    if (method === "DELETE") return { result: stored.delete(path) ? {} : null };
    const isNamed = /\/(buckets|projects|domains|custom)$/.test(path);
    const sent = (body ?? {}) as Values;
    const collection = path.split("/").at(-1)!;
    const own =
      method === "POST"
        ? `${path}/${text(sent["domain"] ?? (isNamed ? sent["name"] : undefined) ?? ids[`${collection} ${text(sent["name"])}`])}`
        : path;
    if (method === "GET") {
      const found = stored.get(own);
      return found ? { result: found } : { status: 404, errors: [{ code: 7003, message: "not found" }] };
    }
    const id = own.split("/").at(-1);
    const before = stored.get(own) ?? {};
    const answer: Values = { ...before, ...(isNamed ? {} : { id }), ...sent };
    if (collection === "buckets") {
      const { locationHint, storageClass } = sent;
      const named = {
        name: sent["name"],
        location: text(locationHint).toUpperCase(),
        storage_class: storageClass,
      };
      Object.assign(answer, named, { jurisdiction: headers["cf-r2-jurisdiction"] as string });
    }
    if (path.includes("/domains/custom")) answer["zoneName"] = "example.com";
    if (path.includes("/pages/projects/") && method === "PATCH") Object.assign(answer, merged(before, sent));
    stored.set(own, answer);
    return { result: answer };
  };
}

function merged(before: Value, change: Value): Values {
  const result: Values = { ...(before as Values) };
  for (const [name, value] of Object.entries(change as Values)) {
    const isNested = typeof value === "object" && value !== null && !Array.isArray(value);
    if (value === null) delete result[name];
    else result[name] = isNested ? merged(result[name] ?? {}, value) : value;
  }
  return result;
}

function text(value: Value): string {
  return typeof value === "string" ? value : "";
}

function lineOf({ method, path, headers, body }: Recorded): Line {
  const names = ["cf-r2-jurisdiction", "content-type"] as const;
  const found = names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]));
  return {
    method,
    path,
    ...(found.length > 0 ? { headers: Object.fromEntries(found) as Record<string, string> } : {}),
    ...(body === undefined ? {} : { body }),
  };
}

/** In an order of their own, so that what runs in parallel can be compared. */
function sorted(lines: readonly Line[]): string[] {
  return lines.map((line) => JSON.stringify(line, keysSorted)).sort();
}

function keysSorted(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("the requests of the Cloudflare provider", () => {
  let server: Recorder;
  let engine: TinyEngine;
  const taken = (): Line[] => server.requests.splice(0).map(lineOf);

  beforeEach(async () => {
    server = await startRecorder(echoing());
    engine = await TinyEngine.at(server.url);
  });
  afterEach(() => server.close());

  it("makes none when nothing has changed, and one for each resource at a refresh", async () => {
    await engine.up(program(false));
    taken();
    const again = await engine.up(program(false));
    expect(new Set(Object.values(again))).toEqual(new Set(["same"]));
    expect(taken()).toEqual([]);

    expect(await engine.refresh()).toEqual([]);
    const reads = taken();
    expect(reads).toHaveLength(program(false).length);
    expect(reads.every(({ method }) => method === "GET")).toBe(true);
    const refreshed = await engine.up(program(false));
    expect(Object.entries(refreshed).filter(([, done]) => done !== "same")).toEqual([]);
    expect(taken()).toEqual([]);
  });

  it("undoes nothing at a destroy that the real provider leaves behind", async () => {
    await engine.up(program(false));
    taken();
    await engine.destroy();
    const deleted = taken();
    expect(deleted.every(({ method }) => method === "DELETE")).toBe(true);
    expect(deleted.filter(({ path }) => /settings|lifecycle|configurations/.test(path))).toEqual([]);
    expect(deleted).toHaveLength(15);
    expect(engine.state.size).toBe(0);
  });

  if (!hasRecord)
    console.info("not compared with the real provider's requests: ../shared/contracts is not there");
  (hasRecord ? it : it.skip)("are those that the real provider was recorded with", async () => {
    const record = JSON.parse(
      readFileSync(recordFile, "utf8").replaceAll(/\{(\w+?)(?:_id)?\}/g, "$1"),
    ) as Line[];
    const isRead = ({ method }: Line) => method === "GET";
    const firstRead = record.findIndex(isRead);
    const lastRead = record.findLastIndex(isRead);
    const firstDelete = record.findIndex(({ method }) => method === "DELETE");
    const creates = record.slice(0, firstRead);
    const reads = record.slice(firstRead, lastRead + 1);
    const updates = record.slice(lastRead + 1, firstDelete);
    const deletes = record.slice(firstDelete);

    await engine.up(program(false));
    expect(sorted(taken())).toEqual(sorted(creates));

    await engine.refresh();
    await engine.refresh();
    expect(sorted(taken())).toEqual(sorted(reads));

    const done = await engine.up(program(true));
    expect(Object.values(done).filter((one) => one === "update")).toHaveLength(11);
    // The record's server did not give a bucket's location back, so there the bucket was replaced.
    const isBucket = ({ path }: Line) => path.endsWith("/r2/buckets");
    expect(sorted(taken())).toEqual(sorted(updates.filter((line) => !isBucket(line))));

    await engine.destroy();
    // The record ends without the identity provider.
    const otp = { method: "DELETE", path: "/accounts/account/access/identity_providers/id3" };
    expect(sorted(taken())).toEqual(sorted([...deletes, otp]));
  });
});
