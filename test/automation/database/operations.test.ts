import { Client } from "pg";
import { dropSlot, listSlots, orphanedSlots } from "../../../automation/database/slots";
import { bytes, databaseStatus } from "../../../automation/database/status";
import { refuseReset, resetDatabase } from "../../../automation/database/reset";
import type { Environment } from "../../../automation/environment";
import { hasPsql, type HostedDatabase, hostedDatabase } from "../../support/hosted-database";
import { startSandboxSsh } from "../../support/open-ssh";

jest.setTimeout(60_000);

/** The test's container asks by this machine's psql. */
const describeWithPsql = hasPsql ? describe : describe.skip;

let hosted: HostedDatabase;
beforeAll(async () => {
  hosted = await hostedDatabase(startSandboxSsh, { wal_level: "logical" });
});
afterAll(() => hosted.close());

const superuser = (sql: string) => hosted.server.query<object>("shop", sql);

describeWithPsql("the state of a database", () => {
  test("nothing to look at where everything is as it was made", async () => {
    const status = await databaseStatus(hosted.open());
    expect(status).toMatchObject({ database: "shop", maxConnections: 100, slots: [], warnings: [] });
    expect(status.size).toBeGreaterThan(1_000_000);
    expect(status.disk?.free).toBeGreaterThan(0);
  });

  test("connections by role, with what each may hold", async () => {
    const client = new Client({ connectionString: hosted.roles.url("shop_app_a", "shop") });
    await client.connect();
    await client.query("BEGIN");
    const { connections } = await databaseStatus(hosted.open());
    await client.end();
    expect(connections).toContainEqual({
      role: "shop_app_a",
      active: 0,
      idle: 0,
      idleInTransaction: 1,
      limit: 50,
    });
  });

  test.each<[string, string, string, RegExp]>([
    [
      "a password changed by its own role",
      "ALTER ROLE shop_app_a PASSWORD 'another'",
      "",
      /the password of shop_app_a is not the recorded one/,
    ],
    [
      "a role that may not log in",
      "ALTER ROLE shop_ro NOLOGIN",
      "ALTER ROLE shop_ro LOGIN",
      /the role shop_ro cannot log in/,
    ],
    [
      "an extension that nobody listed",
      "CREATE EXTENSION citext",
      "DROP EXTENSION citext",
      /the extension citext is there and not in/,
    ],
    [
      "an invalid index",
      "CREATE TABLE indexed (id int); CREATE INDEX broken ON indexed (id); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass",
      "DROP TABLE indexed",
      /the index broken is invalid/,
    ],
    [
      "a slot that nobody reads",
      "SELECT pg_create_logical_replication_slot('left_over', 'pgoutput'); SELECT pg_logical_emit_message(false, 'x', repeat('y', 1000))",
      "SELECT pg_drop_replication_slot('left_over')",
      /nobody reads the slot left_over, which keeps .* on the disk/,
    ],
  ])("%s is told", async (_what, breaking, mending, expected) => {
    await superuser(breaking);
    const { warnings } = await databaseStatus(hosted.open());
    if (mending !== "") await superuser(mending);
    await hosted.roles.provision("shop");
    expect(warnings).toContainEqual(expect.stringMatching(expected));
    expect(warnings.join()).not.toContain(hosted.roles.passwords.get("shop_app_a"));
    expect((await databaseStatus(hosted.open())).warnings).toEqual([]);
  });

  test("sizes as people say them", () => {
    expect([0, 999, 1024, 1_500_000, 250_000_000, 3 * 1024 ** 3].map(bytes)).toEqual([
      "0 B",
      "999 B",
      "1.0 kB",
      "1.4 MB",
      "238 MB",
      "3.0 GB",
    ]);
  });
});

