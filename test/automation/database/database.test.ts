import { connect, createServer, type AddressInfo } from "node:net";
import { Client } from "pg";
import { type EnvironmentDatabase, openDatabase } from "../../../automation/database/database";
import { openTunnel } from "../../../automation/database/tunnel";
import type { StackConfig } from "../../../automation/stack-config";
import { hasPsql, type HostedDatabase, hostedDatabase } from "../../support/hosted-database";
import { realSshKinds } from "../../support/open-ssh";

jest.setTimeout(60_000);

describe.each(realSshKinds)("a container behind %s", (_kind, start) => {
  let hosted: HostedDatabase;
  let database: EnvironmentDatabase;

  beforeAll(async () => {
    hosted = await hostedDatabase(start);
    database = hosted.open();
  });
  afterAll(() => hosted.close());

  test("is attacked from where the application is, through its host", async () => {
    const report = await database.attack();
    expect(report.rows.filter(({ verdict }) => verdict === "surprise")).toEqual([]);
    expect(report).toMatchObject({ database: "shop", user: "shop_app_a", surprises: 0 });
  });

  test("a port of this machine leads to it, for several at a time, until it is closed", async () => {
    const other = hosted.open();
    const { host, port } = await other.place();
    const login = other.login("app");
    const clients = Array.from({ length: 5 }, () => new Client({ ...login, host, port, database: "shop" }));
    await Promise.all(clients.map((client) => client.connect()));
    const answers = await Promise.all(
      clients.map((client) => client.query<{ me: string }>("SELECT current_user AS me")),
    );
    expect(answers.map(({ rows }) => rows[0]?.me)).toEqual(Array.from({ length: 5 }, () => "shop_app_a"));
    await Promise.all(clients.map((client) => client.end()));
    await other.close();
    await expect(new Client({ ...login, host, port, database: "shop" }).connect()).rejects.toThrow(
      "ECONNREFUSED",
    );
  });

  (hasPsql ? test : test.skip)("its administrator is asked through the container's own socket", async () => {
    const { rows, disk } = await database.ask("SELECT current_user AS me, E'two\\nlines \"quoted\"' AS text");
    expect(rows).toEqual([{ me: "postgres", text: 'two\nlines "quoted"' }]);
    expect(disk?.size).toBeGreaterThan(disk?.free ?? Infinity);
    await expect(database.ask("SELECT no_such_column")).rejects.toMatchObject({
      parts: { value: expect.stringContaining("no_such_column") as string },
    });
    expect(hosted.calls()).not.toContain("no_such_column");
  });

  test("a service that does not run is said", async () => {
    const stopped = hosted.open({ service: "other" });
    await expect(stopped.attack()).rejects.toMatchObject({
      parts: { value: expect.stringContaining("no container of other runs") as string },
    });
    await stopped.close();
  });
});

describe("the port of this machine", () => {
  const nowhere = { forward: () => Promise.reject(new Error("administratively prohibited")) };

  test("a host that forwards nothing says so at once", async () => {
    await expect(openTunnel(nowhere, { address: "172.18.0.2", port: 5432 })).rejects.toMatchObject({
      parts: {
        value: "administratively prohibited",
        next: expect.stringContaining("AllowTcpForwarding") as string,
      },
    });
  });

  test("a port that is taken is said", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const host = { forward: () => Promise.resolve(connect(port, "127.0.0.1")) };
    await expect(openTunnel(host, { address: "x", port: 1 }, port)).rejects.toMatchObject({
      parts: { value: `127.0.0.1:${port}`, next: "name another one: --port 15433" },
    });
    await new Promise((resolve) => taken.close(resolve));
  });
});

describe("which database", () => {
  const config = (names: readonly string[]) =>
    ({
      stack: "dev",
      settings: { databases: Object.fromEntries(names.map((name) => [name, { kind: "external" }])) },
      secrets: {},
    }) as unknown as StackConfig;
  const connections = { one: { app: "postgresql://a:b@c/d" }, two: { app: "postgresql://a:b%2F@c/d" } };

  test("the only one, or the one that is named", () => {
    expect(openDatabase(config(["one"]), connections, undefined).name).toBe("one");
    expect(openDatabase(config(["one", "two"]), connections, "two").login("app")).toEqual({
      user: "a",
      password: "b/",
    });
  });

  test.each([
    ["none", [], undefined, "dev has no database"],
    ["several", ["one", "two"], undefined, "dev has several databases"],
    ["another name", ["one"], "three", "dev has no database of that name"],
    ["never brought up", ["new"], undefined, "dev was not brought up yet with this database"],
  ])("%s: said with what to do", (_what, names, name, what) => {
    expect(() => openDatabase(config(names), connections, name)).toThrow(what);
  });

  test("a role that it has not got is said with those that it has", () => {
    expect(() => openDatabase(config(["one"]), connections, "one").login("backup")).toThrow(/no such role/);
  });
});
