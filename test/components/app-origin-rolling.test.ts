/** Origins whose services start beside their predecessor: what is made for them, what goes to the host, what is refused. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import {
  AppOrigin,
  type ComposeOriginArgs,
  type OriginService,
  type TunnelOriginArgs,
} from "../../components/app-origin";
import { cloudflareNetworks } from "../../components/origin/cloudflare-networks";
import { appOriginIssues } from "../../components/origin/issues";
import { interpolated, shownImages } from "../../components/origin/release-images";
import type { RolloutInput, VerifyPublicInput } from "../../components/origin/rollout-input";
import { RemoteHost } from "../../remote/host";
import { findComposePlugin } from "../../sandbox/host/docker/compose-plugin";
import { readFrames, writtenFiles } from "../support/frames";
import { told } from "../support/issues";
import { known, Mocks, runWith } from "../support/mocks";
import { testHost } from "../support/remote-host";

jest.setTimeout(30_000);

const resolve = [{ host: "api.example.com", port: 443, toAddress: "127.0.0.1", toPort: 8443 }];
const host = new RemoteHost({ ...testHost(), resolve });
const folder = mkdtempSync(join(tmpdir(), "groundwork-rolling-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A compose file in the test's folder. */
function compose(text: string, name = "compose.yaml"): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const usual = `
services:
  api:
    image: \${API_IMAGE:-ghcr.io/me/api:1}
    container_name: api
    ports: ["8080:4000"]
    depends_on: { db: { condition: service_healthy } }
    networks: { front: { aliases: [backend] } }
    volumes: ["uploads:/uploads", "cache:/cache", "./conf:/conf:ro"]
  web: { image: "ghcr.io/me/web:1", networks: [front, own] }
  admin: { image: "admin:1" }
  db: { image: "postgres:17", networks: [front], volumes: ["data:/data", "uploads:/uploads"] }
networks: { front: { driver: bridge }, own: {}, unused: { external: true } }
volumes: { data: {}, uploads: {}, cache: { name: shared-cache } }
`;

const answers = {
  "command:remote:Command": (_inputs: unknown, name: string) => ({
    stdout: name.endsWith("-certificate-request")
      ? JSON.stringify({ step: "origin-csr", csr: "CSR" })
      : name.endsWith("-migrations")
        ? JSON.stringify({ step: "migrate", schema: "0042" })
        : "{}",
    stderr: "",
  }),
  "command:local:Command": () => ({ stdout: "{}", stderr: "" }),
  "cloudflare:index/originCaCertificate:OriginCaCertificate": () => ({ certificate: "PEM" }),
  "cloudflare:index/dnsRecord:DnsRecord": () => ({}),
};

const api = (changes: Partial<OriginService> = {}): OriginService => ({
  port: 4000,
  strategy: "start-first",
  healthPath: "/api/health",
  ...changes,
});

const origin = (changes: Partial<ComposeOriginArgs> = {}): ComposeOriginArgs => ({
  kind: "compose",
  host,
  zoneId: "zone",
  hostnames: ["api.example.com"],
  publicAddresses: ["203.0.113.10"],
  composeFile: compose(usual),
  originCertificate: {},
  proxy: {},
  services: { api: api() },
  ...changes,
});

function rolloutOf(mocks: Mocks, name = "api"): RolloutInput {
  return JSON.parse(mocks.get(`${name}-rollout`).inputs["stdin"] as string) as RolloutInput;
}

