import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { ListBucketsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { CommandLineWatch } from "../support/leaks/command-lines";
import { LeakScan } from "../support/leaks/leak-scan";
import { type BackupHost, backupHost, fullPostgres, noFullPostgres } from "../support/backup-host";
import { type Keys, StorageWorld } from "../sandbox/storage/support";

jest.setTimeout(300_000);
if (fullPostgres === undefined) console.log(noFullPostgres);
const describeWithPostgres = fullPostgres === undefined ? describe.skip : describe;

interface List {
  readonly repository: string;
  readonly snapshots: readonly { readonly short_id: string }[];
}

// A bucket that speaks S3, with keys that a token's policies make, as R2 does; restic, PostgreSQL and the steps are real.
describeWithPostgres("backups in a bucket", () => {
  let own: BackupHost;
  let world: StorageWorld;
  let keys: Keys;
  beforeAll(async () => {
    [own, world] = await Promise.all([backupHost(), StorageWorld.start()]);
    for (const name of ["shop-backups", "other"]) await world.bucket(name);
    keys = await world.keys({ "shop-backups": "write" });
    await own.server.query(
      "shop",
      "SET ROLE shop_migrator; CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items SELECT generate_series(1, 500)",
    );
    await own.roles.provision("shop");
  });
  afterAll(async () => {
    await own.close();
    await world.close();
  });

  /** What a step is told of the bucket. */
  const bucket = (
    { accessKeyId, secretAccessKey }: Keys,
    name = "shop-backups",
    url = world.storage.url,
  ) => ({
    repository: `s3:${url}/${name}/shop/main`,
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
    region: "auto",
    redact: `${own.password}\n${secretAccessKey}`,
  });
  const objects = async (name: string) => {
    const listed = await world.client(await world.ownKeys()).send(new ListObjectsV2Command({ Bucket: name }));
    return (listed.Contents ?? []).map(({ Key = "" }) => Key);
  };
  const rows = async () =>
    (await own.server.query<{ n: number }>("shop", "SELECT count(*)::int AS n FROM items"))[0]?.n;

  test("one is made with a key of that bucket alone, listed, checked and restored; no key is in a command line or a file", async () => {
    const watch = new CommandLineWatch();
    try {
      const made = await own.done<{ backup: string; rows: number }>("database-backup", bucket(keys));
      expect(made.rows).toBe(500);
      expect(await objects("shop-backups")).toEqual(
        expect.arrayContaining(["shop/main/config", expect.stringMatching(/^shop\/main\/snapshots\//)]),
      );
      const list = await own.done<List>("database-backups", { ...bucket(keys), check: "data" });
      expect(list.snapshots).toEqual([expect.objectContaining({ short_id: made.backup })]);
      expect(list.repository).toBe(`s3:${world.storage.url}/shop-backups/shop/main`);
      await own.server.query("shop", "DELETE FROM items WHERE id > 3");
      await own.done("database-restore", bucket(keys));
      expect(await rows()).toBe(500);
    } finally {
      watch.end();
    }
    // Nothing of it is on the host but what restic knows of it.
    expect(readdirSync(own.folder)).not.toContain("repository");
    const scan = new LeakScan([
      { name: "key", text: keys.secretAccessKey },
      { name: "password", text: own.password },
    ]);
    expect(watch.text()).toContain("restic");
    scan.text("command lines", watch.text());
    scan.files(own.host.home);
    expect(scan.leaks).toEqual([]);
  });

  const wrongKeys: [string, (keys: Keys) => Promise<Keys> | Keys][] = [
    [
      "another secret",
      ({ accessKeyId }) => ({ accessKeyId, secretAccessKey: randomBytes(32).toString("hex") }),
    ],
    ["an id that nobody has", (own) => ({ ...own, accessKeyId: randomBytes(16).toString("hex") })],
    ["a key of another bucket", () => world.keys({ other: "write" })],
    ["a key that may only read", () => world.keys({ "shop-backups": "read" })],
  ];
  test.each(wrongKeys)("%s is refused, by name, and nothing is written", async (_what, wrong) => {
    const before = await objects("shop-backups");
    const given = bucket(await wrong(keys));
    const { code, stderr } = await own.step("database-backup", given);
    expect(code).toBe(20);
    expect(stderr).toMatch(/shop-backups\/shop\/main refuses this key, or the key may not write there/);
    expect(stderr).not.toContain(given.secret_access_key);
    expect(await objects("shop-backups")).toEqual(before);
  });

  test("a bucket that is gone is told, and none is made", async () => {
    const everything = await world.ownKeys();
    const { code, stderr } = await own.step("database-backup", bucket(everything, "not-there"));
    expect(code).toBe(20);
    expect(stderr).toMatch(/the repository at .*\/not-there\/shop\/main is gone; it was made on /);
    const { Buckets = [] } = await world.client(everything).send(new ListBucketsCommand({}));
    expect(Buckets.map(({ Name }) => Name).toSorted()).toEqual(["other", "shop-backups"]);
  });

  test.each(["database-backups", "database-restore"] as const)(
    "%s with a wrong key says so at once",
    async (step) => {
      const wrong = bucket({ ...keys, accessKeyId: randomBytes(16).toString("hex") });
      const { code, stderr } = await own.step(step, wrong);
      expect(code).toBe(20);
      expect(stderr).toMatch(/cannot open the repository: .* refuses this key/);
      expect(await rows()).toBe(500);
    },
  );
});
