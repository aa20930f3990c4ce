import * as pulumi from "@pulumi/pulumi";
import {
  postgresIssues,
  postgresUrl,
  PostgresWithAppUser,
  type ContainerPostgresArgs,
  type ExternalPostgresArgs,
} from "../../components/postgres-with-app-user";
import { RemoteHost } from "../../remote/host";
import { readFrames } from "../support/frames";
import { told } from "../support/issues";
import { known, Mocks, runWith } from "../support/mocks";
import { testHost } from "../support/remote-host";

const host = new RemoteHost(testHost());

const answers = {
  "random:index/randomBytes:RandomBytes": () => ({ base64: "c2VlZA==" }),
  "random:index/randomPassword:RandomPassword": (_inputs: unknown, name: string) => ({
    result: pulumi.secret(`secret-of-${name}`),
  }),
  "command:remote:Command": () => ({ stdout: "{}", stderr: "" }),
  "command:local:Command": () => ({ stdout: "{}", stderr: "" }),
};

const container: ContainerPostgresArgs = {
  kind: "container",
  host,
  project: "streampai",
  database: "streampai",
};
const external: ExternalPostgresArgs = {
  kind: "external",
  address: "db.example.com",
  adminUser: "owner",
  adminPassword: "admin-password",
  database: "plyr",
};