test("the smallest: the proxy is a step of its own, before the rollout; DNS comes after", async () => {
  const mocks = new Mocks(answers);
  const made = await runWith(mocks, () => new AppOrigin("api", origin()));
  const order = mocks.children().map(({ name }) => name);
  expect([...order].sort()).toEqual(
    [
      ...["api-prepared", "api-certificate-request", "api-certificate", "api-certificate-installed"],
      ...["api-files", "api-proxy", "api-rollout", "api-dns-api.example.com"],
    ].sort(),
  );
  for (const [one, other] of [
    ["api-certificate-installed", "api-proxy"],
    ["api-files", "api-rollout"],
    ["api-proxy", "api-rollout"],
    ["api-rollout", "api-dns-api.example.com"],
  ] as const)
    expect(order.indexOf(one)).toBeLessThan(order.indexOf(other));
  expect(rolloutOf(mocks)).toMatchObject({
    frames: {
      keep: 5,
      rolling: 1,
      rolling_1_service: "api",
      rolling_1_port: 4000,
      rolling_1_path: "/api/health",
      rolling_1_drain: 30,
      rolling_1_replicas: 1,
      images: 1,
      image_1_service: "api",
      image_1_reference: "ghcr.io/me/api:1",
    },
    probe: { url: "https://api.example.com/api/health", resolve },
  });
  expect(mocks.get("api-rollout").secrets).toEqual(["stdin"]);
  expect(await known(made.ledger)).toEqual({ value: undefined, secret: false });
});

test("the host must have a Compose that can do it, and installs it only where that is asked for", async () => {
  const frames = async (args: ComposeOriginArgs) => {
    const mocks = new Mocks(answers);
    await runWith(mocks, () => new AppOrigin("api", args));
    return readFrames(mocks.get("api-prepared").inputs["stdin"]);
  };
  expect(await frames(origin())).toEqual({ project: "api", compose_minimum: "2.24" });
  const willing = new RemoteHost({ ...host.args, installDocker: true });
  expect(await frames(origin({ host: willing }))).toMatchObject({ install_docker: "1" });
  const recreated = { services: { api: { port: 4000 } }, proxy: { routes: { "/*": "api" } } };
  expect(await frames(origin(recreated))).toEqual({ project: "api" });
  const migrations = { service: "api", command: ["migrate"] };
  expect(await frames(origin({ migrations }))).toEqual({ project: "api", compose_minimum: "2.33" });
});

test("what the proxy's step gets: no private part, the gate for the host alone, the ports that it takes", async () => {
  const mocks = new Mocks(answers);
  await runWith(mocks, () => new AppOrigin("api", origin({ project: "shop" })));
  const step = mocks.get("api-proxy");
  expect(step.secrets).toEqual(expect.arrayContaining(["connection", "stdin"]));
  const frames = readFrames(step.inputs["stdin"]);
  expect(Object.keys(frames).sort()).toEqual([
    "caddyfile",
    "compose",
    "ports",
    "project",
    "routed",
    "routes",
  ]);
  expect(frames["ports"]).toBe("80 443");
  // What is followed on after the next change, while a service of the new routes does not serve yet.
  expect(frames["routed"]).toBe("api");
  expect(frames["routes"]).toMatch(/reverse_proxy tcp\/\{file\.\{\$UPSTREAMS:\/upstreams\}\/api\}/);
  expect(JSON.parse(frames["compose"] ?? "")).toEqual({
    services: {
      caddy: {
        image: "caddy:2.11.2",
        command: ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"],
        restart: "unless-stopped",
        ports: ["80:80", "443:443", "127.0.0.1::2020"],
        environment: { XDG_DATA_HOME: "/data", XDG_CONFIG_HOME: "/data/config", GOGC: "400" },
        volumes: [
          "./proxy/config:/etc/caddy:ro",
          "./proxy/upstreams:/upstreams:ro",
          "./certificates:/certificates:ro",
          "data:/data",
        ],
        networks: ["groundwork-edge"],
        stop_grace_period: "60s",
      },
    },
    networks: { "groundwork-edge": { name: "shop-edge", external: true } },
    volumes: { data: {} },
  });
  expect(frames["caddyfile"]).toContain("tls {$CERTIFICATES:/certificates}/origin.pem");
  expect(frames["caddyfile"]).toContain(`trusted_proxies static ${cloudflareNetworks.join(" ")}`);
  expect(frames["caddyfile"]).not.toContain("abort");
});