describeWithPsql("replication slots", () => {
  test("one that nobody reads is dropped by its name; one that is read never is", async () => {
    await superuser("SELECT pg_create_logical_replication_slot('idle_one', 'pgoutput')");
    await superuser("SELECT pg_create_logical_replication_slot('read_one', 'test_decoding')");
    const consumer = new Client({
      connectionString: hosted.server.url("shop"),
      replication: "database",
    } as ConstructorParameters<typeof Client>[0]);
    consumer.on("error", () => undefined);
    await consumer.connect();
    const reading = consumer.query("START_REPLICATION SLOT read_one LOGICAL 0/0").catch(() => undefined);
    const database = hosted.open();
    for (let tries = 0; tries < 100; tries++) {
      if ((await listSlots(database)).some(({ active }) => active)) break;
    }
    expect((await listSlots(database)).map(({ active, name }) => [name, active])).toEqual([
      ["idle_one", false],
      ["read_one", true],
    ]);
    await expect(dropSlot(database, "read_one")).rejects.toThrow("an active one is not dropped");
    await dropSlot(database, "idle_one");
    expect((await listSlots(database)).map(({ name }) => name)).toEqual(["read_one"]);
    await expect(dropSlot(database, "idle_one")).rejects.toThrow("there is no slot of that name");
    await superuser("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots");
    await reading;
    await consumer.end().catch(() => undefined);
    for (let tries = 0; tries < 100; tries++) {
      if ((await listSlots(database)).every(({ active }) => !active)) break;
    }
    const left = await listSlots(database);
    // This server tells since when: at once it is not orphaned, after hours it is.
    expect(orphanedSlots(left, 1)).toEqual([]);
    expect(orphanedSlots(left, 1, Date.now() + 3_700_000).map(({ name }) => name)).toEqual(["read_one"]);
    await dropSlot(database, "read_one");
  });

  test("where the server does not tell since when, none is orphaned", () => {
    expect(orphanedSlots([{ name: "old", plugin: "pgoutput", active: false, retained: 1 }], 0)).toEqual([]);
  });
});

describeWithPsql("emptying", () => {
  const urnOf = (name: string) => `urn:pulumi:dev::shop::command:local:Command::${name}`;
  const environment = (tier: string, more: object = {}) =>
    ({
      name: "dev",
      config: () =>
        Promise.resolve({
          settings: {
            tier,
          },
        }),
      ...more,
    }) as unknown as Environment;

  test("is refused in production, and where the stack does not allow it", async () => {
    await superuser("CREATE TABLE kept (id int)");
    await expect(refuseReset(environment("production"), hosted.open({ allowReset: true }))).rejects.toThrow(
      "a production database is not emptied by a command",
    );
    const forbidden = hosted.open();
    await expect(resetDatabase(environment("development"), forbidden, {})).rejects.toThrow(
      "may not be emptied",
    );
    expect(await superuser("SELECT * FROM kept")).toEqual([]);
  });

  test("empties it under its connections, then runs roles and migrations anew, in that order, and nothing else", async () => {
    await superuser("CREATE TABLE IF NOT EXISTS kept (id int)");
    const client = new Client({ connectionString: hosted.roles.url("shop_app_a", "shop") });
    client.on("error", () => undefined);
    await client.connect();
    const step = (name: string, after: readonly string[] = []) => ({
      urn: urnOf(name),
      type: "command:local:Command",
      custom: true,
      dependencies: after.map(urnOf),
    });
    const resources = [
      step("main-roles"),
      step("api-files", ["main-roles"]),
      step("api-migrations", ["api-files"]),
      step("main-roles-after-migrations", ["api-files", "api-migrations"]),
      step("elsewhere-migrations", ["main-roles"]),
      step("main-roles-after-migrations-2", ["elsewhere-migrations"]),
      step("api-rollout", ["main-roles-after-migrations"]),
      step("other-roles"),
      step("billing-migrations", ["other-roles"]),
      step("other-roles-after-migrations", ["billing-migrations"]),
      step("main-salt"),
    ];
    const replaced: (readonly string[] | undefined)[] = [];
    const fake = environment("development", {
      state: () => Promise.resolve({ resources }),
      up: ({ replace }: { replace?: readonly string[] }) => Promise.resolve(void replaced.push(replace)),
    });
    await resetDatabase(fake, hosted.open({ allowReset: true }), {});
    const anew = ["main-roles", "api-migrations", "main-roles-after-migrations", "elsewhere-migrations"];
    expect(replaced).toEqual([[...anew, "main-roles-after-migrations-2"].map(urnOf)]);
    expect(await superuser("SELECT 1 FROM pg_class WHERE relname = 'kept'")).toEqual([]);
    await hosted.roles.provision("shop");
    expect(await hosted.roles.attempt("shop_app_a", "shop", "SELECT 1")).toBe("done");
  });
});

(hasPsql ? test : test.skip)(
  "psql in the container: as the role that was asked for, with its own arguments and input",
  async () => {
    const lines: string[] = [];
    const print = (line: string) => void lines.push(line);
    const database = hosted.open();
    const quoted = `select 'it''s "quoted" $HOME' as text`;
    // The socket of the test's container is the superuser's: psql logs in as the role by that password, which is refused.
    const code = await database.shell("app", ["-X", "-t", "-A", "-c", quoted], "", print);
    expect(code).toBe(2);
    expect(hosted.calls()).toContain(`exec -T db psql -w -U shop_app_a -d shop -X -t -A -c ${quoted}`);
  },
);
