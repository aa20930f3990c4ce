import { csvRows, readServerLog } from "../../../automation/database/rehearsal/server-log";
import { rehearsedStatements, type Relation } from "../../../automation/database/rehearsal/statements";
import { rehearsalOverlay } from "../../../automation/database/rehearsal/overlay";
import {
  migrationMs,
  newestRehearsal,
  type RehearsalRecord,
  rehearsalSection,
  signRehearsal,
} from "../../../automation/database/rehearsal/record";
import { signAs } from "../../../automation/database/signed-record";
import { size } from "../../../automation/database/rehearsal/verdict";
import { rehearsalLines } from "../../../cli/db/rehearsal-lines";
import { jsonSchemas } from "../../../cli/json/schemas";
import { parse } from "yaml";

const orders: Relation = { oid: 20_001, name: "public.orders", kind: "r", node: 1, rows: 10, bytes: 8192 };
const items: Relation = { oid: 20_002, name: "public.items", kind: "r", node: 2, rows: 10, bytes: 8192 };

/** A log of one connection, made of what it did; times in milliseconds after a moment. */
function log(
  ...lines: readonly (readonly [
    at: number,
    message: string,
    outside?: boolean,
    severity?: string,
    query?: string,
  ])[]
): string {
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  const all = [
    [0, 'groundwork {"event": "migrations"}'] as const,
    ...lines,
    [9000, 'groundwork {"event": "migrated"}'] as const,
  ];
  return all
    .map(([at, message, outside = false, severity = "LOG", query = ""]) => {
      const time = new Date(Date.UTC(2026, 2, 4) + at).toISOString().replace("T", " ").replace("Z", " UTC");
      const row = [
        time,
        '"m"',
        '"shop"',
        "77",
        '"[local]"',
        "1",
        "1",
        '"x"',
        time,
        outside ? "3/0" : "3/9",
        "0",
        severity,
      ];
      return [
        ...row,
        "00000",
        quoted(message),
        "",
        "",
        "",
        "",
        "",
        quoted(query),
        "",
        "",
        '""',
        '"client backend"',
        "",
        "0",
      ].join(",");
    })
    .map((line) => `${line}\n`)
    .join("");
}
const at = (milliseconds: number): number => Date.UTC(2026, 2, 4) + milliseconds;
const event = (
  name: string,
  time: number,
  locks: readonly (readonly [number, string])[],
  more: object = {},
): string => `groundwork ${JSON.stringify({ event: name, at: at(time), locks, ...more })}`;
const statements = (text: string) => rehearsedStatements(readServerLog(text), [orders, items]);

