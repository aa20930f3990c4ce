import { parse } from "yaml";
import { deriveStackFile, keptInCopy, stackFileFacts } from "../../sandbox/stack-file";

const stackFile = `# our staging
encryptionsalt: v1:theirs
config:
  groundwork:domain: example.com # the zone
  groundwork:cloudflare:
    accountId: "000000000000000000000000000000a1"
    zoneId: "000000000000000000000000000000b2"
  groundwork:hosts:
    oracle: { address: 203.0.113.10, user: deploy, hostKey: ssh-ed25519 AAAA }
    six: { address: "2001:db8::10", port: 2200 }
  groundwork:secrets:
    TOKEN:
      secure: v1:theirs
`;

const record = {
  api: { url: "http://127.0.0.1:4001/client/v4" },
  host: {
    mode: "process" as const,
    address: "127.0.0.1",
    port: 4022,
    user: "sandbox",
    hostKey: "ssh-ed25519 BBBB",
    privateKeyFile: "/unused",
  },
};

test("the facts of a stack file are its domain, account, zone and machines", () => {
  expect(stackFileFacts(stackFile, "Pulumi.staging.yaml")).toEqual({
    domain: "example.com",
    backups: [],
    accountId: "000000000000000000000000000000a1",
    buckets: false,
    zoneId: "000000000000000000000000000000b2",
    hosts: { oracle: { address: "203.0.113.10", port: 22 }, six: { address: "2001:db8::10", port: 2200 } },
    proxiedNames: [],
    swarms: {},
    direct: [],
  });
});

test("ports that are asked past Cloudflare lead to where the machine's ports are here", () => {
  const text = `${stackFile}  groundwork:origins:
    api: { kind: compose, host: six, hostnames: [direct.example.com], proxied: false, closedPorts: [5432] }
    pika: { kind: tunnel, host: oracle, closedPorts: [3000, 5432], proxy: { httpPort: 8080 } }
`;
  const { direct } = stackFileFacts(text, "Pulumi.staging.yaml");
  expect(direct).toEqual([
    { at: "2001:db8::10", port: 5432 },
    { at: "direct.example.com", port: 80 },
    { at: "direct.example.com", port: 443 },
    { at: "203.0.113.10", port: 3000 },
    { at: "203.0.113.10", port: 5432 },
  ]);
  const ports = new Map(direct.map(({ port }) => [port, 20_000 + port]));
  const copy = deriveStackFile(text, "Pulumi.staging.yaml", { ...record, ports });
  const { config } = parse(copy.text) as { config: Record<string, unknown> };
  expect(config["groundwork:resolve"]).toEqual([
    "203.0.113.10:22:127.0.0.1:4022",
    "[2001:db8::10]:2200:127.0.0.1:4022",
    "[2001:db8::10]:5432:127.0.0.1:25432",
    "direct.example.com:80:127.0.0.1:20080",
    "direct.example.com:443:127.0.0.1:20443",
    "203.0.113.10:3000:127.0.0.1:23000",
    "203.0.113.10:5432:127.0.0.1:25432",
  ]);
});

test("the S3 interface of buckets is the sandbox's; what the file says of their keys stays", () => {
  const text = `${stackFile}  groundwork:buckets:
    media: { name: media-staging }
  groundwork:storage: { credentialsVersion: 2 }
`;
  const storage = { url: "http://127.0.0.1:4900" };
  const copy = deriveStackFile(text, "Pulumi.staging.yaml", { ...record, storage });
  const { config } = parse(copy.text) as { config: Record<string, unknown> };
  expect(config["groundwork:storage"]).toEqual({ credentialsVersion: 2, endpoint: storage.url });
  expect(copy.notes).toContain(`the S3 interface of the buckets is ${storage.url}`);
  const without = deriveStackFile(stackFile, "Pulumi.staging.yaml", { ...record, storage });
  expect(without.text).not.toContain("groundwork:storage");
});

test("the sandbox's copy says where things are, and nothing else of the stack file changes", () => {
  const { text, notes } = deriveStackFile(stackFile, "Pulumi.staging.yaml", record);
  expect(parse(text)).toEqual({
    config: {
      "groundwork:domain": "example.com",
      "groundwork:cloudflare": {
        accountId: "000000000000000000000000000000a1",
        zoneId: "000000000000000000000000000000b2",
        apiUrl: "http://127.0.0.1:4001/client/v4",
      },
      "groundwork:hosts": {
        oracle: { address: "203.0.113.10", user: "sandbox", hostKey: "ssh-ed25519 BBBB" },
        six: { address: "2001:db8::10", port: 2200, user: "sandbox", hostKey: "ssh-ed25519 BBBB" },
      },
      "groundwork:resolve": ["203.0.113.10:22:127.0.0.1:4022", "[2001:db8::10]:2200:127.0.0.1:4022"],
    },
  });
  expect(text).toContain("# the zone");
  expect(notes).toEqual([
    "Cloudflare's API is http://127.0.0.1:4001/client/v4",
    "SSH to 203.0.113.10:22 goes to 127.0.0.1:4022, with the sandbox's keys",
    "SSH to 2001:db8::10:2200 goes to 127.0.0.1:4022, with the sandbox's keys",
    "secrets are generated ones of the sandbox",
  ]);
});

