import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { r2BucketsIssues } from "../../components/buckets/issues";
import { s3Host } from "../../components/buckets/names";
import { lifecycleRules } from "../../components/buckets/rules";
import { R2Buckets, type R2BucketsArgs } from "../../components/r2-buckets";
import { told } from "../support/issues";
import { known, Mocks, runWith } from "../support/mocks";

const answers = {
  "cloudflare:index/r2Bucket:R2Bucket": (inputs: Record<string, unknown>) => ({ id: String(inputs["name"]) }),
  "cloudflare:index/r2BucketCors:R2BucketCors": () => ({}),
  "cloudflare:index/r2BucketLifecycle:R2BucketLifecycle": () => ({}),
  "cloudflare:index/r2CustomDomain:R2CustomDomain": () => ({}),
  "cloudflare:index/r2ManagedDomain:R2ManagedDomain": () => ({ domain: "pub-1.r2.dev" }),
  "cloudflare:index/accountToken:AccountToken": (_inputs: unknown, name: string) => ({
    id: `${name}-key`,
    value: `${name}-value`,
  }),
};

test("the smallest: a private bucket and nothing around it", async () => {
  const mocks = new Mocks(answers);
  const storage = await runWith(
    mocks,
    () => new R2Buckets("media", { accountId: "acc", buckets: { up: {} } }),
  );
  expect(mocks.children()).toEqual([
    {
      type: "cloudflare:index/r2Bucket:R2Bucket",
      name: "media-up",
      inputs: { accountId: "acc", name: "media-up", jurisdiction: "default", storageClass: "Standard" },
      secrets: [],
    },
  ]);
  expect(storage.credentials).toEqual({});
  const { up } = storage.buckets;
  expect(up?.publicUrl).toBeUndefined();
  expect(up?.region).toBe("auto");
  expect((await known(up?.endpoint ?? "")).value).toBe("https://acc.r2.cloudflarestorage.com");
});

test("everything: one key for each consumer with a policy for each kind of permission", async () => {
  const mocks = new Mocks(answers);
  const storage = await runWith(
    mocks,
    () =>
      new R2Buckets("plyr", {
        accountId: pulumi.output("acc"),
        zoneId: "zone",
        buckets: {
          images: {
            name: "images-stg",
            jurisdiction: "eu",
            customDomain: "images.example.com",
            cors: [{ origins: ["https://example.com"] }],
            lifecycle: [{ prefix: "tmp/", deleteAfterDays: 3 }],
            consumers: { api: "write" },
          },
          audio: {
            name: "audio-stg",
            location: "enam",
            public: true,
            consumers: { reports: "read", api: "write" },
          },
          archive: {
            name: "archive-stg",
            public: false,
            storageClass: "InfrequentAccess",
            consumers: { api: "read" },
          },
        },
        credentialsVersion: 2,
        protect: false,
      }),
  );
  expect(mocks.list()).toEqual([
    "AccountToken plyr-consumer-api",
    "AccountToken plyr-consumer-api-v2",
    "AccountToken plyr-consumer-reports",
    "AccountToken plyr-consumer-reports-v2",
    "R2Bucket plyr-archive",
    "R2Bucket plyr-audio",
    "R2Bucket plyr-images",
    "R2BucketCors plyr-images-cors",
    "R2BucketLifecycle plyr-images-lifecycle",
    "R2CustomDomain plyr-images-domain",
    "R2ManagedDomain plyr-archive-r2-dev",
    "R2ManagedDomain plyr-audio-r2-dev",
  ]);
  const around = { accountId: "acc", bucketName: "images-stg", jurisdiction: "eu" };
  expect(mocks.get("plyr-images-cors").inputs).toEqual({
    ...around,
    rules: [
      {
        allowed: { origins: ["https://example.com"], methods: ["GET", "HEAD"], headers: [] },
        exposeHeaders: [],
        maxAgeSeconds: 3600,
      },
    ],
  });
  expect(mocks.get("plyr-images-domain").inputs).toEqual({
    ...around,
    domain: "images.example.com",
    zoneId: "zone",
    enabled: true,
    minTls: "1.2",
  });
  expect(mocks.get("plyr-images-lifecycle").inputs).toMatchObject(around);
  expect(mocks.get("plyr-archive-r2-dev").inputs["enabled"]).toBe(false);
  expect(mocks.get("plyr-consumer-api-v2").inputs).toEqual({
    accountId: "acc",
    name: "plyr api",
    policies: [
      {
        effect: "allow",
        permissionGroups: [{ id: "6a018a9f2fc74eb6b293b0c548f38b39" }],
        resources: '{"com.cloudflare.edge.r2.bucket.acc_default_archive-stg":"*"}',
      },
      {
        effect: "allow",
        permissionGroups: [{ id: "2efd5506f9c8494dacb1fa10a3e7d5b6" }],
        resources:
          '{"com.cloudflare.edge.r2.bucket.acc_default_audio-stg":"*","com.cloudflare.edge.r2.bucket.acc_eu_images-stg":"*"}',
      },
    ],
  });
  const { api } = storage.credentials;
  expect(await known(api?.accessKeyId ?? "")).toEqual({ value: "plyr-consumer-api-v2-key", secret: false });
  expect(await known(api?.secretAccessKey ?? "")).toEqual({
    value: createHash("sha256").update("plyr-consumer-api-v2-value").digest("hex"),
    secret: true,
  });
  expect((await known(storage.buckets["audio"]?.publicUrl ?? "")).value).toBe("https://pub-1.r2.dev");
  expect((await known(storage.buckets["images"]?.publicUrl ?? "")).value).toBe("https://images.example.com");
  expect(storage.buckets["archive"]?.publicUrl).toBeUndefined();
});