/** Inputs of all steps of a program. */
async function inputsOf(args: ComposeOriginArgs): Promise<Record<string, unknown>> {
  const mocks = new Mocks(answers);
  await runWith(mocks, () => new AppOrigin("api", args));
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
    "an image: neither files nor proxy",
    { services: { api: api({ image: "ghcr.io/me/api:2" }) } },
    ["api-rollout"],
  ],
  ["a variable", { environment: { FLAG: "on" } }, ["api-files", "api-rollout"]],
  ["a route: the proxy alone", { proxy: { routes: { "/api/*": "api" } } }, ["api-proxy"]],
  ["a header: the proxy alone", { proxy: { headers: { "X-Frame-Options": "DENY" } } }, ["api-proxy"]],
  [
    "the drain time",
    { services: { api: api({ drainSeconds: 60 }) } },
    ["api-files", "api-proxy", "api-rollout"],
  ],
  ["what is asked meanwhile", { probe: { intervalMs: 50 } }, ["api-rollout"]],
])("only what depends on it runs again: %s", async (_what, changes, expected) => {
  const before = await inputsOf(origin());
  const after = await inputsOf(origin(changes));
  expect(Object.keys(after)).toEqual(Object.keys(before));
  expect(
    Object.keys(after)
      .filter((name) => after[name] !== before[name])
      .sort(),
  ).toEqual(expected);
});

test("another image is another release, the same one is not; the drain time is none", async () => {
  const releaseOf = async (changes: Partial<ComposeOriginArgs>) => {
    const mocks = new Mocks(answers);
    const made = await runWith(mocks, () => new AppOrigin("api", origin(changes)));
    return (await known(made.release ?? "")).value;
  };
  const before = await releaseOf({});
  expect(await releaseOf({})).toBe(before);
  expect(await releaseOf({ services: { api: api({ image: "ghcr.io/me/api:2" }) } })).not.toBe(before);
  expect(await releaseOf({ proxy: { headers: { A: "b" } } })).toBe(before);
});

test("another drain time leaves the proxy's container as it is: a new one would cut everybody off", async () => {
  const composeOf = async (drainSeconds: number) => {
    const mocks = new Mocks(answers);
    await runWith(mocks, () => new AppOrigin("api", origin({ services: { api: api({ drainSeconds }) } })));
    return readFrames(mocks.get("api-proxy").inputs["stdin"])["compose"];
  };
  const short = await composeOf(5);
  expect(short).toContain("caddy");
  expect(await composeOf(300)).toBe(short);
});