describe("what migrations did, out of a server's log", () => {
  test("a field may hold quotes, commas and line ends; a last line that is cut off is left out", () => {
    expect(csvRows('a,"b ""c"",\nd",\n1,2,3\nx,"y')).toEqual([
      ["a", 'b "c",\nd', ""],
      ["1", "2", "3"],
    ]);
  });

  test("a lock counts from its statement's beginning to the end of the transaction", () => {
    const told = statements(
      log(
        [10, "duration: 1.000 ms  statement: BEGIN"],
        [20, event("ddl_command_start", 15, [])],
        [30, event("ddl_command_end", 29, [[orders.oid, "AccessExclusiveLock"]])],
        [30, "duration: 15.000 ms  statement: ALTER TABLE orders ADD x int"],
        [500, event("commit", 515, [[orders.oid, "AccessExclusiveLock"]], { pid: 77 })],
        [520, "duration: 20.000 ms  statement: COMMIT", true],
      ),
    );
    expect(told).toEqual([
      {
        statement: "ALTER TABLE orders ADD x int",
        milliseconds: 15,
        locks: [{ relation: "public.orders", mode: "ACCESS EXCLUSIVE", heldMs: 500 }],
        rewrites: [],
      },
    ]);
  });

  test("what a DDL statement finds before its own work was taken by the one before that names it", () => {
    const rows = [orders.oid, "RowExclusiveLock"] as const;
    const told = statements(
      log(
        [10, "duration: 1.000 ms  statement: BEGIN"],
        [20, "duration: 5.000 ms  statement: UPDATE orders SET x = 1"],
        [25, "duration: 5.000 ms  statement: SELECT 1"],
        [30, event("ddl_command_start", 26, [rows])],
        [40, event("ddl_command_end", 38, [rows, [items.oid, "ShareLock"]])],
        [40, "duration: 14.000 ms  statement: CREATE INDEX ON items (label)"],
        [50, event("commit", 50, [rows, [items.oid, "ShareLock"]], { pid: 77 })],
        [51, "duration: 2.000 ms  statement: COMMIT", true],
      ),
    );
    expect(told.map(({ locks, statement }) => [statement, locks.map(({ mode }) => mode)])).toEqual([
      ["UPDATE orders SET x = 1", ["ROW EXCLUSIVE"]],
      ["SELECT 1", []],
      ["CREATE INDEX ON items (label)", ["SHARE"]],
    ]);
  });

  test("waiting for the observer at a commit is no part of a statement, parsing and planning are", () => {
    const told = statements(
      log(
        [5, "duration: 2.000 ms  parse <unnamed>: DELETE FROM orders"],
        [6, "duration: 1.000 ms  bind <unnamed>: DELETE FROM orders"],
        [20, event("commit", 16, [[orders.oid, "RowExclusiveLock"]], { pid: 77 })],
        [30, "duration: 20.000 ms  execute <unnamed>: DELETE FROM orders", true],
      ),
    );
    expect(told[0]).toMatchObject({ milliseconds: 9, locks: [{ mode: "ROW EXCLUSIVE", heldMs: 9 }] });
  });

  test("several statements in one message are told apart by their events", () => {
    const exclusive = [orders.oid, "AccessExclusiveLock"] as const;
    const text =
      "alter table orders add x int; -- first\nupdate items set x = 'a;b';\ncreate unique index i on items (id)";
    const told = statements(
      log(
        [10, event("ddl_command_start", 10, [], { tag: "ALTER TABLE" })],
        [20, event("ddl_command_end", 20, [exclusive], { tag: "ALTER TABLE" })],
        [
          70,
          event("ddl_command_start", 70, [exclusive, [items.oid, "RowExclusiveLock"]], {
            tag: "CREATE INDEX",
          }),
        ],
        [
          90,
          event(
            "ddl_command_end",
            90,
            [exclusive, [items.oid, "RowExclusiveLock"], [items.oid, "ShareLock"]],
            { tag: "CREATE INDEX" },
          ),
        ],
        [
          95,
          event("commit", 95, [exclusive, [items.oid, "RowExclusiveLock"], [items.oid, "ShareLock"]], {
            pid: 77,
          }),
        ],
        [100, `duration: 91.000 ms  statement: ${text}`, true],
      ),
    );
    expect(told.map(({ locks, milliseconds, statement }) => [statement, milliseconds, locks])).toEqual([
      [
        "alter table orders add x int",
        10,
        [{ relation: "public.orders", mode: "ACCESS EXCLUSIVE", heldMs: 85 }],
      ],
      ["update items set x = 'a;b'", 50, [{ relation: "public.items", mode: "ROW EXCLUSIVE", heldMs: 75 }]],
      ["create unique index i on items (id)", 20, [{ relation: "public.items", mode: "SHARE", heldMs: 25 }]],
    ]);
  });

  test("one that is refused is told with what PostgreSQL says; its transaction's locks are gone", () => {
    const told = statements(
      log(
        [10, event("ddl_command_start", 10, [])],
        [12, 'column "x" does not exist', false, "ERROR", "ALTER TABLE orders DROP x"],
        [20, event("commit", 20, [], { pid: 77 })],
        [21, "duration: 1.000 ms  statement: CREATE TABLE t ()", true],
      ),
    );
    expect(told).toEqual([
      {
        statement: "ALTER TABLE orders DROP x",
        milliseconds: 0,
        locks: [],
        rewrites: [],
        error: 'column "x" does not exist',
      },
      { statement: "CREATE TABLE t ()", milliseconds: 0, locks: [], rewrites: [] },
    ]);
  });

  test("what was not there before, and lines outside of the marks, are not told", () => {
    const text = log(
      [10, event("ddl_command_end", 10, [[30_000, "AccessExclusiveLock"]])],
      [11, "duration: 1.000 ms  statement: CREATE TABLE t (id int)", true],
    );
    expect(statements(text)).toEqual([expect.objectContaining({ locks: [] })]);
    expect(statements(text.split("\n").slice(1).join("\n"))).toEqual([]);
    expect(statements("")).toEqual([]);
  });
});

describe("the compose file of a rehearsal", () => {
  test("reaches no network and no volume of the real services, and folders of the host only to read", () => {
    const text = rehearsalOverlay({
      project: "shop",
      services: ["api", "api"],
      withCertificate: ["api"],
      summary: {
        services: {
          api: {
            network_mode: "host",
            volumes: [
              "uploads:/uploads",
              "./config:/config",
              "/anonymous",
              { type: "bind", source: "./x", target: "/x" },
              { type: "volume", source: "uploads", target: "/again" },
              { type: "tmpfs", target: "/tmp" },
            ],
          },
        },
      },
    });
    const file = parse(text, {
      customTags: ["!reset", "!override"].map(
        (tag) => ({ tag, collection: "map", resolve: (value: unknown) => value }) as never,
      ),
      logLevel: "silent",
    }) as {
      services: { api: { volumes: unknown; networks: unknown; restart: string } };
    };
    expect(Object.keys(file.services)).toEqual(["api"]);
    expect(text).toContain("network_mode: !reset null");
    expect(text).toContain("networks: !override {default: {}}");
    expect(text).toContain('default: !override {"name":"shop-rehearsal_default","external":true}');
    expect(text).toContain(
      'volumes: !override ["/uploads","./config:/config:ro","/anonymous",{"type":"bind","source":"./x","target":"/x","read_only":true},"/again",{"type":"tmpfs","target":"/tmp"},"./certificates:/certificates:ro"]',
    );
  });
});