test.each([
  [1, undefined, ["media-consumer-api"]],
  [2, undefined, ["media-consumer-api", "media-consumer-api-v2"]],
  [3, undefined, ["media-consumer-api-v2", "media-consumer-api-v3"]],
  [3, true, ["media-consumer-api-v3"]],
])("credentials of version %d, the ones before revoked: %s", async (version, revoke, tokens) => {
  const mocks = new Mocks(answers);
  const storage = await runWith(
    mocks,
    () =>
      new R2Buckets("media", {
        accountId: "acc",
        buckets: { up: { consumers: { api: "write" } } },
        credentialsVersion: version,
        ...(revoke === undefined ? {} : { revokePreviousCredentials: revoke }),
      }),
  );
  const made = mocks.children().filter(({ type }) => type.endsWith(":AccountToken"));
  expect(made.map(({ name }) => name).sort()).toEqual(tokens);
  // The same rights for both, or the old keys would change under whoever uses them.
  expect(made.map(({ inputs }) => inputs)).toEqual(tokens.map(() => made[0]?.inputs));
  expect((await known(storage.credentials["api"]?.accessKeyId ?? "")).value).toBe(`${tokens.at(-1)!}-key`);
});

test("lifecycle: days become seconds, and R2's own rule is restated unless it is replaced", () => {
  const own = {
    id: "Default Multipart Abort Rule",
    enabled: true,
    conditions: { prefix: "" },
    abortMultipartUploadsTransition: { condition: { type: "Age", maxAge: 604_800 } },
  };
  expect(lifecycleRules([{ deleteAfterDays: 1, infrequentAccessAfterDays: 30 }])).toEqual([
    {
      id: "groundwork-1",
      enabled: true,
      conditions: { prefix: "" },
      deleteObjectsTransition: { condition: { type: "Age", maxAge: 86_400 } },
      storageClassTransitions: [
        { storageClass: "InfrequentAccess", condition: { type: "Age", maxAge: 2_592_000 } },
      ],
    },
    own,
  ]);
  expect(lifecycleRules([{ abortUploadsAfterDays: 1 }])).toHaveLength(1);
  expect(lifecycleRules([{ prefix: "x/", abortUploadsAfterDays: 1 }])).toHaveLength(2);
});

