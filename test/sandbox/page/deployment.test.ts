import { modelFromDeployment } from "../../../sandbox/page/deployment";
import type { EnvironmentModel } from "../../../sandbox/page/model";
import { canary, sampleOutputs, sampleResources, secret } from "./sample-deployment";

const model = modelFromDeployment({
  stack: "staging",
  resources: sampleResources(),
  outputs: sampleOutputs,
  addresses: [
    { label: "sites.web", url: "https://staging.streampai.com", state: "ok", detail: "200 in 9 ms" },
    { label: "origins.api", url: "https://api-staging.streampai.com", state: "ok" },
  ],
});

function node(id: string, of: EnvironmentModel = model) {
  const found = of.nodes.find((each) => each.id === id);
  if (found === undefined) throw new Error(`no ${id} among ${of.nodes.map((each) => each.id).join(", ")}`);
  return found;
}

describe("modelFromDeployment", () => {
  it("draws every part in its lane", () => {
    expect(model.nodes.map(({ lane, id }) => `${lane} ${id}`)).toEqual([
      "edge edge",
      "edge access:staging-access",
      "entry site:web",
      "data database:main",
      "data bucket:streampai-media-staging",
      "data bucket:streampai-avatars-staging",
      "data bucket:streampai-recordings-staging",
      "data token:live-inputs",
      "entry origin:api",
      "service service:api:api",
    ]);
  });

  it("says what matters of each", () => {
    expect(node("edge").facts).toEqual([
      "TLS to the origin: strict",
      "TLS at least: 1.2",
      "HTTPS always: on",
      "WebSockets: on",
      "Brotli: on",
      "3 DNS records",
    ]);
    expect(node("access:staging-access").facts).toEqual([
      "staging.streampai.com",
      "api-staging.streampai.com",
      "1 policy for public paths",
      "login: github",
    ]);
    expect(node("origin:api").facts).toEqual([
      "api-staging.streampai.com",
      "at 203.0.113.10",
      "origin certificate",
    ]);
    expect(node("service:api:api").facts).toEqual([
      "port 80 → 4000",
      "port 443 → 4443, TLS",
      "compose project streampai",
      "release 5f1d9a7c3b2e",
    ]);
    expect(node("database:main").facts).toEqual([
      "PostgreSQL in db",
      "application: streampai_app_a",
      "migrations: streampai_migrator",
    ]);
    expect(node("bucket:streampai-media-staging").facts).toEqual([
      "R2 bucket",
      "media-staging.streampai.com",
      "in WEUR",
    ]);
  });

  it("leads visitors through Access to what it protects, and on to the data", () => {
    expect(model.links).toEqual([
      { from: "edge", to: "access:staging-access" },
      { from: "access:staging-access", to: "site:web" },
      { from: "access:staging-access", to: "origin:api" },
      { from: "origin:api", to: "service:api:api" },
      { from: "service:api:api", to: "database:main" },
      { from: "service:api:api", to: "bucket:streampai-media-staging" },
      { from: "service:api:api", to: "bucket:streampai-avatars-staging" },
      { from: "service:api:api", to: "bucket:streampai-recordings-staging" },
      { from: "service:api:api", to: "token:live-inputs" },
    ]);
  });

  it("leads straight to what nothing protects, and through tunnels", () => {
    const tunnelled = modelFromDeployment({
      stack: "prod",
      resources: [
        component("Tunnel", "pika", { hostnames: ["api.pika.dance"] }),
        component(
          "AppOrigin",
          "pika",
          { hostnames: ["api.pika.dance"], project: "pika" },
          { services: { web: {} } },
        ),
        component("PagesSite", "docs", {}),
      ],
    });
    expect(tunnelled.links).toEqual([
      { from: "edge", to: "tunnel:pika" },
      { from: "tunnel:pika", to: "origin:pika" },
      { from: "edge", to: "site:docs" },
      { from: "origin:pika", to: "service:pika:web" },
    ]);
  });

  it("lists every resource but the stack, providers and components, grouped by the outermost component", () => {
    const kept = sampleResources().filter(({ custom, type }) => custom && !type.startsWith("pulumi:"));
    expect(kept.length).toBeGreaterThan(50);
    expect(model.resources.map(({ urn }) => urn)).toEqual(kept.map(({ urn }) => urn));
    const counts = new Map<string, number>();
    for (const { component: name } of model.resources) counts.set(name, (counts.get(name) ?? 0) + 1);
    expect(Object.fromEntries(counts)).toEqual({
      zone: 16,
      "staging-access": 8,
      web: 3,
      main: 6,
      buckets: 11,
      "live-inputs": 1,
      api: 12,
    });
    expect(model.resources.find(({ name }) => name === "api-dns")).toMatchObject({
      about: "A api-staging.streampai.com → 203.0.113.10",
      componentType: "AppOrigin",
      state: "ok",
    });
    expect(model.resources.find(({ name }) => name === "api-rollout")?.about).toBe(
      "starts the release, waits until it is healthy",
    );
  });

  it("lists the roles of the database", () => {
    expect(model.roles).toEqual([
      {
        database: "streampai",
        role: "streampai_app_a",
        purpose: "application",
        rights: "SELECT, INSERT, UPDATE, DELETE",
      },
      { database: "streampai", role: "streampai_migrator", purpose: "migrations", rights: "owns the schema" },
    ]);
  });

  it("takes links and states from the addresses", () => {
    expect(node("site:web").url).toBe("https://staging.streampai.com");
    expect(model.state).toBe("ok");
    const broken = modelFromDeployment({
      stack: "staging",
      resources: sampleResources(),
      addresses: [
        {
          label: "origins.api",
          url: "https://api-staging.streampai.com:8443",
          publicUrl: "https://api-staging.streampai.com",
          state: "failed",
        },
      ],
    });
    expect(node("origin:api", broken)).toMatchObject({
      state: "failed",
      url: "https://api-staging.streampai.com:8443",
    });
    expect(broken.state).toBe("failed");
  });

  it("takes the addresses of the outputs where none are given", () => {
    const { addresses } = modelFromDeployment({ stack: "s", resources: [], outputs: sampleOutputs });
    expect(addresses).toEqual([
      { label: "sites.web", url: "https://staging.streampai.com", state: "unknown" },
      { label: "origins.api", url: "https://api-staging.streampai.com", state: "unknown" },
    ]);
  });

  it.each([
    ["half deleted", { delete: true }, "working"],
    ["about to be replaced", { pendingReplacement: true }, "working"],
    ["not initialised", { initErrors: ["timed out"] }, "failed"],
  ])("shows a resource that is %s", (_name, extra, state) => {
    const resources = sampleResources().map((each) =>
      each.urn.endsWith("::api-rollout") ? { ...each, ...extra } : each,
    );
    const changed = modelFromDeployment({ stack: "s", resources });
    expect(changed.resources.find(({ name }) => name === "api-rollout")?.state).toBe(state);
    expect(node("origin:api", changed).state).toBe(state);
    expect(changed.state).toBe(state);
  });

  it("shows what is being changed", () => {
    const { urn } = sampleResources().at(-1)!;
    const changed = modelFromDeployment({ stack: "s", resources: sampleResources(), pending: [urn] });
    expect(changed.resources.at(-1)?.state).toBe("working");
  });

  it.each([
    [undefined, "unknown"],
    ["succeeded", "ok"],
    ["failed", "failed"],
    ["in-progress", "working"],
  ] as const)("judges an empty stack by its last update: %s", (result, state) => {
    const lastUpdate = { kind: "update", startedAt: "2026-01-01T00:00:00Z", changes: {} };
    const empty = modelFromDeployment({
      stack: "s",
      resources: [],
      ...(result === undefined ? {} : { lastUpdate: { ...lastUpdate, result } }),
    });
    expect(empty).toMatchObject({ nodes: [], links: [], resources: [], state });
  });

  it.each([
    ["nothing", undefined],
    ["what is no resource", [null, 1, "x", {}, { urn: 1 }]],
    ["resources without anything", [{ urn: "urn:a::b", type: "x:y:Z" }]],
    ["a parent that is its own", [{ urn: "a", type: "groundwork:index:AppOrigin", parent: "a" }]],
  ])("reads %s", (_name, resources) => {
    expect(() => modelFromDeployment({ stack: "s", resources })).not.toThrow();
  });
});