describe("the files of two colours, as Compose itself reads them", () => {
  interface Config {
    readonly services: Record<string, Record<string, unknown>>;
    readonly networks: Record<string, object>;
    readonly volumes: Record<string, object>;
  }

  /** What Compose makes of the files that the host gets, in the project of a colour or in the base. */
  async function configOf(args: ComposeOriginArgs, colour?: "blue" | "green"): Promise<Config> {
    const mocks = new Mocks(answers);
    await runWith(mocks, () => new AppOrigin("api", args));
    const files = writtenFiles(mocks.get("api-files").inputs["stdin"]);
    const at = mkdtempSync(join(folder, "host-"));
    for (const [path, content] of Object.entries(files)) writeFileSync(join(at, path), content);
    const names = ["compose.yaml", "compose.override.json", ...(colour ? ["compose.colour.yaml"] : [])];
    const plugin = await findComposePlugin(() => undefined);
    const text = execFileSync(
      plugin,
      [
        ...["--project-name", colour ? `shop-${colour}` : "shop", "--project-directory", at],
        ...names.flatMap((name) => ["--file", join(at, name)]),
        ...["config", "--format", "json"],
      ],
      { env: { ...process.env, GROUNDWORK_COLOUR: colour ?? "" } },
    ).toString();
    return JSON.parse(text.replaceAll(at, "HOST")) as Config;
  }

  const shop = () =>
    origin({
      project: "shop",
      composeFile: compose(usual.replace("web: {", "web: { depends_on: [api],"), "shop.yaml"),
      services: {
        api: api({ drainSeconds: 20 }),
        web: { port: 3000, strategy: "start-first", replicas: 2 },
        admin: { port: 9000 },
      },
      proxy: { routes: { "/api/*": "api", "/admin/*": "admin", "/*": "web" } },
    });

  test("a colour has no port, name or dependency of its own, shares networks and volumes, and is found by its name", async () => {
    const { services, networks, volumes } = await configOf(shop(), "blue");
    expect(services["api"]).toMatchObject({
      image: "ghcr.io/me/api:1",
      stop_grace_period: "25s",
      networks: { front: { aliases: ["backend"] }, "groundwork-edge": { aliases: ["api-blue"] } },
    });
    for (const absent of ["ports", "container_name", "depends_on"])
      expect(services["api"]).not.toHaveProperty([absent]);
    expect(services["web"]).not.toHaveProperty("depends_on");
    expect(services["web"]).toMatchObject({ scale: 2, stop_grace_period: "35s" });
    expect(services["web"]?.["networks"]).toEqual({
      front: null,
      own: null,
      "groundwork-edge": { aliases: ["web-blue"] },
    });
    expect(networks).toMatchObject({
      front: { name: "shop_front", external: true },
      "groundwork-edge": { name: "shop-edge", external: true },
      // Only rolling services use it: each colour has its own.
      own: { name: "shop-blue_own" },
    });
    expect(networks["own"]).not.toHaveProperty("external");
    expect(volumes).toMatchObject({
      uploads: { name: "shop_uploads", external: true },
      cache: { name: "shared-cache" },
    });
    expect((await configOf(shop(), "green")).services["api"]?.["networks"]).toMatchObject({
      "groundwork-edge": { aliases: ["api-green"] },
    });
  });

  test("the base keeps its own networks; a service that a route names is in the proxy's as well", async () => {
    const { services, networks } = await configOf(shop());
    expect(services["admin"]?.["networks"]).toEqual({ default: {}, "groundwork-edge": {} });
    expect(services["db"]?.["networks"]).toEqual({ front: null });
    expect(networks).toMatchObject({
      front: { name: "shop_front" },
      "groundwork-edge": { name: "shop-edge", external: true },
    });
    expect(networks["front"]).not.toHaveProperty("external");
  });

  test("a file without networks and volumes", async () => {
    const args = origin({
      project: "shop",
      composeFile: compose("services: { api: { image: 'api:1' }, db: { image: 'db:1' } }", "plain.yaml"),
    });
    const { services, networks } = await configOf(args, "green");
    expect(services["api"]?.["networks"]).toEqual({
      default: null,
      "groundwork-edge": { aliases: ["api-green"] },
    });
    expect(networks).toMatchObject({
      default: { name: "shop_default", external: true },
      "groundwork-edge": { name: "shop-edge", external: true },
    });
  });
});

test("nothing of it without start-first: no proxy, no colours, no requests meanwhile", async () => {
  const mocks = new Mocks(answers);
  const made = await runWith(
    mocks,
    () =>
      new AppOrigin("api", {
        ...origin({ services: { admin: { port: 9000, publish: 80 } } }),
        proxy: undefined as never,
        originCertificate: undefined as never,
      }),
  );
  expect(mocks.children().map(({ name }) => name)).toEqual([
    "api-prepared",
    "api-files",
    "api-rollout",
    "api-dns-api.example.com",
  ]);
  expect(Object.keys(writtenFiles(mocks.get("api-files").inputs["stdin"]))).not.toContain(
    "compose.colour.yaml",
  );
  expect(rolloutOf(mocks)).not.toHaveProperty("probe");
  expect(made.ledger).toBeUndefined();
});

