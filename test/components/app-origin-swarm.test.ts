/** Origins in a swarm: what is made for them, what goes to which host, what is refused. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { AppOrigin, type SwarmOriginArgs } from "../../components/app-origin";
import { appOriginIssues } from "../../components/origin/issues";
import type { RolloutInput } from "../../components/origin/rollout-input";
import { RemoteHost } from "../../remote/host";
import { findComposePlugin } from "../../sandbox/host/docker/compose-plugin";
import { readFrames, writtenFiles } from "../support/frames";
import { told } from "../support/issues";
import { Mocks, runWith } from "../support/mocks";
import { testHost } from "../support/remote-host";

jest.setTimeout(600_000);

const hosts = [10, 11, 12].map((last) => new RemoteHost({ ...testHost(), address: `203.0.113.${last}` }));
const folder = mkdtempSync(join(tmpdir(), "groundwork-swarm-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (text: string, name = "compose.yaml"): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const usual = `
services:
  api:
    image: ghcr.io/me/api:1
    container_name: my-api
    restart: always
    ports: ["8080:4000"]
    depends_on: [db]
    mem_limit: 256m
    environment: { PRICE: "5$$" }
    networks: [front]
    healthcheck: { test: [CMD, "true"], start_interval: 1s }
    secrets: [key]
  worker: { image: "ghcr.io/me/worker:1", deploy: { update_config: { parallelism: 2 } } }
  db: { image: "postgres:17", networks: [front], volumes: ["data:/data"] }
networks: { front: { internal: true, driver_opts: { encrypted: "" } }, own: { external: true } }
volumes: { data: {} }
secrets: { key: { file: ./key.txt } }
`;
const token = `SWMTKN-1-${Math.random().toString(36).slice(2)}`;

const answers = {
  "command:remote:Command": (_inputs: unknown, name: string) => ({
    stdout: name.endsWith("-swarm")
      ? JSON.stringify({ step: "swarm-init", node: "n1", manager: "10.0.0.1:2377", token })
      : /-joined-\d$/.test(name)
        ? JSON.stringify({ step: "swarm-join", node: `n${name.at(-1) ?? ""}` })
        : name.endsWith("-certificate-request")
          ? JSON.stringify({ step: "origin-csr", csr: `CSR of ${name}` })
          : name.endsWith("-migrations")
            ? JSON.stringify({ step: "migrate", schema: "0042" })
            : "{}",
    stderr: "",
  }),
  "command:local:Command": () => ({ stdout: "{}", stderr: "" }),
  "cloudflare:index/originCaCertificate:OriginCaCertificate": (inputs: unknown) => ({
    certificate: `PEM for ${String((inputs as { csr: string }).csr)}`,
  }),
  "cloudflare:index/dnsRecord:DnsRecord": () => ({}),
};

const origin = (changes: Partial<SwarmOriginArgs> = {}): SwarmOriginArgs => ({
  kind: "swarm",
  hosts,
  advertiseAddresses: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
  zoneId: "zone",
  hostnames: ["api.example.com"],
  publicAddresses: ["203.0.113.10", "203.0.113.11", "203.0.113.12"],
  composeFile: file(usual),
  files: [file("k1", "key.txt")],
  originCertificate: {},
  proxy: {},
  services: {
    api: { port: 4000, strategy: "start-first", healthPath: "/health", replicas: 3, drainSeconds: 20 },
    worker: {},
  },
  ...changes,
});

async function run(args: SwarmOriginArgs): Promise<Mocks> {
  const mocks = new Mocks(answers);
  await runWith(mocks, () => new AppOrigin("api", args));
  return mocks;
}
const frames = (mocks: Mocks, name: string) => readFrames(mocks.get(name).inputs["stdin"]);

test("hosts join the first one; migrations and proxies come before traffic, each host is asked after it", async () => {
  const mocks = await run(origin({ migrations: { service: "api", command: ["migrate"] } }));
  const order = mocks.children().map(({ name }) => name);
  expect([...order].sort()).toEqual(
    [
      ...["api-prepared", "api-prepared-2", "api-prepared-3", "api-swarm", "api-joined-2", "api-joined-3"],
      ...["api-nodes", "api-files", "api-migrations", "api-rollout", "api-proxy"],
      ...["api", "api-2", "api-3"].flatMap((each) =>
        ["request", "installed"].map((step) => `${each}-certificate-${step}`),
      ),
      ...["api-certificate", "api-2-certificate", "api-3-certificate"],
      ...["api-proxy-config", "api-proxy-config-2", "api-proxy-config-3"],
      ...["api-verified", "api-verified-2", "api-verified-3"],
      ...["203.0.113.10", "203.0.113.11", "203.0.113.12"].map(
        (address) => `api-dns-api.example.com-${address}`,
      ),
    ].sort(),
  );
  for (const [one, other] of [
    ["api-nodes", "api-files"],
    ["api-migrations", "api-rollout"],
    ["api-proxy-config-3", "api-proxy"],
    ["api-proxy", "api-rollout"],
    ["api-rollout", "api-verified-2"],
    ["api-verified-3", "api-dns-api.example.com-203.0.113.10"],
  ] as const)
    expect([one, other, order.indexOf(one) < order.indexOf(other)]).toEqual([one, other, true]);
  // They are run on the first host alone.
  expect(frames(mocks, "api-prepared")).toEqual({ project: "api", compose_minimum: "2.33" });
  expect(frames(mocks, "api-prepared-2")).toEqual({ project: "api" });
});

test("Docker is installed on each host that asks for it, and on no other", async () => {
  const willing = hosts.map((host, index) =>
    index === 1 ? host : new RemoteHost({ ...host.args, installDocker: true }),
  );
  const migrations = { service: "api", command: ["migrate"] };
  const mocks = await run(origin({ hosts: willing, migrations }));
  expect(frames(mocks, "api-prepared")).toEqual({
    project: "api",
    compose_minimum: "2.33",
    install_docker: "1",
  });
  expect(frames(mocks, "api-prepared-2")).toEqual({ project: "api" });
  expect(frames(mocks, "api-prepared-3")).toEqual({ project: "api", install_docker: "1" });
});

test("the token goes to those who join by standard input, and is secret", async () => {
  const mocks = await run(origin());
  expect(frames(mocks, "api-joined-3")).toEqual({
    project: "api",
    manager: "10.0.0.1:2377",
    token,
    advertise: "10.0.0.3",
  });
  expect(mocks.get("api-joined-3").secrets).toEqual(expect.arrayContaining(["stdin"]));
  const withToken = mocks.children().filter(({ inputs }) => {
    const text = JSON.stringify(inputs);
    return text.includes(token) || text.includes(Buffer.from(token).toString("base64"));
  });
  expect(withToken.map(({ name }) => name).sort()).toEqual(["api-joined-2", "api-joined-3"]);
  expect(mocks.get("api-joined-2").inputs["create"]).not.toContain(token);
});

test("the manager marks the hosts and makes networks that reach over them", async () => {
  const mocks = await run(origin());
  expect(frames(mocks, "api-nodes")).toMatchObject({
    nodes: "3",
    node_1_id: "n1",
    node_3_id: "n3",
    networks: "3",
    network_1_name: "api_default",
    network_1_internal: "false",
    network_2_name: "api_front",
    network_2_internal: "true",
    network_2_encrypted: "true",
    network_3_name: "api-edge",
  });
});

test("the release is told to the swarm with time for one task after the other, and probed from outside", async () => {
  const mocks = await run(origin());
  const input = JSON.parse(String(mocks.get("api-rollout").inputs["stdin"])) as RolloutInput;
  expect(input).toMatchObject({
    step: "swarm-rollout",
    frames: { services: "api\nworker", drain: 45, timeout: 180 + 2 * 45, images: 2, keep: 5 },
    probe: { url: "https://api.example.com/health" },
  });
  expect(mocks.get("api-rollout").secrets).toEqual(["stdin"]);
});

test("each proxy has the host's own certificate and asks the swarm for the tasks' addresses", async () => {
  const mocks = await run(origin());
  const [first, second] = ["api-proxy-config", "api-proxy-config-2"].map(
    (name) => frames(mocks, name)["caddyfile"],
  );
  expect(first).toContain("name tasks.api");
  expect(first).not.toBe(second);
  const stack = JSON.parse(frames(mocks, "api-proxy")["stack"] ?? "") as {
    services: { caddy: { ports: object[]; deploy: object } };
  };
  expect(stack.services.caddy.ports).toEqual([
    { target: 80, published: 80, protocol: "tcp", mode: "host" },
    { target: 443, published: 443, protocol: "tcp", mode: "host" },
  ]);
  expect(stack.services.caddy.deploy).toMatchObject({ mode: "global" });
});

test("Compose reads the files: what runs beside the swarm in its networks, what the swarm runs without Compose's own words", async () => {
  const compose = await findComposePlugin(() => undefined);
  const mocks = await run(origin());
  const root = mkdtempSync(join(folder, "host-"));
  const files = writtenFiles(mocks.get("api-files").inputs["stdin"]);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  const config = (names: readonly string[], ...services: string[]) =>
    parse(
      execFileSync(
        compose,
        [
          ...["--project-name", "api", "--project-directory", root, "--env-file", join(root, ".env")],
          ...names.flatMap((name) => ["--file", join(root, name)]),
          ...["config", ...services],
        ],
        { encoding: "utf8" },
      ),
    ) as { services: Record<string, Record<string, unknown>>; networks: object; secrets: object };
  const base = config(["compose.yaml", "compose.override.json"]);
  expect(base.networks).toMatchObject({ front: { name: "api_front", external: true } });
  const stack = config(["compose.yaml", "compose.override.json", "compose.swarm.yaml"], "api", "worker");
  const { api, worker } = stack.services;
  for (const gone of ["container_name", "restart", "ports", "depends_on", "mem_limit", "scale"])
    expect(Object.keys(api ?? {})).not.toContain(gone);
  expect(api).toMatchObject({
    environment: { PRICE: "5$$" },
    stop_grace_period: "25s",
    networks: { front: {}, "groundwork-edge": {} },
    deploy: {
      replicas: 3,
      endpoint_mode: "dnsrr",
      update_config: { order: "start-first", failure_action: "rollback" },
      resources: { limits: { memory: "268435456" } },
      placement: { constraints: ["node.labels.groundwork.api == member"] },
    },
  });
  expect(worker).toMatchObject({
    deploy: { update_config: { parallelism: 2, order: "stop-first", failure_action: "rollback" } },
  });
  expect(Object.keys(stack.services)).toEqual(["api", "worker"]);
  expect(stack.secrets).toMatchObject({
    key: { name: expect.stringMatching(/^api_key-[0-9a-f]{16}$/) as string },
  });
});

test("a secret file of another content is another secret, as a swarm's never change", async () => {
  const name = async (content: string) => {
    const args = origin();
    file(content, "key.txt");
    const written = writtenFiles((await run(args)).get("api-files").inputs["stdin"]);
    return /api_key-[0-9a-f]+/.exec(written["compose.swarm.yaml"] ?? "")?.[0];
  };
  const before = await name("k1");
  expect(await name("k2")).not.toBe(before);
  expect(await name("k1")).toBe(before);
});

test("a single host is a swarm of one", async () => {
  const mocks = await run(
    origin({ hosts: hosts.slice(0, 1), advertiseAddresses: ["10.0.0.1"], publicAddresses: ["203.0.113.10"] }),
  );
  expect(mocks.children().map(({ name }) => name)).not.toContain("api-joined-2");
  expect(frames(mocks, "api-nodes")).toMatchObject({ nodes: "1", node_1_id: "n1" });
});

test.each<[string, Partial<SwarmOriginArgs>, RegExp]>([
  ["no host", { hosts: [], advertiseAddresses: [] }, /hosts: is empty/],
  [
    "a host twice",
    { hosts: [hosts[0]!, hosts[1]!, hosts[0]!] },
    /hosts\[2\]: is the same machine as hosts\[0\]/,
  ],
  [
    "an address too few",
    { advertiseAddresses: ["10.0.0.1"] },
    /advertiseAddresses: has not one address for each host/,
  ],
  [
    "Let's Encrypt on several",
    { proxy: { tls: "automatic" }, proxied: false },
    /proxy.tls: cannot be automatic with several hosts/,
  ],
  [
    "a published port",
    { services: { worker: { port: 1, publish: 80 } } },
    /services.worker.publish: is the proxy's in a swarm/,
  ],
  ["a secret that stays here", { files: [] }, /secrets.key: has a file that is not among `files`/],
  [
    "no health check",
    {
      composeFile: file('services: { api: { image: "a:1" } }', "b.yaml"),
      files: [],
      services: { api: { port: 1, strategy: "start-first" } },
    },
    /services.api.healthcheck: is needed with start-first/,
  ],
  [
    "a privileged container with a folder of the host",
    {
      composeFile: file(
        'services: { api: { image: "a:1", privileged: true, volumes: ["./x:/x"] } }',
        "c.yaml",
      ),
      files: [],
      services: { api: {} },
    },
    /services.api.privileged: is not possible in a swarm[^]*services.api.volumes: has a folder of the host/,
  ],
])("%s is refused", (_what, changes, message) => {
  expect(told(appOriginIssues("api", origin(changes))).join("\n")).toMatch(message);
});