test("in a container: passwords, no step until an origin asks for it, then exactly one", async () => {
  const mocks = new Mocks(answers);
  const database = await runWith(mocks, () => new PostgresWithAppUser("main", container));
  expect(mocks.list()).toEqual([
    "RandomBytes main-salt",
    "RandomPassword main-admin-password",
    "RandomPassword main-app-a-password",
    "RandomPassword main-migrator-password",
  ]);
  expect(mocks.get("main-app-a-password").inputs).toEqual({
    length: 40,
    special: true,
    overrideSpecial: "_-",
    keepers: { version: "1" },
  });
  expect(await known(database.appUrl)).toEqual({
    value: "postgresql://streampai_app_a:secret-of-main-app-a-password@db:5432/streampai",
    secret: true,
  });
  expect(await known(database.migratorUrl)).toEqual({
    value: "postgresql://streampai_migrator:secret-of-main-migrator-password@db:5432/streampai",
    secret: true,
  });
  expect(await known(database.composeEnvironment["POSTGRES_PASSWORD"] ?? "")).toEqual({
    value: "secret-of-main-admin-password",
    secret: true,
  });
  expect(await known(database.appUser)).toEqual({ value: "streampai_app_a", secret: false });
  const { value: versions, secret } = await known(database.secretVersions);
  expect(secret).toBe(false);
  expect(versions).toEqual({
    streampai_app_a: expect.stringMatching(/^1-[0-9a-f]{8}$/) as string,
    streampai_migrator: expect.stringMatching(/^1-[0-9a-f]{8}$/) as string,
  });
  expect([database.readOnlyUrl, database.backupUrl, database.monitorUrl, database.replicationUrl]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("the step: secret statements without a password, all by standard input", async () => {
  const mocks = new Mocks(answers);
  await runWith(mocks, () => {
    const database = new PostgresWithAppUser("main", { ...container, service: "pg", adminUser: "root" });
    const first = database.provision([]);
    expect(database.provision([])).toBe(first);
    return database.provisionAgain([first], "trigger-1");
  });
  expect(mocks.list().filter((line) => line.startsWith("Command"))).toEqual([
    "Command main-roles",
    "Command main-roles-after-migrations",
  ]);
  const { inputs, secrets } = mocks.get("main-roles");
  expect(secrets).toEqual(expect.arrayContaining(["connection", "stdin"]));
  expect(inputs).toMatchObject({ logging: "none", addPreviousOutputInEnv: false });
  expect(inputs).not.toHaveProperty("triggers");
  expect(inputs).not.toHaveProperty("delete");
  expect(inputs["create"]).toMatch(/^exec sh -c '[^']*' groundwork-postgres-roles$/);
  const frames = readFrames(inputs["stdin"]);
  expect(frames).toMatchObject({
    project: "streampai",
    service: "pg",
    admin_user: "root",
    database: "streampai",
  });
  expect(frames["statements"]).toContain('ALTER ROLE "streampai_app_a" LOGIN CONNECTION LIMIT 50 PASSWORD');
  expect(frames["statements"]).toContain('ALTER ROLE "streampai_app_b" NOLOGIN PASSWORD NULL');
  expect(JSON.stringify(frames)).not.toContain("secret-of-");
  expect(frames).not.toHaveProperty("unscheduled");
  expect(readFrames(mocks.get("main-roles-after-migrations").inputs["stdin"])).toMatchObject({
    trigger: "trigger-1",
  });
});

test("where there are no backups, the first step takes their schedule from the host", async () => {
  const mocks = new Mocks(answers);
  await runWith(mocks, () => {
    const database = new PostgresWithAppUser("main", { ...container, scheduledBackups: false });
    return database.provisionAgain([database.provision([])], "trigger-1");
  });
  expect(readFrames(mocks.get("main-roles").inputs["stdin"])).toMatchObject({ unscheduled: "main" });
  const again = readFrames(mocks.get("main-roles-after-migrations").inputs["stdin"]);
  expect(again).not.toHaveProperty("unscheduled");
});

test.each([
  [1, "a", { "main-app-a-password": "1" }],
  [2, "b", { "main-app-a-password": "1", "main-app-b-password": "2" }],
  [3, "a", { "main-app-a-password": "3", "main-app-b-password": "2" }],
  [4, "b", { "main-app-a-password": "3", "main-app-b-password": "4" }],
])(
  "password version %i is login %s, and only the idle login is written",
  async (passwordVersion, login, versions) => {
    const mocks = new Mocks(answers);
    const database = await runWith(
      mocks,
      () => new PostgresWithAppUser("main", { ...container, passwordVersion }),
    );
    expect((await known(database.appUser)).value).toBe(`streampai_app_${login}`);
    expect((await known(database.appUrl)).value).toContain(`secret-of-main-app-${login}-password`);
    const made = mocks.children().filter(({ name }) => name.startsWith("main-app-"));
    expect(
      Object.fromEntries(
        made.map(({ name, inputs }) => [name, (inputs["keepers"] as { version: string }).version]),
      ),
    ).toEqual(versions);
  },
);

test.each([
  [undefined, "LOGIN CONNECTION LIMIT 50 PASSWORD 'SCRAM"],
  [false, "NOLOGIN PASSWORD NULL"],
])("with an overlap of %p the login of before is %s", async (passwordOverlap, expected) => {
  const mocks = new Mocks(answers);
  await runWith(mocks, () => {
    const args = { ...container, passwordVersion: 2 };
    const database = new PostgresWithAppUser(
      "main",
      passwordOverlap === undefined ? args : { ...args, passwordOverlap },
    );
    return database.provision([]);
  });
  const { statements } = readFrames(mocks.get("main-roles").inputs["stdin"]);
  expect(statements).toContain(`ALTER ROLE "streampai_app_a" ${expected}`);
  expect(statements).toContain('ALTER ROLE "streampai_app_b" LOGIN CONNECTION LIMIT 50');
});

test("elsewhere: the step runs here over TLS, with everything secret; optional roles have addresses", async () => {
  const mocks = new Mocks(answers);
  const database = await runWith(
    mocks,
    () =>
      new PostgresWithAppUser("main", {
        ...external,
        applicationAddress: "pooler.example.com",
        roles: { app: "api", migrator: "boss", readOnly: "reader", backup: "dumper", monitor: "watcher" },
        replication: {},
        resolve: [{ host: "db.example.com", port: 5432, toAddress: "127.0.0.1", toPort: 6543 }],
      }),
  );
  expect(mocks.list().filter((line) => line.startsWith("Command"))).toEqual(["Command main-roles"]);
  expect(mocks.list()).not.toContain("RandomPassword main-admin-password");
  const { inputs, secrets } = mocks.get("main-roles");
  expect(secrets).toContain("stdin");
  expect(inputs).toMatchObject({
    interpreter: ["node", "-e"],
    logging: "none",
    addPreviousOutputInEnv: false,
  });
  expect(inputs["create"]).not.toMatch(/admin-password|\/work\/|\/home\//);
  expect(JSON.parse(inputs["stdin"] as string)).toMatchObject({
    host: "127.0.0.1",
    port: 6543,
    serverName: "db.example.com",
    tls: "verify-full",
    adminUser: "owner",
    adminPassword: "admin-password",
    adminDatabase: "postgres",
    database: "plyr",
  });
  const urls = await Promise.all(
    [
      database.appUrl,
      database.migratorUrl,
      database.readOnlyUrl,
      database.backupUrl,
      database.monitorUrl,
      database.replicationUrl,
    ].map((url) => known(url ?? "")),
  );
  expect(urls.every(({ secret }) => secret)).toBe(true);
  expect(
    urls.map(({ value }) => new URL(value)).map((url) => `${url.username}@${url.host}${url.search}`),
  ).toEqual([
    "api_a@pooler.example.com:5432?sslmode=verify-full",
    "boss@db.example.com:5432?sslmode=verify-full",
    "reader@pooler.example.com:5432?sslmode=verify-full",
    "dumper@db.example.com:5432?sslmode=verify-full",
    "watcher@db.example.com:5432?sslmode=verify-full",
    "plyr_repl@db.example.com:5432?sslmode=verify-full",
  ]);
});

test("addresses: every part is encoded, IPv6 stands in brackets", () => {
  const url = postgresUrl({
    host: "2001:db8::1",
    port: 5433,
    user: "a b",
    password: "p@ss:/?#[]%",
    database: "d/b",
    parameters: { application_name: "a&b" },
  });
  expect(url).toBe(
    "postgresql://a%20b:p%40ss%3A%2F%3F%23%5B%5D%25@[2001:db8::1]:5433/d%2Fb?application_name=a%26b",
  );
  expect(decodeURIComponent(new URL(url).password)).toBe("p@ss:/?#[]%");
});

test.each<[string, Partial<ContainerPostgresArgs>, string[]]>([
  ["nothing wrong", {}, []],
  [
    "a bad database",
    { database: "pg_mine" },
    [
      'database: is not a name "pg_mine"',
      'roles.migrator: is not a name "pg_mine_migrator"',
      'roles.app: is not a name "pg_mine_app"',
      'roles.appA: is not a name "pg_mine_app_a"',
      'roles.appB: is not a name "pg_mine_app_b"',
    ],
  ],
  [
    "one name for two roles",
    { roles: { readOnly: "same", backup: "same" } },
    ['roles.backup: is the name of roles.readOnly as well "same"'],
  ],
  ["schemas", { schemas: [] }, ["schemas: is empty"]],
  [
    "numbers",
    { passwordVersion: 0, connectionLimit: 1.5, lockTimeout: -1, port: 70_000 },
    [
      "connectionLimit: is not a whole number from 1 1.5",
      "passwordVersion: is not a whole number from 1 0",
      "lockTimeout: is not a number of milliseconds -1",
      "port: is not a port 70000",
    ],
  ],
  [
    "names of the container",
    { project: "A b", service: "$x", adminPasswordVariable: "A-B" },
    [
      'project: is not a compose project "A b"',
      'service: is not a compose service "$x"',
      'adminPasswordVariable: is not the name of a variable "A-B"',
    ],
  ],
  [
    "extensions and tables",
    {
      extensions: ["drop table", "citext@1.6"],
      readOnlyTables: ["a.b.c"],
      furtherMigrators: ["streampai_app"],
    },
    [
      'furtherMigrators[0]: is the name of roles.app as well "streampai_app"',
      'extensions[0]: is not an extension "drop table"',
      'readOnlyTables[0]: is not schema.table or table "a.b.c"',
    ],
  ],
])("mistakes: %s", (_what, changes, expected) => {
  expect(told(postgresIssues({ ...container, ...changes }))).toEqual(expected);
});

test("mistakes: a connection string instead of a host", () => {
  expect(told(postgresIssues({ ...external, address: "postgresql://x@y/z" }))).toEqual([
    'address: is not a host name or address (not a connection string) "postgresql://x@y/z"',
  ]);
});