describe("secrets", () => {
  it("are not taken over, wherever the state holds them", () => {
    expect(JSON.stringify(sampleResources())).toContain(canary);
    expect(JSON.stringify(model)).not.toContain(canary);
    expect(JSON.stringify(model)).not.toContain("4dabf18193072939515e22adb298388d");
  });

  it("are taken out where a plain value repeats one", () => {
    const leak = {
      urn: "urn:pulumi:s::p::cloudflare:index/r2Bucket:R2Bucket::b",
      type: "cloudflare:index/r2Bucket:R2Bucket",
      custom: true,
      id: canary,
      inputs: { name: `bucket-${canary}`, token: secret() },
      outputs: {},
    };
    const { resources } = modelFromDeployment({ stack: "s", resources: [leak] });
    expect(resources[0]).toMatchObject({ about: "bucket-[secret]", id: "[secret]" });
  });

  it("do not come as ids: those of generated values are the values", () => {
    const generated = {
      urn: "urn:pulumi:s::p::random:index/randomString:RandomString::r",
      type: "random:index/randomString:RandomString",
      custom: true,
      id: canary,
      inputs: { length: 30 },
      outputs: { result: canary },
    };
    expect(JSON.stringify(modelFromDeployment({ stack: "s", resources: [generated] }))).not.toContain(canary);
  });

  it("do not become names of services", () => {
    const { nodes } = modelFromDeployment({
      stack: "s",
      resources: [component("AppOrigin", "api", { project: "p" }, { services: secret({ api: {} }) })],
    });
    expect(nodes.map(({ id }) => id)).toEqual(["edge", "origin:api"]);
  });
});

function component(type: string, name: string, outputs: unknown, inputs: unknown = {}): unknown {
  const token = `groundwork:index:${type}`;
  return { urn: `urn:pulumi:s::p::${token}::${name}`, type: token, custom: false, inputs, outputs };
}