test("lifecycle: an empty list ends rules of before, as the provider deletes none", async () => {
  const mocks = new Mocks(answers);
  await runWith(
    mocks,
    () => new R2Buckets("media", { accountId: "acc", buckets: { up: { lifecycle: [] }, other: {} } }),
  );
  expect(mocks.list()).toEqual([
    "R2Bucket media-other",
    "R2Bucket media-up",
    "R2BucketLifecycle media-up-lifecycle",
  ]);
  expect(mocks.get("media-up-lifecycle").inputs["rules"]).toMatchObject([
    { id: "Default Multipart Abort Rule" },
  ]);
});

test("notifications: a queue for each name, and one resource for all rules of a queue", async () => {
  const mocks = new Mocks({
    ...answers,
    "cloudflare:index/queue:Queue": (inputs: Record<string, unknown>) => ({
      queueId: `id of ${String(inputs["queueName"])}`,
    }),
    "cloudflare:index/r2BucketEventNotification:R2BucketEventNotification": () => ({}),
  });
  const storage = await runWith(
    mocks,
    () =>
      new R2Buckets("media", {
        accountId: "acc",
        buckets: {
          up: {
            notifications: [
              { queue: "added", actions: ["PutObject"], prefix: "a/" },
              { queueId: "0123456789abcdef", actions: ["DeleteObject"], description: "gone" },
              { queue: "added", actions: ["CopyObject"], suffix: ".x" },
            ],
          },
        },
      }),
  );
  const made = mocks.children().filter(({ type }) => /queue|EventNotification/.test(type));
  expect(made.map(({ name, inputs }) => [name, inputs])).toEqual([
    ["media-queue-added", { accountId: "acc", queueName: "added" }],
    [
      "media-up-events-01234567",
      {
        accountId: "acc",
        bucketName: "media-up",
        jurisdiction: "default",
        queueId: "0123456789abcdef",
        rules: [{ actions: ["DeleteObject"], description: "gone" }],
      },
    ],
    [
      "media-up-events-added",
      {
        accountId: "acc",
        bucketName: "media-up",
        jurisdiction: "default",
        queueId: "id of added",
        rules: [
          { actions: ["PutObject"], prefix: "a/" },
          { actions: ["CopyObject"], suffix: ".x" },
        ],
      },
    ],
  ]);
  expect((await known(storage.queueIds["added"] ?? "")).value).toBe("id of added");
});

test("notifications to a queue whose id is known only later are named alike whatever other queues there are", async () => {
  const made: pulumi.CustomResourceOptions[] = [];
  const transformations: pulumi.ResourceTransformation[] = [
    ({ name, opts }) => {
      if (name === "media-up-events-known-later-1") made.push(opts);
      return undefined;
    },
  ];
  const later = { queueId: pulumi.output("0123"), actions: ["DeleteObject"] } as const;
  for (const notifications of [[{ queueId: "4567", actions: ["PutObject"] } as const, later], [later]]) {
    const mocks = new Mocks({
      ...answers,
      "cloudflare:index/r2BucketEventNotification:R2BucketEventNotification": () => ({}),
    });
    const args = { accountId: "acc", buckets: { up: { notifications } } };
    await runWith(mocks, () => new R2Buckets("media", args, { transformations }));
    expect(mocks.get("media-up-events-known-later-1").inputs["queueId"]).toBe("0123");
  }
  expect(made.map(({ aliases }) => aliases)).toEqual([
    [{ name: "media-up-events-2" }],
    [{ name: "media-up-events-1" }],
  ]);
});

test("another endpoint, for a server that stands in for R2's", async () => {
  const storage = await runWith(
    new Mocks(answers),
    () =>
      new R2Buckets("media", { accountId: "acc", buckets: { up: {} }, endpoint: "http://127.0.0.1:9000" }),
  );
  const { up } = storage.buckets;
  expect((await known(up?.endpoint ?? "")).value).toBe("http://127.0.0.1:9000");
  expect((await known(up?.host ?? "")).value).toBe("127.0.0.1:9000");
});

