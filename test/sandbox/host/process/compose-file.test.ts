import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadProject, startOrder } from "../../../../sandbox/host/process/compose-file";
import type { ComposeProject } from "../../../../sandbox/host/process/compose-model";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "gw-compose-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface LoadTestOptions {
  readonly environment?: Record<string, string>;
  readonly extra?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly warn?: string[];
}

function load(
  text: string,
  { environment = {}, extra = [], files = {}, warn = [] }: LoadTestOptions = {},
): ComposeProject {
  writeFileSync(join(folder, "compose.yaml"), text);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return loadProject({
    files: extra.length === 0 ? [] : ["compose.yaml", ...extra],
    projectName: "shop",
    envFiles: [],
    cwd: folder,
    environment,
    warn: (line) => warn.push(line),
  });
}

const service = (lines: string): string => `services:\n  web:\n    image: shop:1\n    ${lines}\n`;

test("reads a service with everything that plain processes can follow", () => {
  const { services, networks, volumes } = load(
    `
x-common: &common
  restart: on-failure:3
services:
  web:
    <<: *common
    image: "shop:\${TAG:-latest}"
    command: node server.js --name 'a b'
    environment: [PLAIN=1, "FROM_OUTER", "DOLLAR=$$x"]
    env_file: [{ path: missing.env, required: false }, app.env]
    depends_on: { db: { condition: service_healthy }, cache: { condition: service_started, required: false } }
    healthcheck: { test: curl -f localhost, interval: 1m30s, timeout: 500ms, retries: 5, start_period: 2s }
    ports: ["80:4000", "127.0.0.1:8443:443/tcp", "9000", { target: 53, published: "53", protocol: udp }]
    volumes: ["./data:/data:ro", "store:/store", { type: tmpfs, target: /scratch }]
    networks: { back: { aliases: [shop] } }
    labels: { a.b: 1 }
    stop_grace_period: 1m
    cap_drop: [ALL]
  db: { image: postgres }
networks: { back: { name: shared } }
volumes: { store: {} }
`,
    { environment: { FROM_OUTER: "outer" }, files: { "app.env": "IN_FILE=yes\nPLAIN=overridden\n" } },
  );
  const web = services["web"];
  expect(web).toMatchObject({
    image: "shop:latest",
    command: ["node", "server.js", "--name", "a b"],
    environment: { PLAIN: "1", FROM_OUTER: "outer", DOLLAR: "$x", IN_FILE: "yes" },
    dependsOn: {
      db: { condition: "service_healthy", required: true },
      cache: { condition: "service_started", required: false },
    },
    healthcheck: {
      test: ["curl -f localhost"],
      shell: true,
      interval: 90_000,
      timeout: 500,
      retries: 5,
      startPeriod: 2000,
    },
    restart: "on-failure:3",
    networks: { back: ["shop"] },
    labels: { "a.b": "1" },
    stopGraceMs: 60_000,
    ignored: ["cap_drop"],
  });
  expect(web?.ports).toEqual([
    { hostPort: 80, containerPort: 4000, protocol: "tcp", hostAddress: "0.0.0.0" },
    { hostPort: 8443, containerPort: 443, protocol: "tcp", hostAddress: "127.0.0.1" },
    { hostPort: 0, containerPort: 9000, protocol: "tcp", hostAddress: "0.0.0.0" },
    { hostPort: 53, containerPort: 53, protocol: "udp", hostAddress: "0.0.0.0" },
  ]);
  expect(web?.mounts).toEqual([
    { type: "bind", source: join(folder, "data"), target: "/data", readOnly: true, mustExist: false },
    { type: "volume", source: "shop_store", target: "/store", readOnly: false, mustExist: false },
    { type: "tmpfs", source: "", target: "/scratch", readOnly: false, mustExist: false },
  ]);
  expect(networks).toEqual({
    default: { name: "shop_default", external: false },
    back: { name: "shared", external: false },
  });
  expect(volumes).toEqual({ store: { name: "shop_store", external: false } });
});

test("lays later files over earlier ones", () => {
  const { services } = load(
    service('environment: { A: "1", B: "2" }\n    ports: ["80:1"]\n    command: [one]'),
    {
      extra: ["more.json"],
      files: {
        "more.json": JSON.stringify({
          services: { web: { image: "shop:2", environment: { B: "3" }, ports: ["81:1"], command: ["two"] } },
        }),
      },
    },
  );
  expect(services["web"]).toMatchObject({
    image: "shop:2",
    environment: { A: "1", B: "3" },
    command: ["two"],
  });
  expect(services["web"]?.ports.map(({ hostPort }) => hostPort)).toEqual([80, 81]);
});