test("the schema's version, the schema's breaks and the versions of secrets are kept with the release", async () => {
  const mocks = new Mocks(answers);
  const args = origin({
    secrets: { TOKEN: "swordfish" },
    environment: { FLAG: "on", MADE: pulumi.output("at run time") },
    release: "by hand",
    migrations: {
      service: "api",
      command: ["migrate"],
      versionCommand: ["schema", "version"],
      breaking: true,
    },
  });
  await runWith(mocks, () => new AppOrigin("api", args));
  expect(JSON.parse(String(rolloutOf(mocks).frames["record"]))).toEqual({
    tags: { api: "ghcr.io/me/api:1" },
    config: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
    secrets: {
      MADE: expect.stringMatching(/^[0-9a-f]{4}$/) as string,
      TOKEN: expect.stringMatching(/^[0-9a-f]{4}$/) as string,
    },
    breaking: true,
    marker: "by hand",
    schema: "0042",
  });
  expect(readFrames(mocks.get("api-migrations").inputs["stdin"])).toMatchObject({
    release: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
    images: "1",
    image_1_service: "api",
    image_1_reference: "ghcr.io/me/api:1",
    version_arguments: "2",
    version_argument_1: "schema",
    version_argument_2: "version",
  });
});

describe("digests", () => {
  const registry = (digest: string) => {
    const asked: unknown[] = [];
    const mocks = new Mocks(
      { ...answers, "pulumi:providers:docker": () => ({}) },
      {
        "docker:index/getRegistryImage:getRegistryImage": (inputs) => {
          asked.push(inputs["name"]);
          return { id: digest, name: inputs["name"], sha256Digest: digest };
        },
      },
    );
    return { mocks, asked };
  };
  const args = () =>
    origin({
      pull: "always",
      registries: [{ server: "ghcr.io", username: "me", password: "registry-password" }],
      services: { api: api(), admin: { image: `admin@sha256:${"a".repeat(64)}` } },
    });

  test("a tag is what the registry says it is: with the host's login, at each preview", async () => {
    const { mocks, asked } = registry("sha256:one");
    await runWith(mocks, () => new AppOrigin("api", args()));
    expect(asked).toEqual(["ghcr.io/me/api:1"]);
    const provider = mocks.get("api-registry");
    expect(JSON.parse(String(provider.inputs["registryAuth"]))).toEqual([
      { address: "ghcr.io", username: "me", password: "registry-password" },
    ]);
    expect(provider.secrets).toContain("registryAuth");
    expect(rolloutOf(mocks).frames).toMatchObject({
      pull: "missing",
      image_1_reference: "ghcr.io/me/api:1@sha256:one",
      image_2_reference: `admin@sha256:${"a".repeat(64)}`,
    });
    expect(JSON.parse(String(rolloutOf(mocks).frames["record"]))).toMatchObject({
      tags: { api: "ghcr.io/me/api:1" },
    });
  });

  test("the same tag with another digest is another release", async () => {
    const releases = [];
    for (const digest of ["sha256:one", "sha256:one", "sha256:two"]) {
      const made = await runWith(registry(digest).mocks, () => new AppOrigin("api", args()));
      releases.push((await known(made.release ?? "")).value);
    }
    expect(releases[0]).toBe(releases[1]);
    expect(releases[2]).not.toBe(releases[0]);
  });
});

test("of an image's name with variables, which may be secret, its text is shown, and the digest that was found", async () => {
  const digest = `@sha256:${"a".repeat(64)}`;
  const shown = (image: string, reference: string) =>
    known(
      shownImages(
        { ...origin(), services: { api: {} } },
        { services: { api: { image } } },
        { api: pulumi.secret({ written: undefined, reference }) },
      )["api"],
    );
  expect(await shown("${WORD}/api:1", `word/api:1${digest}`)).toEqual({
    value: `\${WORD}/api:1${digest}`,
    secret: false,
  });
  expect(await shown("${WORD}/api:1", "word/api:1")).toEqual({ value: "${WORD}/api:1", secret: false });
  expect((await shown("api:1", "api:1")).secret).toBe(true);
});