test.each([
  ["default", "a.r2.cloudflarestorage.com"],
  ["eu", "a.eu.r2.cloudflarestorage.com"],
  ["fedramp", "a.fedramp.r2.cloudflarestorage.com"],
] as const)("the host for jurisdiction %s", (jurisdiction, host) => {
  expect(s3Host("a", jurisdiction)).toBe(host);
});

test.each<[string, Partial<R2BucketsArgs>, string[]]>([
  ["nothing wrong", {}, []],
  ["no buckets", { buckets: {} }, ["buckets: is empty"]],
  [
    "a bad name",
    { buckets: { a: { name: "My_Bucket" } } },
    ['buckets.a.name: is not a bucket name "My_Bucket"'],
  ],
  [
    "one name twice",
    { buckets: { a: { name: "same" }, b: { name: "same" } } },
    ['buckets.b.name: is the name of buckets.a as well "same"'],
  ],
  [
    "location beside a jurisdiction",
    { buckets: { a: { jurisdiction: "eu", location: "weur" } } },
    ['buckets.a.location: has no meaning with a jurisdiction "weur"'],
  ],
  [
    "a domain without a zone",
    { buckets: { a: { customDomain: "a.example.com" } } },
    ["zoneId: is needed for buckets.a.customDomain"],
  ],
  [
    "CORS",
    { buckets: { a: { cors: [{ origins: ["https://example.com/"] }, { origins: [] }] } } },
    [
      'buckets.a.cors[0].origins[0]: is not an origin "https://example.com/"',
      "buckets.a.cors[1].origins: is empty",
    ],
  ],
  [
    "lifecycle",
    { buckets: { a: { lifecycle: [{}, { deleteAfterDays: 86_400 }] } } },
    [
      "buckets.a.lifecycle[0]: does nothing",
      "buckets.a.lifecycle[1].deleteAfterDays: is not a number of days 86400",
    ],
  ],
  [
    "two consumers with one key's name",
    {
      buckets: { a: { consumers: { api: "read" } }, b: { consumers: { "api-v2": "read" } } },
      credentialsVersion: 2,
    },
    ["consumers: api-v2 and api would both have the S3 key api-v2"],
  ],
  [
    "such names where their keys have no version yet, or only a later one",
    { buckets: { a: { consumers: { api: "read", "api-v2": "read" } } }, credentialsVersion: 3 },
    [],
  ],
  [
    "a consumer",
    { buckets: { a: { consumers: { "The API": "read" } } } },
    ["buckets.a.consumers.The API: is not a name"],
  ],
  [
    "notifications: no queue, a name that is none, two rules for one event",
    {
      buckets: {
        a: {
          notifications: [
            { actions: ["PutObject"] },
            { queue: "The Queue", actions: [] },
            { queue: "q", actions: ["DeleteObject"], prefix: "a/" },
            { queue: "r", actions: ["DeleteObject"], prefix: "a/b/", suffix: ".x" },
            { queue: "r", actions: ["DeleteObject"], prefix: "b/" },
          ],
        },
      },
    },
    [
      "buckets.a.notifications[0]: names no queue, or two",
      'buckets.a.notifications[1].queue: is not the name of a queue "The Queue"',
      "buckets.a.notifications[1].actions: is empty",
      "buckets.a.notifications[3]: fits events that buckets.a.notifications[2] fits as well, which R2 refuses",
    ],
  ],
  ["an endpoint", { endpoint: "somewhere" }, ['endpoint: is not an http or https URL "somewhere"']],
])("mistakes: %s", (_what, changes, expected) => {
  expect(told(r2BucketsIssues("media", { accountId: "acc", buckets: { up: {} }, ...changes }))).toEqual(
    expected,
  );
});