describe("the record of a rehearsal", () => {
  const record: RehearsalRecord = {
    version: 1,
    stack: "prod",
    database: "main",
    origin: "api",
    at: "2026-03-04T05:00:00.000Z",
    source: "backup",
    backup: "0123abcd",
    copyAt: "2026-03-04T03:15:00Z",
    image: "shop:v2",
    imageId: "sha256:0123456789abcdef",
    limitMs: 1000,
    exact: true,
    statements: [
      {
        statement: "ALTER TABLE items ALTER amount TYPE bigint",
        milliseconds: 1500.4,
        locks: [{ relation: "public.items", mode: "ACCESS EXCLUSIVE", heldMs: 1600 }],
        rewrites: [{ relation: "public.items", rows: 2000, bytes: 131_072 }],
      },
      { statement: "SELECT version FROM schema_migrations", milliseconds: 0.2, locks: [], rewrites: [] },
    ],
    statementsLeftOut: 0,
    dropped: [],
    previous: "r1",
    checks: [{ what: "health", service: "api", ok: true, detail: "/health answers 200" }],
    seconds: { start: 2, restore: 8, migrate: 2, previous: 3 },
    problems: ["holds ACCESS EXCLUSIVE on public.items for 1600 ms (at most 1000 ms): ALTER TABLE items …"],
    warnings: ["rewrites public.items (about 2000 rows, 128 kB): ALTER TABLE items …"],
    passed: false,
  };
  const secret = "a key of tests, of thirty-two letters";
  const of = { stack: "prod", database: "main" };

  test("the newest that is signed counts, whatever it came to, and a drill's signature is none", () => {
    const signed = [
      signRehearsal({ ...record, passed: true }, secret),
      signRehearsal({ ...record, at: "2026-03-05T05:00:00.000Z" }, secret),
      signRehearsal({ ...record, at: "2026-03-06T05:00:00.000Z", stack: "dev" }, secret),
      signRehearsal({ ...record, at: "2026-03-07T05:00:00.000Z" }, `${secret}x`),
      signAs("drill", { ...record, at: "2026-03-08T05:00:00.000Z" }, secret),
    ];
    expect(newestRehearsal(signed, secret, of)?.at).toBe("2026-03-05T05:00:00.000Z");
    expect(newestRehearsal([], secret, of)).toBeUndefined();
  });

  test.each([
    [
      "none",
      undefined,
      "shop:v2",
      "2026-03-05",
      "skipped",
      /were not rehearsed: npx groundwork db rehearse -s prod/,
    ],
    ["one of another image", record, "shop:v3", "2026-03-05", "skipped", /was of shop:v2, not of shop:v3/],
    ["an old one", record, "shop:v2", "2026-03-20", "skipped", /the last rehearsal is of 2026-03-04T05:00Z/],
    ["a red one", record, "shop:v2", "2026-03-05", "failed", /holds ACCESS EXCLUSIVE on public\.items/],
    [
      "a green one",
      { ...record, problems: [], passed: true },
      "shop:v2",
      "2026-03-05",
      "passed",
      /a rollback is possible: release r1/,
    ],
  ] as const)("a preview says of %s what it is worth", (_what, known, image, now, state, note) => {
    const section = rehearsalSection(known, { image, stack: "prod", now: new Date(now) });
    expect(section.state).toBe(state);
    expect(section.notes.join("\n")).toMatch(note);
  });

  test("is printed with what is too long marked, and is what its schema says", () => {
    const lines = rehearsalLines(record).join("\n");
    expect(lines).toContain(
      "migrations of shop:v2 (sha256:0123456789ab) on backup 0123abcd of 2026-03-04T03:15:00Z",
    );
    expect(lines).toContain("ACCESS EXCLUSIVE public.items 1600 ms !");
    expect(lines).toContain("REWRITES public.items (about 2000 rows, 128 kB)");
    expect(lines).toContain(
      "2 statements in 1501 ms; 1 that only read or wrote rows, in no time, are not shown",
    );
    expect(lines).toContain("release r1 on the new schema: api health: well (/health answers 200)");
    expect(lines.split("\n").at(-1)).toBe("failed");
    expect(jsonSchemas["db rehearse"].parse(record)).toEqual(record);
    expect(migrationMs(record)).toBe(1501);
    expect([size(100), size(8192), size(3_000_000)]).toEqual(["100 bytes", "8 kB", "3 MB"]);
  });
});