test.each([
  ["a:1", "a:1"],
  ["${A}:${B:-2}", "x:2"],
  ["$A/${EMPTY:-z}${EMPTY-y}", "x/z"],
  ["$$5", "$5"],
  ["${A:?must be}", undefined],
  ["${B:-${A}}", undefined],
  ["${NOTHING}", undefined],
])("an image's name with variables: %s is %s", (text, expected) => {
  expect(interpolated(text, { A: "x", EMPTY: "" })).toBe(expected);
});

test("what is asked through the public names, and which ports must be closed", async () => {
  const mocks = new Mocks(answers);
  const made = await runWith(
    mocks,
    () =>
      new AppOrigin(
        "api",
        origin({
          verify: [
            { path: "/", http2: true },
            { path: "/gone", status: 410, contains: "bye" },
          ],
          closedPorts: [4000, 5432],
        }),
      ),
  );
  const order = mocks.children().map(({ name }) => name);
  expect(order.at(-1)).toBe("api-public");
  expect(JSON.parse(mocks.get("api-public").inputs["stdin"] as string) as VerifyPublicInput).toEqual({
    checks: [
      { url: "https://api.example.com/", status: 200, http2: true },
      { url: "https://api.example.com/gone", status: 410, contains: "bye" },
    ],
    closed: { addresses: ["203.0.113.10"], ports: [4000, 5432] },
    resolve,
    trigger: (await known(made.release ?? "")).value,
  });
});

describe("where it is asked while a release goes on", () => {
  const probeOf = async (changes: Partial<ComposeOriginArgs>) => {
    const mocks = new Mocks(answers);
    await runWith(mocks, () => new AppOrigin("api", origin(changes)));
    return rolloutOf(mocks).probe;
  };
  const both = {
    services: { api: api(), web: { port: 3000, strategy: "start-first", healthPath: "/" } as const },
  };
  test("the health path of a service that the name leads to", async () => {
    const routes = { "/api/*": "api", "/*": "web" };
    expect(await probeOf({ ...both, proxy: { routes } })).toMatchObject({
      url: "https://api.example.com/api/health",
    });
    // A path that leads to another service tells nothing of this one.
    const elsewhere = { "/v1/*": "api", "/*": "web" };
    expect(await probeOf({ ...both, proxy: { routes: elsewhere } })).toMatchObject({
      url: "https://api.example.com/",
    });
  });
  test("as it is written; nothing where it is switched off or there is nothing to ask", async () => {
    expect(
      await probeOf({ probe: { path: "/up", websocketPath: "/socket", intervalMs: 20, abortAfter: 0 } }),
    ).toEqual({
      url: "https://api.example.com/up",
      websocket: "/socket",
      resolve,
      intervalMs: 20,
      abortAfter: 0,
    });
    expect(await probeOf({ probe: false })).toBeUndefined();
    expect(await probeOf({ services: { api: { port: 4000, strategy: "start-first" } } })).toBeUndefined();
  });
  test("with the headers of its own host name, where Access is in front of it", async () => {
    const headers = { "CF-Access-Client-Id": "id.access", "CF-Access-Client-Secret": "swordfish" };
    const publicHeaders = pulumi.secret({ "api.example.com": headers, "other.example.com": {} });
    expect(await probeOf({ publicHeaders })).toMatchObject({ headers });
    expect(await probeOf({ publicHeaders: { "other.example.com": headers } })).not.toHaveProperty("headers");
    const mocks = new Mocks(answers);
    await runWith(mocks, () => new AppOrigin("api", origin({ publicHeaders, verify: [{ path: "/" }] })));
    for (const step of ["api-rollout", "api-public"]) expect(mocks.get(step).secrets).toContain("stdin");
    const { checks } = JSON.parse(mocks.get("api-public").inputs["stdin"] as string) as VerifyPublicInput;
    expect(checks).toEqual([{ url: "https://api.example.com/", status: 200, headers }]);
  });
  test("plain HTTP where the proxy has no certificate and nobody else brings one", async () => {
    const changes = { proxied: false, proxy: { tls: "none", httpPort: 8080 } as const };
    expect(await probeOf({ ...changes, originCertificate: undefined })).toMatchObject({
      url: "http://api.example.com:8080/api/health",
    });
  });
});

