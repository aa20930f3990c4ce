import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import {
  AppOrigin,
  type ComposeOriginArgs,
  type ExternalOriginArgs,
  type TunnelOriginArgs,
} from "../../components/app-origin";
import { appOriginIssues } from "../../components/origin/issues";
import type { RolloutInput } from "../../components/origin/rollout-input";
import { PostgresWithAppUser } from "../../components/postgres-with-app-user";
import { RemoteHost } from "../../remote/host";
import { readFrames, writtenFiles } from "../support/frames";
import { told } from "../support/issues";
import { known, Mocks, runWith } from "../support/mocks";
import { testHost } from "../support/remote-host";

const host = new RemoteHost(testHost());
const folder = mkdtempSync(join(tmpdir(), "groundwork-origin-"));
const composeFile = join(folder, "compose.yaml");

beforeAll(() => {
  writeFileSync(
    composeFile,
    "services:\n  api: { image: api:1 }\n  worker: { image: api:1 }\n  db: { image: postgres:17 }\n  cloudflared: { image: cloudflared }\n",
  );
  writeFileSync(join(folder, "Caddyfile"), ":80\n");
  mkdirSync(join(folder, "conf"));
  writeFileSync(join(folder, "conf", "a.conf"), "a");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n";
const answers = {
  "random:index/randomBytes:RandomBytes": () => ({ base64: "c2VlZA==" }),
  "random:index/randomPassword:RandomPassword": (_inputs: unknown, name: string) => ({
    result: pulumi.secret(`secret-of-${name}`),
  }),
  "command:remote:Command": (_inputs: unknown, name: string) => ({
    stdout: name.endsWith("-certificate-request") ? JSON.stringify({ step: "origin-csr", csr }) : "{}",
    stderr: "",
  }),
  "command:local:Command": () => ({ stdout: "{}", stderr: "" }),
  "cloudflare:index/originCaCertificate:OriginCaCertificate": () => ({ certificate: "PEM" }),
  "cloudflare:index/dnsRecord:DnsRecord": () => ({}),
};

const smallest = (): ComposeOriginArgs => ({
  kind: "compose",
  host,
  zoneId: "zone",
  hostnames: ["api.example.com"],
  publicAddresses: ["203.0.113.10"],
  composeFile,
  services: { api: { port: 4000, publish: 80, healthPath: "/health" } },
});

test("the smallest: host prepared, files, rollout, verification, then the record", async () => {
  const mocks = new Mocks(answers);
  const origin = await runWith(mocks, () => new AppOrigin("api", smallest()));
  expect(mocks.children().map(({ name }) => name)).toEqual([
    "api-prepared",
    "api-files",
    "api-rollout",
    "api-verified",
    "api-dns-api.example.com",
  ]);
  expect(mocks.get("api-dns-api.example.com").inputs).toEqual({
    zoneId: "zone",
    name: "api.example.com",
    type: "A",
    content: "203.0.113.10",
    ttl: 1,
    proxied: true,
  });
  expect(readFrames(mocks.get("api-verified").inputs["stdin"])).toMatchObject({
    checks: "1",
    check_1_service: "api",
    check_1_path: "/health",
    check_1_hostname: "api.example.com",
    check_1_port: "4000",
    check_1_scheme: "http",
  });
  expect(await known(origin.urls)).toEqual({ value: ["https://api.example.com"], secret: false });
  const release = await known(origin.release ?? "");
  expect(release.value).toMatch(/^[0-9a-f]{16}$/);
  expect(release.secret).toBe(false);
  expect(rolloutOf(mocks)).toEqual({
    origin: "api",
    stack: "test",
    project: "api",
    host: {
      server: {
        address: "203.0.113.10",
        port: 22,
        user: "deploy",
        privateKey: expect.stringMatching(/^-----BEGIN .*\n$/s) as string,
        hostKey: host.args.hostKey,
      },
    },
    frames: {
      release: release.value,
      pull: "missing",
      timeout: 180,
      keep: 5,
      rolling: 0,
      images: 1,
      image_1_service: "api",
      image_1_reference: "api:1",
      record: expect.any(String) as string,
    },
  });
  expect(recordOf(mocks)).toEqual({
    tags: { api: "api:1" },
    config: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
    secrets: {},
    breaking: false,
  });
  expect(origin.ledger).toBeUndefined();
});

/** What the rollout's program reads. */
function rolloutOf(mocks: Mocks, name = "api"): RolloutInput {
  return JSON.parse(mocks.get(`${name}-rollout`).inputs["stdin"] as string) as RolloutInput;
}

/** What is kept with the release. */
function recordOf(mocks: Mocks): Record<string, unknown> {
  return JSON.parse(String(rolloutOf(mocks).frames["record"])) as Record<string, unknown>;
}

test("every step on the host: fixed text, input secret, nothing logged, sent back or replaced", async () => {
  const mocks = new Mocks(answers);
  const seen: pulumi.CustomResourceOptions[] = [];
  await runWith(
    mocks,
    () =>
      new AppOrigin(
        "api",
        { ...smallest(), secrets: { TOKEN: "swordfish-1" } },
        {
          transformations: [
            ({ type, opts }) => {
              if (type.startsWith("command:")) seen.push(opts);
              return undefined;
            },
          ],
        },
      ),
  );
  const steps = mocks.children().filter(({ type }) => type === "command:remote:Command");
  expect(steps.map(({ name }) => name)).toEqual(["api-prepared", "api-files", "api-verified"]);
  for (const { inputs, secrets } of steps) {
    expect(Object.keys(inputs).sort()).toEqual([
      "addPreviousOutputInEnv",
      "connection",
      "create",
      "logging",
      "stdin",
    ]);
    expect(inputs).toMatchObject({ logging: "none", addPreviousOutputInEnv: false });
    expect(secrets).toEqual(expect.arrayContaining(["connection", "stdin"]));
    expect(inputs["create"]).not.toContain("swordfish");
    expect(inputs["connection"]).toEqual({
      host: "203.0.113.10",
      port: 22,
      user: "deploy",
      privateKey: expect.stringMatching(/^-----BEGIN .*\n$/s) as string,
      hostKey: host.args.hostKey,
      dialErrorLimit: 10,
      perDialTimeout: 15,
    });
  }
  const rollout = mocks.get("api-rollout");
  expect(Object.keys(rollout.inputs).sort()).toEqual([
    ...["addPreviousOutputInEnv", "create", "interpreter", "logging", "stdin"],
  ]);
  expect(rollout.inputs).toMatchObject({ logging: "none", addPreviousOutputInEnv: false });
  expect(rollout.secrets).toEqual(["stdin"]);
  expect(rollout.inputs["stdin"]).not.toContain("swordfish");
  expect(seen).toHaveLength(4);
  for (const opts of seen) {
    expect(opts.additionalSecretOutputs).toEqual(expect.arrayContaining(["stdin", "stdout", "stderr"]));
  }
});

const everything = (): ComposeOriginArgs => ({
  ...smallest(),
  hostnames: ["example.com", "api.example.com"],
  publicAddresses: ["203.0.113.10", pulumi.output("2001:db8::10")],
  originCertificate: { validityDays: 365, keyMode: "0644" },
  project: "streampai",
  files: [join(folder, "Caddyfile"), join(folder, "conf")],
  services: {
    api: {
      port: 4000,
      publish: 80,
      tls: { port: 4443, publish: 443 },
      image: "ghcr.io/me/api:2",
      healthPath: "/health",
      drainSeconds: 30,
      environment: { PORT: "4000" },
    },
    worker: { replicas: 2 },
  },
  environment: { PHX_HOST: "api.example.com" },
  secrets: { SECRET_KEY_BASE: "dollar $HOME ' \" \n end" },
  composeEnvironment: { LOG_LEVEL: "info" },
  registries: [{ server: "ghcr.io", username: "me", password: "registry-password" }],
  migrations: {
    service: "api",
    command: ["bin/migrate", "--all"],
    environment: { DATABASE_URL: "postgresql://m" },
  },
});

function withDatabase(changes: Partial<ComposeOriginArgs> = {}): AppOrigin {
  const database = new PostgresWithAppUser("main", {
    kind: "container",
    host,
    project: "streampai",
    database: "streampai",
  });
  return new AppOrigin("api", {
    ...everything(),
    databases: [database],
    ...changes,
    environment: { ...everything().environment, DATABASE_URL: database.appUrl, ...changes.environment },
  });
}

test("everything: the steps in their order", async () => {
  const mocks = new Mocks(answers);
  await runWith(mocks, () => withDatabase());
  const order = mocks.children().map(({ name }) => name);
  expect([...order].sort()).toEqual(
    [
      ...["main-salt", "main-app-a-password", "main-migrator-password", "main-admin-password"],
      ...["api-prepared", "api-registry-login", "api-certificate-request", "api-certificate"],
      ...["api-certificate-installed", "api-files", "api-database", "main-roles", "api-migrations"],
      ...["main-roles-after-migrations", "api-rollout", "api-verified"],
      ...[
        "api-dns-example.com",
        "api-dns-example.com-2",
        "api-dns-api.example.com",
        "api-dns-api.example.com-2",
      ],
    ].sort(),
  );
  const chain = [
    ...["api-prepared", "api-registry-login", "api-certificate-request", "api-certificate", "api-files"],
    ...["api-database", "main-roles", "api-migrations", "main-roles-after-migrations", "api-rollout"],
    ...["api-verified", "api-dns-example.com"],
  ];
  expect(chain.map((name) => order.indexOf(name))).toEqual(
    chain.map((name) => order.indexOf(name)).sort((one, other) => one - other),
  );
  expect(order.indexOf("api-certificate-installed")).toBeLessThan(order.indexOf("api-rollout"));
  expect(mocks.get("api-dns-example.com-2").inputs).toMatchObject({ type: "AAAA", content: "2001:db8::10" });
  expect(mocks.get("api-certificate").inputs).toEqual({
    csr,
    hostnames: ["api.example.com", "example.com"],
    requestType: "origin-ecc",
    requestedValidity: 365,
  });
  expect(mocks.get("api-certificate").secrets).toEqual([]);
  expect(readFrames(mocks.get("api-certificate-installed").inputs["stdin"])["certificate"]).toBe("PEM");
  expect(readFrames(mocks.get("api-certificate-request").inputs["stdin"])).toMatchObject({
    hostnames: "api.example.com\nexample.com",
    key_mode: "0644",
  });
});

/** Sixteen digits of a hash over the release. */
const releaseId = expect.stringMatching(/^[0-9a-f]{16}$/) as string;

test("everything: what is written on the host", async () => {
  const mocks = new Mocks(answers);
  const origin = await runWith(mocks, () => withDatabase());
  const files = writtenFiles(mocks.get("api-files").inputs["stdin"]);
  expect(Object.keys(files)).toEqual([
    ".redact",
    "Caddyfile",
    "conf/a.conf",
    "compose.yaml",
    "compose.override.json",
    ".env",
    "release.env",
  ]);
  const override = JSON.parse(files["compose.override.json"] ?? "") as { services: Record<string, unknown> };
  const app = {
    PHX_HOST: "api.example.com",
    DATABASE_URL: "postgresql://streampai_app_a:secret-of-main-app-a-password@db:5432/streampai",
    SECRET_KEY_BASE: "dollar $$HOME ' \" \n end",
  };
  expect(override.services).toEqual({
    api: {
      environment: {
        ...app,
        PORT: "4000",
        TLS_CERT_FILE: "/certificates/origin.pem",
        TLS_KEY_FILE: "/certificates/origin.key",
      },
      ports: ["80:4000", "443:4443"],
      volumes: ["./certificates:/certificates:ro"],
      labels: { "groundwork.certificate": expect.stringMatching(/^[0-9a-f]{16}$/) as string },
      stop_grace_period: "30s",
    },
    worker: { environment: app, scale: 2 },
  });
  expect(files[".env"]).toBe(
    [
      "DATABASE_URL='postgresql://streampai_app_a:secret-of-main-app-a-password@db:5432/streampai'",
      "LOG_LEVEL='info'",
      "PHX_HOST='api.example.com'",
      "POSTGRES_PASSWORD='secret-of-main-admin-password'",
      'SECRET_KEY_BASE="dollar $$HOME \' \\" \\n end"',
      "",
    ].join("\n"),
  );
  expect(files["release.env"]).not.toContain("POSTGRES_PASSWORD");
  expect(files["release.env"]).not.toContain("LOG_LEVEL");
  expect(JSON.stringify(files)).not.toMatch(/RELEASE_ID|ghcr\.io/);
  expect(rolloutOf(mocks).frames).toMatchObject({
    release: (await known(origin.release)).value,
    images: 2,
    image_1_service: "api",
    image_1_reference: "ghcr.io/me/api:2",
    image_2_service: "worker",
    image_2_reference: "api:1",
  });
  expect(recordOf(mocks)).toEqual({
    tags: { api: "ghcr.io/me/api:2", worker: "api:1" },
    config: releaseId,
    secrets: {
      DATABASE_URL: expect.stringMatching(/^[0-9a-f]{4}$/) as string,
      SECRET_KEY_BASE: expect.stringMatching(/^[0-9a-f]{4}$/) as string,
    },
    breaking: false,
  });
  expect(readFrames(mocks.get("api-database").inputs["stdin"])["services"]).toBe("db");
  expect(readFrames(mocks.get("api-registry-login").inputs["stdin"])).toMatchObject({
    registries: "1",
    registry_1_server: "ghcr.io",
    registry_1_username: "me",
    registry_1_password: "registry-password",
  });
  expect(readFrames(mocks.get("api-migrations").inputs["stdin"])).toMatchObject({
    service: "api",
    timeout: "600",
    images: "1",
    image_1_service: "api",
    image_1_reference: "ghcr.io/me/api:2",
    arguments: "2",
    argument_1: "bin/migrate",
    argument_2: "--all",
    variables: "1",
    variable_1_name: "DATABASE_URL",
    variable_1_value: "postgresql://m",
    locks: "1",
    lock_1_service: "db",
    lock_1_user: "postgres",
    lock_1_database: "streampai",
  });
  expect(readFrames(mocks.get("api-verified").inputs["stdin"])).toMatchObject({
    checks: "2",
    check_1_port: "4000",
    check_1_scheme: "http",
    check_2_port: "4443",
    check_2_scheme: "https",
  });
  expect(files[".redact"]?.split("\n")).toEqual(
    expect.arrayContaining([
      "postgresql://streampai_app_a:secret-of-main-app-a-password@db:5432/streampai",
      "secret-of-main-admin-password",
      "dollar $HOME ' \" ",
    ]),
  );
  expect(files[".redact"]).not.toContain("api.example.com");
});

/** Inputs of all steps of a program. */
async function inputsOf(program: () => unknown): Promise<Record<string, unknown>> {
  const mocks = new Mocks(answers);
  await runWith(mocks, program);
  return Object.fromEntries(
    mocks
      .children()
      .filter(({ type }) => type.startsWith("command:"))
      .map(({ name, inputs }) => [name, inputs["stdin"]]),
  );
}

test.each<[string, Partial<ComposeOriginArgs>, string[]]>([
  ["nothing", {}, []],
  [
    "a variable of the application",
    { environment: { FLAG: "on" } },
    ["api-files", "api-rollout", "api-verified"],
  ],
  [
    "a secret of the application",
    { secrets: { SECRET_KEY_BASE: "another-long-one" } },
    ["api-files", "api-rollout", "api-verified"],
  ],
  [
    "the image that holds the migrations",
    {
      services: {
        ...everything().services,
        api: { ...everything().services["api"], image: "ghcr.io/me/api:3" },
      },
    },
    ["api-migrations", "api-rollout", "api-verified", "main-roles-after-migrations"],
  ],
  [
    "the image of another service",
    { services: { ...everything().services, worker: { replicas: 2, image: "x:2" } } },
    ["api-rollout", "api-verified"],
  ],
  [
    "a release by hand",
    { release: "again" },
    ["api-migrations", "api-rollout", "api-verified", "main-roles-after-migrations"],
  ],
  ["how many releases are kept", { keepReleases: 9 }, ["api-rollout"]],
  ["an address", { publicAddresses: ["203.0.113.11"] }, []],
])("only what depends on it runs again: %s", async (_what, changes, expected) => {
  const before = await inputsOf(() => withDatabase());
  const after = await inputsOf(() => withDatabase(changes));
  expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
  expect(
    Object.keys(after)
      .filter((name) => after[name] !== before[name])
      .sort(),
  ).toEqual(expected);
});

describe("behind a tunnel", () => {
  const tunnel = {
    token: pulumi.secret("tunnel-token-1"),
    hostnames: pulumi.output(["api.example.com", "example.com"]),
  };
  const base = (): TunnelOriginArgs => ({
    kind: "tunnel",
    host,
    tunnel,
    composeFile,
    services: { api: { port: 3001, healthPath: "/health" } },
  });

  test("the compose file's own connector gets the token; nothing is published, no record is made", async () => {
    const mocks = new Mocks(answers);
    const origin = await runWith(mocks, () => new AppOrigin("pika", base()));
    expect(mocks.list()).toEqual(["Command pika-files", "Command pika-prepared", "Command pika-rollout"]);
    const files = writtenFiles(mocks.get("pika-files").inputs["stdin"]);
    expect(JSON.parse(files["compose.override.json"] ?? "")).toEqual({
      services: {
        api: { environment: {} },
        cloudflared: { environment: { TUNNEL_TOKEN: "tunnel-token-1" } },
      },
    });
    expect((await known(origin.urls)).value).toEqual(["https://api.example.com", "https://example.com"]);
  });

  test("a connector is added where there is none", async () => {
    const mocks = new Mocks(answers);
    await runWith(
      mocks,
      () =>
        new AppOrigin("pika", {
          ...base(),
          connector: { service: "tunnel", image: "cf:1", networks: ["front"] },
        }),
    );
    const files = writtenFiles(mocks.get("pika-files").inputs["stdin"]);
    expect(JSON.parse(files["compose.override.json"] ?? "")).toMatchObject({
      services: {
        tunnel: {
          image: "cf:1",
          command: ["tunnel", "--no-autoupdate", "--metrics", "127.0.0.1:20241", "run"],
          healthcheck: {
            test: ["CMD", "cloudflared", "tunnel", "--metrics", "127.0.0.1:20241", "ready"],
          },
          restart: "unless-stopped",
          networks: { front: {} },
          environment: { TUNNEL_TOKEN: "tunnel-token-1" },
        },
      },
    });
  });
});

test("a record whose type changes waits for the end of the old one, and further addresses for the first", async () => {
  const made: Record<string, pulumi.CustomResourceOptions> = {};
  const transformations: pulumi.ResourceTransformation[] = [
    ({ name, opts }) => {
      made[name] = opts;
      return undefined;
    },
  ];
  const publicAddresses = ["203.0.113.10", "2001:db8::10"];
  await runWith(new Mocks(answers), () => {
    new AppOrigin("own", { ...smallest(), publicAddresses }, { transformations });
    new AppOrigin(
      "far",
      {
        kind: "external",
        zoneId: "zone",
        hostnames: ["far.example.com"],
        target: "relay-api.fly.dev",
        checkCertificate: false,
      },
      { transformations },
    );
  });
  const [first, further] = ["own-dns-api.example.com-203.0.113.10", "own-dns-api.example.com-2001-db8--10"];
  for (const name of [first, further, "far-dns-far.example.com"])
    expect(made[name]?.deleteBeforeReplace).toBe(true);
  expect(made[first]?.dependsOn).toHaveLength(1);
  expect(made[further]?.dependsOn).toHaveLength(2);
  expect(made[first]?.aliases).toContainEqual({ name: "own-dns-api.example.com" });
  expect(made[further]?.aliases).toContainEqual({ name: "own-dns-api.example.com-2" });
});

describe("at a platform", () => {
  const base: ExternalOriginArgs = {
    kind: "external",
    zoneId: "zone",
    hostnames: ["api.example.com"],
    target: "relay-api.fly.dev",
  };

  test("the smallest: a proxied CNAME and nothing else", async () => {
    const mocks = new Mocks(answers);
    const origin = await runWith(mocks, () => new AppOrigin("api", { ...base, checkCertificate: false }));
    expect(mocks.children()).toEqual([
      {
        type: "cloudflare:index/dnsRecord:DnsRecord",
        name: "api-dns-api.example.com",
        inputs: {
          zoneId: "zone",
          name: "api.example.com",
          type: "CNAME",
          content: "relay-api.fly.dev",
          ttl: 1,
          proxied: true,
        },
        secrets: [],
      },
    ]);
    expect([origin.release, origin.project]).toEqual([undefined, undefined]);
  });

  test.each([
    ["lines", "DATABASE_URL=postgresql://x\nPORT=80\n"],
    ["json", '{"PORT":"80","DATABASE_URL":"postgresql://x"}'],
  ] as const)("variables are handed over as %s by standard input", async (format, expected) => {
    const mocks = new Mocks(answers);
    await runWith(
      mocks,
      () =>
        new AppOrigin("api", {
          ...base,
          environment: { PORT: "80" },
          secrets: { DATABASE_URL: "postgresql://x" },
          deliver: { command: ["flyctl", "secrets", "import", "--app", "it's"], format },
          healthPath: "/health",
        }),
    );
    expect(mocks.list()).toEqual([
      "Command api-certificates",
      "Command api-variables",
      "Command api-verified",
      "DnsRecord api-dns-api.example.com",
    ]);
    const { inputs, secrets } = mocks.get("api-variables");
    expect(inputs).toEqual({
      create: "flyctl secrets import --app 'it'\\''s'",
      stdin: expected,
      logging: "none",
      addPreviousOutputInEnv: false,
    });
    expect(secrets).toEqual(["stdin"]);
    expect(JSON.parse(mocks.get("api-verified").inputs["stdin"] as string)).toMatchObject({
      address: "relay-api.fly.dev",
      hostname: "api.example.com",
      path: "/health",
    });
  });

  test("released from here: variables, migrations, release, records, certificates, health, in this order", async () => {
    const mocks = new Mocks(answers);
    const origin = await runWith(
      mocks,
      () =>
        new AppOrigin("api", {
          ...base,
          environment: { PORT: "80" },
          secrets: { DATABASE_URL: pulumi.secret("postgresql://app:password-1@db/x"), PATH: "/theirs" },
          deliver: { command: ["flyctl", "secrets", "import", "--stage"] },
          healthPath: "/health",
          release: {
            command: ["flyctl", "deploy"],
            image: "registry.fly.io/relay-api:2",
            migrate: ["alembic", "upgrade", "head"],
            rollback: ["flyctl", "deploy", "--previous"],
            environment: { FLY_API_TOKEN: pulumi.secret("fly-token-1") },
            probe: { intervalMs: 50 },
          },
          certificateHint: "flyctl certs add",
          publicHeaders: pulumi.secret({ "api.example.com": { "CF-Access-Client-Id": "id.access" } }),
        }),
    );
    const inputOf = (name: string) =>
      JSON.parse(mocks.get(name).inputs["stdin"] as string) as Record<string, unknown>;
    expect(mocks.made.map(({ name }) => name).filter((name) => name !== "api")).toEqual([
      "api-variables",
      "api-migrations",
      "api-released",
      "api-dns-api.example.com",
      "api-certificates",
      "api-verified",
    ]);
    const redact = ["postgresql://app:password-1@db/x", "/theirs", "fly-token-1"];
    const release = (await known(origin.release!)).value;
    expect(inputOf("api-migrations")).toEqual({
      what: "api: migrations",
      command: ["alembic", "upgrade", "head"],
      environment: {
        PORT: "80",
        DATABASE_URL: "postgresql://app:password-1@db/x",
        FLY_API_TOKEN: "fly-token-1",
      },
      timeoutSeconds: 1800,
      redact,
      trigger: release,
    });
    expect(inputOf("api-released")).toEqual({
      origin: "api",
      target: { address: "relay-api.fly.dev" },
      targetName: "relay-api.fly.dev",
      release,
      image: "registry.fly.io/relay-api:2",
      command: ["flyctl", "deploy"],
      rollback: ["flyctl", "deploy", "--previous"],
      environment: { FLY_API_TOKEN: "fly-token-1" },
      timeoutSeconds: 1800,
      healthPath: "/health",
      healthTimeoutSeconds: 180,
      redact,
      probe: {
        url: "https://api.example.com/health",
        headers: { "CF-Access-Client-Id": "id.access" },
        intervalMs: 50,
      },
    });
    expect(mocks.get("api-released").inputs["addPreviousOutputInEnv"]).toBe(true);
    expect(mocks.get("api-released").secrets).toContain("stdin");
    expect(inputOf("api-certificates")).toMatchObject({ hostnames: ["api.example.com"] });
    expect(inputOf("api-verified")).toMatchObject({ hostname: "api.example.com", path: "/health" });
  });

  test("what must answer through its name is asked last", async () => {
    const mocks = new Mocks(answers);
    const origin = await runWith(
      mocks,
      () =>
        new AppOrigin("api", {
          ...base,
          healthPath: "/health",
          verify: [{ path: "/about", contains: "relay", http2: true }],
        }),
    );
    expect(mocks.children().at(-1)?.name).toBe("api-public");
    const asked = JSON.parse(mocks.get("api-public").inputs["stdin"] as string) as Record<string, unknown>;
    expect(asked["checks"]).toEqual([
      { url: "https://api.example.com/about", status: 200, contains: "relay", http2: true },
    ]);
    expect(origin.verified).toBeDefined();
  });

  test.each<[string, Partial<ExternalOriginArgs>, string[]]>([
    ["nothing wrong", {}, []],
    ["a path to ask", { verify: [{ path: "about" }] }, ['verify[0].path: is not a path "about"']],
    [
      "a release without words or a place to ask",
      { release: { command: [], rollback: [], environment: { "a-b": "1" }, probe: {} } },
      [
        "release.command: is empty",
        "release.rollback: is empty",
        "release.environment.a-b: is not the name of a variable",
        "release.probe.path: is needed where there is no healthPath",
      ],
    ],
    [
      "a URL",
      { target: "https://x.fly.dev" },
      ['target: is not a host name (write it without https:// and path) "https://x.fly.dev"'],
    ],
    ["itself", { target: "api.example.com" }, ['target: is one of its own host names "api.example.com"']],
    ["no program", { deliver: { command: [] } }, ["deliver.command: is empty"]],
    ["a path", { healthPath: "health" }, ['healthPath: is not a path "health"']],
  ])("mistakes: %s", (_what, changes, expected) => {
    expect(told(appOriginIssues("api", { ...base, ...changes }))).toEqual(expected);
  });
});

const api = { port: 4000, publish: 80 };
test.each<[string, () => Partial<ComposeOriginArgs>, string[]]>([
  ["nothing wrong", () => ({}), []],
  ["no host names", () => ({ hostnames: [] }), ["hostnames: is empty"]],
  [
    "a host name twice",
    () => ({ hostnames: ["a.example.com", "a.example.com"] }),
    ['hostnames[1]: is there twice "a.example.com"'],
  ],
  [
    "an unknown service",
    () => ({ services: { web: { port: 1 } } }),
    ['services.web: is not in the compose file "web"'],
  ],
  ["no services", () => ({ services: {} }), ["services: is empty"]],
  [
    "one port for two",
    () => ({ services: { api, worker: api } }),
    ["services.worker: publishes the same port as services.api 80"],
  ],
  [
    "published without a port",
    () => ({ services: { api: { publish: 80 } } }),
    ["services.api.port: is needed with publish"],
  ],
  [
    "several containers on one port",
    () => ({ services: { api: { ...api, replicas: 2 } } }),
    ["services.api.replicas: must be 1 for a service that publishes a port 2"],
  ],
  [
    "a port out of range",
    () => ({ services: { api: { port: 70_000 } } }),
    ["services.api.port: is not a port 70000"],
  ],
  [
    "addresses",
    () => ({ publicAddresses: ["host.example.com", "2001:DB8:0::1", "203.0.113.10", "203.0.113.10"] }),
    [
      'publicAddresses[0]: is not an address "host.example.com"',
      'publicAddresses[1]: is not an address "2001:DB8:0::1"',
      'publicAddresses[3]: is there twice "203.0.113.10"',
    ],
  ],
  [
    "a certificate that nobody uses",
    () => ({ originCertificate: {} }),
    ["originCertificate: is used by no service"],
  ],
  [
    "a certificate that only Cloudflare trusts",
    () => ({
      originCertificate: {},
      proxied: false,
      services: { api: { tls: { port: 4443, publish: 443 } } },
    }),
    ["proxied: must be true with an origin certificate, which only Cloudflare trusts false"],
  ],
  [
    "migrations",
    () => ({ migrations: { service: "nobody", environment: { PATH: "x" } } }),
    [
      'migrations.service: is not in the compose file "nobody"',
      "migrations.environment.PATH: cannot be given to migrations",
    ],
  ],
  [
    "a missing compose file",
    () => ({ composeFile: "/nowhere/compose.yaml" }),
    [expect.stringContaining("composeFile: cannot be read")],
  ],
  [
    "files elsewhere",
    () => ({ files: ["/etc/hosts"] }),
    ['files: is not below the compose file\'s folder "/etc/hosts"'],
  ],
  [
    "variables",
    () => ({ environment: { "A B": "x", C: "x" }, secrets: { C: "y" } }),
    ["environment.A B: is not the name of a variable", "secrets.C: is in environment as well"],
  ],
  [
    "the host",
    () => ({
      host: new RemoteHost({
        ...host.args,
        privateKey: "~/.ssh/id",
        hostKey: "ssh-rsa AAAA",
        user: "-oProxyCommand",
        address: "a b",
        port: 0,
      }),
    }),
    [
      "host.address: is not a host name or address",
      "host.port: is not a port (1 to 65535)",
      "host.user: is not a user name",
      "host.privateKey: is not the text of a private key (it is not a file name)",
      "host.hostKey: is an RSA key, which current servers do not offer; take the ed25519 one",
    ],
  ],
])("mistakes: %s", (_what, changes, expected) => {
  expect(told(appOriginIssues("api", { ...smallest(), ...changes() }))).toEqual(expected);
});

test("one error names every mistake, and no secret", async () => {
  const mistaken = new Mocks({});
  await expect(
    runWith(
      mistaken,
      () =>
        new AppOrigin("api", {
          ...smallest(),
          hostnames: [],
          services: {},
          host: new RemoteHost({ ...host.args, privateKey: "the-private-part" }),
        }),
    ),
  ).rejects.toThrow(
    'AppOrigin "api" has 3 mistakes in its arguments:\n' +
      "  - hostnames: is empty\n" +
      "  - host.privateKey: is not the text of a private key (it is not a file name)\n" +
      "  - services: is empty",
  );
  expect(mistaken.children()).toEqual([]);
});