test("public names lead to the edge, and machines without IPv4 to ::1, where there is one", () => {
  const text = `${stackFile}  groundwork:origins:
    api: { kind: compose, hostnames: [api.example.com] }
    direct: { kind: compose, hostnames: [direct.example.com], proxied: false }
  groundwork:tunnels:
    main: { ingress: { example.com: "http://web:3000" } }
`;
  const edge = { httpPort: 1, httpsPort: 4443, caFile: "/unused" };
  const host = { ...record.host, address6: "::1" };
  const copy = deriveStackFile(text, "Pulumi.staging.yaml", { ...record, host, edge });
  const { config } = parse(copy.text) as { config: Record<string, unknown> };
  expect(config["groundwork:resolve"]).toEqual([
    "203.0.113.10:22:127.0.0.1:4022",
    "[2001:db8::10]:2200:[::1]:4022",
    "api.example.com:443:127.0.0.1:4443",
    "example.com:443:127.0.0.1:4443",
  ]);
});

test("where a stand-in answers, what only the application could answer is not asked for, and that is said", () => {
  const text = `${stackFile}  groundwork:origins:
    api: { kind: compose, verify: [{ path: /, http2: true }, { path: /gone, status: 410, contains: bye }] }
    web: { kind: compose, verify: [{ path: /, contains: hello }] }
    old: { kind: compose }
    own: { kind: compose, verify: [{ path: /, http2: true, contains: hello }] }
`;
  const copy = deriveStackFile(text, "Pulumi.staging.yaml", {
    ...record,
    standIns: new Map([
      ["api", ["contains", "http2"]],
      ["old", ["contains", "http2"]],
      ["own", ["contains"]],
    ]),
  });
  const { config } = parse(copy.text) as { config: Record<string, unknown> };
  expect(config["groundwork:origins"]).toEqual({
    api: { kind: "compose", verify: [{ path: "/" }, { path: "/gone", status: 410 }] },
    web: { kind: "compose", verify: [{ path: "/", contains: "hello" }] },
    old: { kind: "compose" },
    own: { kind: "compose", verify: [{ path: "/", http2: true }] },
  });
  expect(copy.notes.filter((note) => note.includes("verify"))).toEqual([
    "origins.api: verify asks for the statuses alone, as a stand-in answers here",
    "origins.own: verify asks for no contents, as a stand-in answers here",
  ]);
});

test("an origin in a swarm runs on its first host here, and that is said", () => {
  const text = `${stackFile}  groundwork:origins:
    api: { kind: swarm, hosts: [oracle, six], advertiseAddresses: { six: 10.0.0.2 }, hostnames: [api.example.com] }
`;
  const copy = deriveStackFile(text, "Pulumi.staging.yaml", record);
  const { config } = parse(copy.text) as { config: Record<string, unknown> };
  expect(config["groundwork:origins"]).toEqual({
    api: { kind: "compose", host: "oracle", hostnames: ["api.example.com"] },
  });
  expect(copy.notes).toContain(
    "origins.api runs on one host, as kind: compose: the swarm's own rolling updates are not tried here",
  );
});

test("backups stay in the sandbox, and nobody is told of them", () => {
  const text = `${stackFile}  groundwork:databases:
    main: { kind: container, backups: { schedule: 15 3 * * *, bucket: media, alertSecret: TOKEN } }
    away: { kind: container, backups: { schedule: 15 3 * * *, s3: { endpoint: https://s3.example.com } } }
    other: { kind: container }
`;
  expect(stackFileFacts(text, "Pulumi.staging.yaml").backups).toEqual(["main", "away"]);
  const copy = deriveStackFile(text, "Pulumi.staging.yaml", record);
  const { config } = parse(copy.text) as { config: Record<string, unknown> };
  expect(config["groundwork:databases"]).toEqual({
    main: { kind: "container", backups: { schedule: "15 3 * * *", bucket: "media" } },
    away: { kind: "container", backups: { schedule: "15 3 * * *" } },
    other: { kind: "container" },
  });
  expect(copy.notes).toEqual(
    expect.arrayContaining([
      "the backups of main lie in the sandbox's bucket, and nobody is alerted",
      "the backups of away lie in a folder of the sandbox's host, and nobody is alerted",
    ]),
  );
});

test("secrets that an earlier copy sealed are carried over with their salt", () => {
  const sealed = { secure: "v1:ours" };
  const first = deriveStackFile(stackFile, "Pulumi.staging.yaml", record, { salt: "v1:salt", sealed });
  expect(keptInCopy(first.text)).toEqual({ salt: "v1:salt", sealed });
  const again = deriveStackFile(stackFile, "Pulumi.staging.yaml", record, keptInCopy(first.text));
  expect(again.text).toBe(first.text);
});

test("a rotation of passwords stays in the copy, until the stack file itself is further on", () => {
  const text = `${stackFile.trimEnd()}\n  groundwork:databases:\n    main: { kind: external, passwordVersion: 2 }\n`;
  const rotated = {
    rotations: { main: { passwordVersion: 3, passwordOverlap: false }, gone: { passwordVersion: 9 } },
  };
  const copy = deriveStackFile(text, "Pulumi.staging.yaml", record, rotated);
  expect(keptInCopy(copy.text)).toEqual({
    rotations: { main: { passwordVersion: 3, passwordOverlap: false } },
  });
  expect(copy.notes).toContain("the passwords of main have been rotated here (passwordVersion: 3)");
  const further = text.replace("passwordVersion: 2", "passwordVersion: 4");
  expect(
    keptInCopy(deriveStackFile(further, "Pulumi.staging.yaml", record, keptInCopy(copy.text)).text),
  ).toEqual({
    rotations: { main: { passwordVersion: 4 } },
  });
});

test.each([
  ["config: {", /is not YAML.*Pulumi\.x\.yaml/s],
  ["config: {}", /names no domain or no Cloudflare account/],
  ["", /names no domain/],
])("a stack file that cannot be used is refused with its name: %j", (text, message) => {
  expect(() => stackFileFacts(text, "Pulumi.x.yaml")).toThrow(message);
});