test("behind a tunnel: the connector is in the proxy's network, nothing is published, the tunnel's names are asked", async () => {
  const args: TunnelOriginArgs = {
    kind: "tunnel",
    host,
    tunnel: { token: pulumi.secret("tunnel-token-1"), hostnames: pulumi.output(["api.example.com"]) },
    composeFile: compose(
      `${usual.trim().replace("services:", "services:\n  cloudflared: { image: cf, networks: [front] }")}`,
      "tunnel.yaml",
    ),
    project: "pika",
    proxy: {},
    services: { api: api(), web: { port: 3000, strategy: "start-first" } },
    probe: { path: "/api/health" },
  };
  const mocks = new Mocks(answers);
  await runWith(mocks, () => new AppOrigin("api", args));
  expect(mocks.list()).toEqual([
    "Command api-files",
    "Command api-prepared",
    "Command api-proxy",
    "Command api-rollout",
  ]);
  const override = JSON.parse(
    writtenFiles(mocks.get("api-files").inputs["stdin"])["compose.override.json"] ?? "",
  ) as { services: Record<string, unknown>; networks: unknown };
  expect(override.services["cloudflared"]).toEqual({
    networks: { front: {}, "groundwork-edge": {} },
    environment: { TUNNEL_TOKEN: "tunnel-token-1" },
  });
  expect(override.networks).toEqual({ "groundwork-edge": { name: "pika-edge", external: true } });
  const frames = readFrames(mocks.get("api-proxy").inputs["stdin"]);
  expect(frames["ports"]).toBe("");
  expect(JSON.parse(frames["compose"] ?? "")).toMatchObject({
    services: { caddy: { ports: ["127.0.0.1::2020"] } },
  });
  expect(frames["caddyfile"]).toMatch(/^http:\/\/:4000 \{/m);
  expect(frames["caddyfile"]).toContain("trusted_proxies static private_ranges");
  expect(rolloutOf(mocks).probe).toMatchObject({ url: "https://api.example.com/api/health" });
});

test.each<[string, () => Partial<ComposeOriginArgs>, string[]]>([
  ["nothing wrong", () => ({}), []],
  [
    "no proxy",
    () => ({ proxy: undefined, originCertificate: undefined }),
    ['proxy: is needed by services with start-first "api"'],
  ],
  [
    "no port",
    () => ({ services: { api: { strategy: "start-first" } }, proxy: { routes: { "/*": "api" } } }),
    [
      "services.api.port: is needed with start-first: traffic is switched to it",
      'proxy.routes["/*"]: leads to a service without port "api"',
    ],
  ],
  [
    "ports of its own",
    () => ({ services: { api: api({ publish: 8080, tls: { port: 4443 } }) } }),
    [
      "services.api.publish: is for the proxy with start-first: two containers cannot have one port 8080",
      'services.api.tls: is for the proxy with start-first: it has the certificate {"port":4443}',
    ],
  ],
  [
    "a port that the proxy has",
    () => ({ services: { api: api(), admin: { port: 9000, publish: 443 } } }),
    ["services.admin: publishes a port of the proxy 443"],
  ],
  [
    "a certificate that is not there",
    () => ({ originCertificate: undefined, proxy: { tls: "origin-certificate" } }),
    ["originCertificate: is needed with tls: origin-certificate"],
  ],
  [
    "Let's Encrypt behind Cloudflare",
    () => ({ originCertificate: undefined }),
    [expect.stringContaining("proxy.tls: is for names that lead straight to the host")],
  ],
  [
    "Cloudflare only, and IPv6",
    () => ({ publicAddresses: ["203.0.113.10", "2001:db8::10"], proxy: { cloudflareOnly: true } }),
    [expect.stringContaining("proxy.cloudflareOnly: cannot tell who connects over IPv6")],
  ],
  [
    "routes",
    () => ({
      services: { api: api(), web: { port: 3000, strategy: "start-first" } },
      proxy: { routes: { "api/*": "api", "//x": "api", "www.example.com/*": "api", "/*": "nobody" } },
    }),
    [
      'proxy.routes["api/*"]: is not a route',
      'proxy.routes["//x"]: is not a route',
      'proxy.routes["www.example.com/*"]: is for another host name "www.example.com"',
      'proxy.routes["/*"]: is not a service of the origin "nobody"',
    ],
  ],
  [
    "no route where two could be meant",
    () => ({ services: { api: api(), web: { port: 3000, strategy: "start-first" } } }),
    ["proxy.routes: is needed, unless exactly one service has start-first"],
  ],
  [
    "numbers and texts",
    () => ({
      keepReleases: 1,
      closedPorts: [0],
      verify: [{ path: "x" }],
      probe: { path: "y" },
      proxy: { headers: { "A B": "c", C: "`" }, email: "x", cloudflareNetworks: ["here"], httpPort: 443 },
    }),
    [
      "proxy.httpsPort: is the HTTP port as well 443",
      "proxy.headers.A B: is not a header with a value of one line",
      "proxy.headers.C: is not a header with a value of one line",
      'proxy.email: is not an e-mail address "x"',
      'proxy.cloudflareNetworks: is not a network "here"',
      "keepReleases: is not a whole number from 2, as one is for going back 1",
      "closedPorts[0]: is not a port 0",
      'verify[0].path: is not a path "x"',
      'probe.path: is not a path "y"',
    ],
  ],
  [
    "a compose file that cannot be two projects",
    () => ({
      composeFile: compose(
        "include: [other.yaml]\nservices:\n" +
          "  api: { image: a, network_mode: host, volumes_from: [db] }\n" +
          "  web: { image: w, networks: { front: { ipv4_address: 10.0.0.2 } } }\n" +
          "  admin: { image: b, depends_on: { api: { condition: service_started } } }\n",
        "odd.yaml",
      ),
      services: { api: api(), web: { port: 3000, strategy: "start-first" } },
      proxy: { routes: { "/*": "web" } },
    }),
    [
      expect.stringContaining("composeFile: has `include`"),
      'composeFile: services.api.network_mode: is not possible with start-first: the proxy finds it in a network "host"',
      "composeFile: services.api.volumes_from: is not possible with start-first",
      "composeFile: services.web.networks: has a fixed address, which two containers cannot both have",
      'composeFile: services.admin.depends_on: names a service with start-first, which is in a project of its own "api"',
    ],
  ],
  [
    "what is taken from another service, unless by YAML's own means",
    () => ({
      composeFile: compose(
        "x-base: &base { networks: [back], network_mode: host }\nservices:\n" +
          '  base: { image: a, networks: [back], volumes: ["uploads:/uploads"] }\n' +
          "  api: { extends: base }\n" +
          "  web: { <<: *base }\n" +
          "  admin: { extends: { service: base } }\n" +
          "networks: { back: {} }\nvolumes: { uploads: {} }\n",
        "extends.yaml",
      ),
      services: { api: api(), web: { port: 3000, strategy: "start-first" } },
      proxy: { routes: { "/*": "web" } },
    }),
    [
      'composeFile: services.api.extends: cannot be followed with start-first: each colour would have volumes and networks of its own "base"',
      expect.stringContaining("composeFile: services.web.network_mode: is not possible"),
    ],
  ],
])("mistakes: %s", (_what, changes, expected) => {
  expect(told(appOriginIssues("api", origin(changes())))).toEqual(expected);
});
