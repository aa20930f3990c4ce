import { Client } from "pg";
import type { EnvironmentDatabase } from "../../../automation/database/database";
import { endOld, isDue, rotate, type RotationState } from "../../../automation/database/rotate";
import type { Environment } from "../../../automation/environment";
import { UserError } from "../../../common/user-error";
import { hasPsql, type HostedDatabase, hostedDatabase } from "../../support/hosted-database";
import { startSandboxSsh } from "../../support/open-ssh";

jest.setTimeout(60_000);

describe("a rotation by schedule", () => {
  const now = Date.parse("2026-03-31T12:00:00Z");
  const state = (since: string | undefined) => ({ since }) as RotationState;
  const database = (rotateAfterDays?: number) =>
    ({ name: "main", settings: { rotateAfterDays } }) as unknown as EnvironmentDatabase;

  test.each([
    ["yesterday", "2026-03-30T12:00:00Z", 90, false],
    ["a second before its time", "2025-12-31T12:00:01Z", 90, false],
    ["at its time", "2025-12-31T12:00:00Z", 90, true],
    ["long ago", "2020-01-01T00:00:00Z", 90, true],
    ["nobody knows when", undefined, 90, true],
  ])("a password made %s", (_when, since, days, due) => {
    expect(isDue(database(days), state(since), now)).toBe(due);
  });

  test("without an age in the stack file, the setting is told", () => {
    expect(() => isDue(database(), state(undefined), now)).toThrow(UserError);
    expect(() => isDue(database(), state(undefined), now)).toThrow(/write rotateAfterDays: 90 to .*main/);
  });
});

if (!hasPsql)
  console.log("skipped: a rotation on a database behind SSH (no psql: apt-get install postgresql-client)");
const describeWithPsql = hasPsql ? describe : describe.skip;

describeWithPsql("a rotation", () => {
  let hosted: HostedDatabase;
  beforeAll(async () => {
    hosted = await hostedDatabase(startSandboxSsh);
    const { roles } = hosted;
    await roles.provision("shop", { appLogins: [roles.login("shop_app_a"), roles.login("shop_app_b")] });
  });
  afterAll(() => hosted.close());

  /** An environment that keeps what is written into its stack file, and whose `up` brings it, or fails. */
  function environment({
    deployed = 1,
    wanted = deployed,
    up,
  }: {
    deployed?: number;
    wanted?: number;
    up?: () => void;
  }) {
    const written: unknown[] = [];
    const file = { passwordVersion: wanted };
    let brought = deployed;
    const fake = {
      name: "dev",
      database: () => Promise.resolve(hosted.open({ ...file, passwordOverlap: true })),
      secretVersions: () => Promise.resolve({ shop_app_a: `${brought}-abc` }),
      createdAt: () => Promise.resolve("2026-01-01T00:00:00Z"),
      setConfig: (edits: readonly (readonly [readonly string[], number | boolean | undefined])[]) => {
        for (const [path, value] of edits) {
          if (path.at(-1) === "passwordVersion") file.passwordVersion = Number(value);
          written.push([path.at(-1), value]);
        }
        return Promise.resolve();
      },
      up: async () => {
        await Promise.resolve();
        up?.();
        brought = file.passwordVersion;
      },
    };
    return { written, environment: fake as unknown as Environment };
  }

  test("writes its wish before anything is changed, and goes on with it where it was cut", async () => {
    let cut = true;
    const { environment: shop, written } = environment({
      up: () => {
        if (cut) throw new Error("killed");
      },
    });
    const said: string[] = [];
    const options = { patience: 0, log: (line: string) => void said.push(line) };
    await expect(rotate(shop, options)).rejects.toThrow("killed");
    await expect(endOld(shop, options)).rejects.toThrow(
      /a rotation was cut short: who uses which login is not known[\s\S]*npx groundwork db rotate -s dev/,
    );
    cut = false;
    await expect(rotate(shop, options)).resolves.toMatchObject({ wanted: 2, deployed: 2 });
    expect(said).toEqual([
      "main: from shop_app_a to shop_app_b (password 2)",
      "main: going on with a rotation that was cut short (password 1 to 2)",
      "nobody uses shop_app_b any more",
    ]);
    const wish = [
      ["passwordOverlap", undefined],
      ["passwordVersion", 2],
    ];
    expect(written).toEqual([...wish, ...wish]);
  });

  test("a login that somebody uses is not ended, unless that is told; who it is, is said", async () => {
    const client = new Client({
      connectionString: hosted.roles.url("shop_app_b", "shop"),
      application_name: "nightly report",
    });
    await client.connect();
    try {
      const { environment: shop, written } = environment({ deployed: 2 });
      await expect(endOld(shop)).rejects.toThrow(
        /shop_app_b is still in use: nightly report \(127\.0\.0\.1\)[\s\S]*--finish --force/,
      );
      expect(written).toEqual([]);
      await endOld(shop, { force: true });
      expect(written).toEqual([["passwordOverlap", false]]);
    } finally {
      await client.end();
    }
  });
});