test("takes variables from .env, the environment first, and warns of those that are not set", () => {
  const warn: string[] = [];
  const text = service("environment: { A: $A, B: $B, C: $C }");
  const { services } = load(text, {
    files: { ".env": "A=file\nB=file\n" },
    environment: { B: "outer" },
    warn,
  });
  expect(services["web"]?.environment).toEqual({ A: "file", B: "outer", C: "" });
  expect(warn).toEqual(['The "C" variable is not set. Defaulting to a blank string.']);
});

test("starts dependencies first", () => {
  const { services } = load(
    "services:\n  a: { image: x, depends_on: [b, c] }\n  b: { image: x, depends_on: [c] }\n  c: { image: x }\n",
  );
  expect(startOrder(services, ["a"])).toEqual(["c", "b", "a"]);
});

test.each<[string, string, RegExp]>([
  ["an unknown key at the top", "serivces: {}", /additional properties 'serivces' not allowed/],
  [
    "an unknown key of a service",
    service("comand: x"),
    /services\.web additional properties 'comand' not allowed/,
  ],
  ["no image", "services: { web: { command: x } }", /"web" has neither an image nor a build context/],
  ["only a build", "services: { web: { build: . } }", /build is not supported by the sandbox without Docker/],
  ["an unknown dependency", service("depends_on: [db]"), /"web" depends on undefined service "db"/],
  [
    "a circle",
    "services: { a: { image: x, depends_on: [b] }, b: { image: x, depends_on: [a] } }",
    /dependency cycle detected: a -> b -> a/,
  ],
  [
    "a wrong condition",
    "services: { a: { image: x, depends_on: { b: { condition: ready } } }, b: { image: x } }",
    /condition value must be one of/,
  ],
  ["an undefined volume", service('volumes: ["store:/x"]'), /refers to undefined volume store/],
  ["an undefined network", service("networks: [back]"), /refers to undefined network back/],
  ["an undefined secret", service("secrets: [key]"), /refers to undefined secret key/],
  ["a port out of range", service('ports: ["70000:80"]'), /invalid port: 70000/],
  ["a port that is none", service('ports: ["http"]'), /invalid containerPort: http/],
  ["a restart policy that is none", service("restart: sometimes"), /invalid restart policy 'sometimes'/],
  [
    "a health check without its kind",
    service("healthcheck: { test: [curl, x] }"),
    /first item must be either NONE, CMD or CMD-SHELL/,
  ],
  ["a duration that is none", service("stop_grace_period: soon"), /invalid duration: "soon"/],
  ["a missing env file", service("env_file: app.env"), /env file .*app\.env not found/],
  [
    "a required variable",
    service("command: ${MUST:?say it}"),
    /required variable MUST is missing a value: say it/,
  ],
  ["a broken variable", service('command: "${}"'), /invalid interpolation format/],
  [
    "what is not supported",
    service("network_mode: host"),
    /network_mode is not supported by the sandbox without Docker/,
  ],
  ["broken YAML", "services: [", /yaml: .*compose\.yaml/],
  ["an empty file", "", /empty compose file/],
])("refuses %s", (_, text, message) => {
  expect(() => load(text)).toThrow(message);
});

test("`!reset` and `!override` drop what the files before say, as Compose 2.24 and newer do", () => {
  const { services, networks, volumes } = load(
    `
services:
  api:
    image: shop:1
    container_name: fixed
    ports: ["80:4000"]
    depends_on: [db]
    networks: [back, default]
    command: [serve, --all]
    environment: { KEPT: "1" }
  db: { image: postgres, volumes: ["data:/data"] }
networks: { back: {} }
volumes: { data: {} }
`,
    {
      environment: { COLOUR: "blue" },
      extra: ["colour.yaml"],
      files: {
        "colour.yaml": `
services:
  api:
    ports: !reset []
    container_name: !reset null
    depends_on: !reset {}
    command: !override [serve]
    networks: { back: null, edge: { aliases: ["api-\${COLOUR}"] } }
networks:
  default: !override { name: base_default, external: true }
  back: !override { name: base_back, external: true }
  edge: { name: shop-edge, external: true }
volumes: { data: !override { name: base_data, external: true } }
`,
      },
    },
  );
  const { api } = services;
  expect(api).toMatchObject({
    ports: [],
    dependsOn: {},
    command: ["serve"],
    environment: { KEPT: "1" },
    networks: { back: [], default: [], edge: ["api-blue"] },
  });
  expect(api?.containerName).toBeUndefined();
  expect(networks).toEqual({
    default: { name: "base_default", external: true },
    back: { name: "base_back", external: true },
    edge: { name: "shop-edge", external: true },
  });
  expect(volumes).toEqual({ data: { name: "base_data", external: true } });
});
