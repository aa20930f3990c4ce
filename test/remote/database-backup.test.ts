import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type BackupHost, backupHost, fullPostgres, noFullPostgres } from "../support/backup-host";

jest.setTimeout(300_000);
if (fullPostgres === undefined) console.log(noFullPostgres);
const describeWithPostgres = fullPostgres === undefined ? describe.skip : describe;

interface Made {
  readonly backup: string;
  readonly tables: number;
  readonly rows: number;
  readonly made: boolean;
}
interface Restored {
  readonly backup: string;
  readonly database: string;
  readonly kept?: string;
  readonly rows: number;
  readonly differences: readonly string[];
}
interface List {
  readonly snapshots: readonly { readonly short_id: string; readonly tags: readonly string[] }[];
  readonly kept: readonly string[];
  readonly last: { readonly backup: string } | null;
}

describeWithPostgres("backups of a database", () => {
  let own: BackupHost;
  beforeAll(async () => {
    own = await backupHost();
    await own.server.query(
      "shop",
      `SET ROLE shop_migrator;
      CREATE TABLE "order" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, x text, at timestamptz DEFAULT now());
      CREATE TABLE "we""ird.name	tab" (data bytea, ratio float8);
      CREATE TABLE parted (id int, day date) PARTITION BY RANGE (day);
      CREATE TABLE parted_2026 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
      INSERT INTO "order" (x) SELECT repeat('line ' || n, 20) FROM generate_series(1, 5000) n;
      INSERT INTO "we""ird.name	tab" SELECT sha256(n::text::bytea), n / 7.0 FROM generate_series(1, 300) n;
      INSERT INTO parted SELECT n, '2026-03-04' FROM generate_series(1, 50) n;
      RESET ROLE;
      SELECT lo_from_bytea(0, '\\xc0ffee');
      ALTER DATABASE shop SET search_path = public, "$user";`,
    );
    await own.roles.provision("shop");
  });
  afterAll(() => own.close());

  const databases = async (): Promise<string[]> =>
    (
      await own.server.query<{ name: string }>(
        "postgres",
        "SELECT datname AS name FROM pg_database WHERE NOT datistemplate ORDER BY 1",
      )
    ).map(({ name }) => name);
  const orders = async (): Promise<number> =>
    (await own.server.query<{ rows: number }>("shop", `SELECT count(*)::int AS rows FROM "order"`))[0]
      ?.rows ?? -1;

  test("one is made and listed, with what was counted", async () => {
    const made = await own.done<Made>("database-backup");
    expect(made).toMatchObject({ tables: 3, rows: 5350, made: true });
    const list = await own.done<List>("database-backups", { check: "data" });
    expect(list).toMatchObject({
      snapshots: [{ short_id: made.backup }],
      kept: [],
      last: { backup: made.backup },
    });
    expect(list.snapshots[0]?.tags).toEqual(["groundwork", "tables=3", "rows=5350"]);
  });

  test("a restore swaps it in with its grants and settings; what was there is kept, closed", async () => {
    const settings = `SELECT datdba::regrole::text AS owner, datacl::text[] AS acl,
      (SELECT array_agg(setrole::regrole::text || ' ' || c ORDER BY 1) FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setdatabase = d.oid) AS settings
      FROM pg_database d WHERE datname = 'shop'`;
    const [before] = await own.server.query<{ acl: string[]; settings: string[] }>("shop", settings);
    await own.server.query("shop", `DELETE FROM "order" WHERE id > 10`);
    const restored = await own.done<Restored>("database-restore");
    expect(restored).toMatchObject({ rows: 5350, differences: [] });
    expect(await orders()).toBe(5000);
    const [after] = await own.server.query<{ acl: string[]; settings: string[] }>("shop", settings);
    expect(after?.settings.toSorted()).toEqual(before?.settings.toSorted());
    expect(after?.acl.toSorted()).toEqual(before?.acl.toSorted());
    expect(before?.settings.join()).toContain('search_path=public, "$user"');
    // The application goes on where it was; what was there before is nobody's any more, and whole.
    expect(await own.roles.attempt("shop_app_a", "shop", `INSERT INTO "order" (x) VALUES ('new')`)).toBe(
      "done",
    );
    expect(await own.roles.attempt("shop_app_a", "shop", "DROP TABLE parted")).toBe("42501");
    const kept = restored.kept ?? "";
    expect(kept).toMatch(/^shop_before_\d{8}t\d{6}$/);
    expect((await own.done<List>("database-backups")).kept).toEqual([kept]);
    await expect(own.server.query(kept, "SELECT 1")).rejects.toThrow("not currently accepting connections");
    // What provisioning would take for too many rights, were they still there.
    await own.roles.provision("shop");
    await own.server.query("postgres", `ALTER DATABASE ${kept} ALLOW_CONNECTIONS true`);
    expect(await own.roles.attempt("shop_app_a", kept, "SELECT 1")).toBe("42501");
    expect(await own.server.query(kept, `SELECT count(*)::int AS rows FROM "order"`)).toEqual([{ rows: 10 }]);
    await own.server.query("postgres", `DROP DATABASE ${kept}`);
  });

  test("what is written meanwhile is not in it, and no password in any command line or log", async () => {
    const seen = new Set<string>();
    let over = false;
    const watching = (async () => {
      while (!over) {
        for (const line of commandLines()) seen.add(line);
        await own.server.query(
          "shop",
          `INSERT INTO "order" (x) SELECT repeat('more', 10) FROM generate_series(1, 20)`,
        );
      }
    })();
    const made = await own.done<Made>("database-backup").finally(() => (over = true));
    await watching;
    expect(made.rows).toBeLessThan((await orders()) + 350);
    expect(await own.done<Restored>("database-restore", { into: "new", target: "beside" })).toMatchObject({
      database: "beside",
      rows: made.rows,
      differences: [],
    });
    await own.server.query("postgres", "DROP DATABASE beside");
    expect([...seen].some((line) => line.includes("restic"))).toBe(true);
    expect([...seen].filter((line) => line.includes(own.password))).toEqual([]);
    expect(own.host.calls().filter((line) => line.includes(own.password))).toEqual([]);
    const logs = join(own.host.root, "logs");
    expect(
      readdirSync(logs).filter((name) => readFileSync(join(logs, name), "utf8").includes(own.password)),
    ).toEqual([]);
    expect(readdirSync(own.folder).filter((name) => name.startsWith(".work"))).toEqual([]);
  });

  test("a drill restores the newest into a server of its own; nothing of it stays", async () => {
    const fresh = await own.disposable();
    const before = await databases();
    const drilled = await own.done<Restored>("database-restore", { into: "drill" });
    expect(drilled).toMatchObject({ database: "shop", differences: [] });
    expect(await databases()).toEqual(before);
    expect(await fresh.query("shop", `SELECT count(*)::int > 4999 AS there FROM "order"`)).toEqual([
      { there: true },
    ]);
    const calls = own.host.calls().filter((call) => call.includes("--project-name sample-drill "));
    // What a drill that was killed has left goes first.
    expect(calls.at(0)).toMatch(/ down --volumes --timeout 1$/);
    expect(calls.at(1)).toMatch(/ up --detach$/);
    expect(calls.at(-1)).toMatch(/ down --volumes --timeout 1$/);
    const described = readFileSync(join(own.host.home, "disposable.json"), "utf8");
    expect(JSON.parse(described)).toEqual({
      services: {
        db: {
          image: "postgres:18",
          command: ["postgres", "-c", "wal_level=logical"],
          pull_policy: "never",
          environment: {
            POSTGRES_USER: "postgres",
            POSTGRES_PASSWORD: expect.stringMatching(/^\w{20,}$/) as string,
          },
        },
      },
      networks: { default: { internal: true } },
    });
  });

  test.each([
    [
      "a changed row",
      `UPDATE "order" SET x = 'other' WHERE id = 7`,
      /^table public\."order" has its \d+ rows, but not with the same content$/,
    ],
    [
      "a lost row",
      "DELETE FROM parted WHERE id = 7",
      /^table public\.parted_2026 has 49 rows, recorded were 50$/,
    ],
    ["a lost table", `DROP TABLE "we""ird.name	tab"`, /^table public\."we""ird\.name tab" is missing$/],
    ["a table too many", "CREATE TABLE extra ()", /^table public\.extra is there and was not recorded$/],
    [
      "a sequence that went back",
      `SELECT setval('order_id_seq', 3)`,
      /^sequence public\.order_id_seq is at 3 and was at \d+$/,
    ],
  ])("%s is found by a drill", async (_what, planted, expected) => {
    writeFileSync(join(own.host.home, "plant.sql"), planted);
    try {
      const { differences } = await own.done<Restored>("database-restore", { into: "drill-beside" });
      expect(differences).toEqual([expect.stringMatching(expected)]);
    } finally {
      rmSync(join(own.host.home, "plant.sql"));
    }
  });

  test("a restore that differs is not swapped in", async () => {
    writeFileSync(join(own.host.home, "plant.sql"), "DELETE FROM parted WHERE id = 7");
    try {
      const before = await databases();
      const { code, stderr } = await own.step("database-restore");
      expect([code, stderr]).toEqual([
        20,
        expect.stringContaining("what was restored is not what was saved"),
      ]);
      expect(await databases()).toEqual(before);
    } finally {
      rmSync(join(own.host.home, "plant.sql"));
    }
  });

  test("a dump that breaks off makes no backup", async () => {
    const before = await own.done<List>("database-backups");
    writeFileSync(join(own.host.home, "cut-dump"), "");
    const { code, stderr } = await own.step("database-backup");
    rmSync(join(own.host.home, "cut-dump"));
    expect([code, stderr]).toEqual([20, expect.stringContaining("pg_dump failed; no backup was made")]);
    expect((await own.done<List>("database-backups")).snapshots).toEqual(before.snapshots);
  });

  test("another password is refused and not told", async () => {
    const password = own.password.split("").reverse().join("");
    for (const step of ["database-backup", "database-backups", "database-restore"] as const) {
      const { code, stderr } = await own.step(step, { password, redact: password });
      expect([code, stderr]).toEqual([20, expect.stringContaining("does not open with this password")]);
      expect(stderr).not.toContain(password);
    }
  });

  test("a repository that is gone is not made anew in silence", async () => {
    const repository = join(own.folder, "repository");
    renameSync(repository, `${repository}.away`);
    const { code, stderr } = await own.step("database-backup");
    expect([code, stderr]).toEqual([20, expect.stringMatching(/is gone; it was made on 2\d{3}-/)]);
    expect(existsSync(repository)).toBe(false);
    expect((await own.step("database-restore")).stderr).toContain("there is no repository at");
    renameSync(`${repository}.away`, repository);
  });

  test("a full disk makes no backup, and the next one is whole", async () => {
    const folder = join(own.host.root, "backups", "full");
    mkdirSync(folder, { recursive: true });
    const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", folder], {
      encoding: "utf8",
    });
    if (mount.status !== 0) return console.log(`not tried: a full disk (${mount.stderr.trim()})`);
    try {
      await own.server.query(
        "shop",
        "CREATE TABLE noise AS SELECT sha512(random()::text::bytea) || sha512(random()::text::bytea) AS b FROM generate_series(1, 40000)",
      );
      const { code, stderr } = await own.step("database-backup", { name: "full" });
      expect([code, stderr]).toEqual([12, expect.stringContaining("no backup was made: the disk is full")]);
      spawnSync("mount", ["-o", "remount,size=100m", folder]);
      expect((await own.done<List>("database-backups", { name: "full" })).snapshots).toEqual([]);
      await own.done<Made>("database-backup", { name: "full" });
      await own.done<List>("database-backups", { name: "full", check: "data" });
    } finally {
      spawnSync("umount", [folder]);
      await own.server.query("shop", "DROP TABLE IF EXISTS noise");
    }
  });

  test("the retention rule forgets what it does not keep", async () => {
    const { snapshots } = await own.done<List>("database-backups");
    expect(snapshots.length).toBeGreaterThanOrEqual(2);
    // As if they had been made last year, one a day.
    const restic = join(own.host.home, "bin", "restic");
    const environment = {
      ...process.env,
      RESTIC_PASSWORD: own.password,
      RESTIC_REPOSITORY: join(own.folder, "repository"),
    };
    for (const day of ["01", "02", "03", "04"]) {
      const { status, stderr } = spawnSync(
        restic,
        [
          "backup",
          "--stdin",
          "--stdin-filename",
          "main.backup",
          "--host",
          "sample",
          "--time",
          `2025-05-${day} 03:00:00`,
        ],
        { env: environment, input: "old", encoding: "utf8" },
      );
      expect([status, stderr]).toEqual([0, ""]);
    }
    expect((await own.done<List>("database-backups")).snapshots).toHaveLength(snapshots.length + 4);
    await own.done<Made>("database-backup", { keep_daily: 3, keep_weekly: 0, keep_monthly: 0 });
    const left = await own.done<{ snapshots: { time: string }[] }>("database-backups");
    expect(
      left.snapshots.map(({ time }) => time.slice(0, 10)).filter((day) => day.startsWith("2025")),
    ).toEqual(["2025-05-03", "2025-05-04"]);
    expect(left.snapshots).toHaveLength(snapshots.length + 3);
  });

  test("flipped bytes in the repository are found by check and restore, and nothing is changed", async () => {
    const data = join(own.folder, "repository", "data");
    const packs = readdirSync(data, { recursive: true, encoding: "utf8" })
      .map((name) => join(data, name))
      .filter((path) => statSync(path).isFile());
    for (const path of packs) {
      const content = readFileSync(path);
      // Past the first blob, so that it is met in the middle; in front of the pack's own head at the end.
      const at = Math.floor(content.length / 2);
      content[at] = (content[at] ?? 0) ^ 0xff;
      spawnSync("chmod", ["u+w", path]);
      writeFileSync(path, content);
    }
    const before = await databases();
    const rows = await orders();
    const check = await own.step("database-backups", { check: "data" });
    expect([check.code, check.stderr]).toEqual([
      20,
      expect.stringMatching(/the repository at .* is damaged/),
    ]);
    for (const into of ["swap", "drill-beside"]) {
      const { code, stderr } = await own.step("database-restore", { into });
      expect([code, stderr]).toEqual([
        20,
        expect.stringMatching(/cannot be read whole; nothing was changed: the repository at .* is damaged/),
      ]);
    }
    expect(await databases()).toEqual(before);
    expect(await orders()).toBe(rows);
  });
});

function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(join("/proc", pid, "cmdline"), "utf8").replaceAll("\0", " ")];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}
