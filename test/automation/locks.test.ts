import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backendOf } from "../../automation/locks/backend";
import { ciRunOf } from "../../automation/locks/ci-run";
import { doubtsOf } from "../../automation/locks/doubt";
import {
  type EngineLock,
  holderWords,
  judge,
  type Lease,
  parseLock,
  type Surroundings,
} from "../../automation/locks/holder";
import { readHolders, removeLock } from "../../automation/locks/lock-files";
import { StackLocks } from "../../automation/locks/stack-locks";
import { folderStore } from "../../automation/locks/state-store";
import { ConcurrentUpdateError } from "../../automation/errors";
import type { TakenIn } from "../../automation/state";
import { knownSecrets } from "../../cli/known-secrets";

const now = Date.parse("2026-11-28T12:00:00Z");
const lock: EngineLock = {
  id: "0f1e",
  pid: 4711,
  user: "anna",
  host: "here",
  since: "2026-11-28T11:50:00.000Z",
};
const started = Date.parse("2026-11-28T11:49:59Z");

function surroundings(process?: ReturnType<Surroundings["process"]>, commandRuns = true): Surroundings {
  return { host: "here", now, process: () => process, isRunning: () => commandRuns };
}
const lease = (until: string): Lease => ({
  ...{ host: "there", enginePid: 4711, pid: 4700, started: "boot:1", until },
  ci: { system: "GitHub Actions", url: "https://github.com/acme/shop/actions/runs/7" },
});

describe("a lock's holder on this machine", () => {
  test.each([
    ["no such process", undefined, "gone", /no process 4711 runs/],
    ["the engine itself", { startedAt: started, program: "pulumi" }, "lives", /process 4711 runs/],
    ["another program of that number", { startedAt: started, program: "node" }, "gone", /another program/],
    [
      "a later engine of that number",
      { startedAt: now - 60_000, program: "pulumi" },
      "gone",
      /began after the lock was taken/,
    ],
    ["a process of which nothing is told", {}, "lives", /runs on this machine/],
  ] as const)("%s: %s", (_, process, state, why) => {
    const holder = judge(lock, undefined, surroundings(process));
    expect(holder.state).toBe(state);
    expect(holder.why).toMatch(why);
    expect(holder.ending).toBe(false);
  });

  test("its command was killed and its engine ends what it had begun: it lives, and is ending", () => {
    const own = { ...lease("2026-11-28T12:00:30Z"), host: "here" };
    const engine = { startedAt: started, program: "pulumi" };
    expect(judge(lock, own, surroundings(engine, false))).toMatchObject({ state: "lives", ending: true });
    expect(judge(lock, own, surroundings(engine, true))).toMatchObject({ state: "lives", ending: false });
  });

  test("killed before it could write its lease, it is known by its engine's environment", () => {
    const startedBy = { pid: 4700, started: "boot:1" };
    const engine = { startedAt: started, program: "pulumi", startedBy };
    for (const lives of [true, false]) {
      expect(judge(lock, undefined, surroundings(engine, lives))).toMatchObject({
        state: "lives",
        ending: !lives,
      });
    }
  });
});

describe("a lock's holder on another machine", () => {
  const far = { ...lock, host: "there" };

  test("without a lease nothing is known: it is never taken for gone, even where a process of that number is not here", () => {
    expect(judge(far, undefined, surroundings())).toMatchObject({ state: "unknown" });
  });

  test("its command's lease says that it lives until it has run out, clocks that differ allowed for", () => {
    expect(judge(far, lease("2026-11-28T12:00:30Z"), surroundings()).state).toBe("lives");
    expect(judge(far, lease("2026-11-28T11:59:10Z"), surroundings()).state).toBe("lives");
    const gone = judge(far, lease("2026-11-28T11:58:00Z"), surroundings());
    expect(gone.state).toBe("gone");
    expect(holderWords(gone)).toBe(
      "anna on there (process 4711), since 2026-11-28T11:50:00.000Z, GitHub Actions: https://github.com/acme/shop/actions/runs/7",
    );
  });
});

describe("a lock's holder in another container of the same host name", () => {
  const own = { ...surroundings(), space: "boot-1-11" };
  const its = (space: string, until: string): Lease => ({ ...lease(until), host: "here", space });
  const valid = "2026-11-28T12:00:30Z";
  const out = "2026-11-28T11:58:00Z";

  test.each([
    ["another namespace", "boot-1-12"],
    ["the first namespace of another machine", "boot-2-11"],
  ])("of %s is judged by its lease alone", (_, space) => {
    expect(judge(lock, its(space, valid), own)).toMatchObject({ state: "lives", ending: false });
    expect(judge(lock, its(space, out), own)).toMatchObject({ state: "gone" });
    const engine = { ...own, process: () => ({ startedAt: started, program: "pulumi" }) };
    expect(judge(lock, its(space, out), engine)).toMatchObject({ state: "gone" });
  });

  test("is not there where the lease was written among the processes that are seen here", () => {
    expect(judge(lock, its(own.space, valid), own)).toMatchObject({
      state: "gone",
      why: "no process 4711 runs on this machine",
    });
  });

  test("whose lease is of an older version, which does not say it, lives while that is renewed", () => {
    const older = { ...lease(valid), host: "here" };
    expect(judge(lock, older, own)).toMatchObject({ state: "lives" });
    expect(judge(lock, { ...older, until: out }, own)).toMatchObject({ state: "gone" });
    // Seen here, it is judged by its process as ever.
    const engine = { startedAt: started, program: "pulumi" };
    const seen = { ...own, process: () => engine, isRunning: () => false };
    expect(judge(lock, { ...older, until: out }, seen)).toMatchObject({ state: "lives", ending: true });
  });

  test("where the system does not tell, a host name means one machine", () => {
    const older = { ...lease(valid), host: "here" };
    expect(judge(lock, older, surroundings())).toMatchObject({ state: "gone" });
    expect(judge(lock, its(own.space, valid), surroundings())).toMatchObject({ state: "lives" });
  });
});

test("half a lock is no lock", () => {
  const text = JSON.stringify({
    pid: 1,
    username: "a",
    hostname: "b",
    timestamp: "2026-11-28T12:00:00+01:00",
  });
  expect(parseLock("x", text)).toMatchObject({ pid: 1, since: "2026-11-28T11:00:00.000Z" });
  expect(parseLock("x", text.slice(0, 20))).toBeUndefined();
  expect(parseLock("x", "{}")).toBeUndefined();
});

test.each([
  ["is no whole lock", "half.json"],
  ["was not yet given its name", "half.json.18a7c3.tmp"],
])(
  "what %s is left alone while it may be being written, and counts as left over later",
  async (_what, name) => {
    const folder = mkdtempSync(join(tmpdir(), "gw-lock-files-"));
    const place = { store: folderStore(folder), project: "shop", stack: "dev" };
    const directory = join(folder, ".pulumi", "locks", "organization", "shop", "dev");
    try {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, name), '{"pid": 47');
      writeFileSync(join(directory, "half.json.attrs"), "");
      expect(await readHolders(place)).toEqual([]);
      const later = { ...surroundings(), now: Date.now() + 120_000 };
      expect(await readHolders(place, later)).toMatchObject([{ id: "half", state: "gone" }]);
      writeFileSync(join(directory, "halfway.json"), "{}");
      await removeLock(place, "half");
      expect(readdirSync(directory)).toEqual(["halfway.json"]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

describe("a backend whose locks no file shows", () => {
  function locksOf(
    kind: "bucket" | "cloud",
    updating: boolean,
  ): { locks: StackLocks; cancelled: () => number } {
    let cancelled = 0;
    const by = { author: "Anna", ci: { system: "GitHub Actions", url: "https://github.example/1" } };
    const locks = new StackLocks({
      ...{ name: "prod", project: "shop", backend: { kind, url: `${kind}://x` }, store: undefined },
      state: () => Promise.resolve({}),
      history: () =>
        Promise.resolve([
          { version: 7, kind: "update", result: "in-progress", startedAt: lock.since, changes: {}, by },
        ]),
      isUpdating: () => Promise.resolve(updating),
      cancel: () => Promise.resolve(void (cancelled += 1)),
      settle: () => Promise.resolve(),
    });
    return { locks, cancelled: () => cancelled };
  }

  test("a bucket tells nothing: that is said, and only --force takes all locks off", async () => {
    const { locks, cancelled } = locksOf("bucket", false);
    expect(await locks.state()).toMatchObject({ held: undefined, holders: [] });
    await expect(locks.unlock({})).rejects.toThrow(/does not tell who holds the lock of prod[\s\S]*--force/);
    expect(cancelled()).toBe(0);
    await locks.unlock({ force: true });
    expect(cancelled()).toBe(1);
  });

  test("a server tells that an update is in progress, and its history whose; while there is none, nothing is taken off", async () => {
    const { locks, cancelled } = locksOf("cloud", true);
    const refused = locks.unlock({});
    await expect(refused).rejects.toThrow(ConcurrentUpdateError);
    await expect(refused).rejects.toThrow(/Anna on .*GitHub Actions: https:\/\/github\.example\/1/);
    await locks.unlock({ force: true });
    expect(cancelled()).toBe(1);
    const free = locksOf("cloud", false);
    expect(await free.locks.unlock({})).toMatchObject({ removed: [] });
    expect(free.cancelled()).toBe(0);
  });
});

test("what a killed run has made is taken in, or removed where its secret is lost; what is older stays in doubt", async () => {
  const names = ["media", "token", "old"];
  const pending = names.map((name) => ({
    type: "creating",
    resource: { urn: `urn:pulumi:prod::shop::a::${name}`, type: "cloudflare:index/x:X" },
  }));
  const removed: string[] = [];
  const taken: TakenIn[] = [];
  const lines: string[] = [];
  const secret = { unfit: "its secret was told to nobody" };
  const locks = new StackLocks({
    ...{ name: "prod", project: "shop", backend: { kind: "cloud", url: "https://x" }, store: undefined },
    state: () => Promise.resolve({ manifest: { time: "2026-11-28T12:00:00Z" }, pending_operations: pending }),
    history: () => Promise.resolve([]),
    isUpdating: () => Promise.resolve(false),
    cancel: () => Promise.resolve(),
    settle: (all) => Promise.resolve(void taken.push(...all)),
  });
  const open = await locks.mend({
    until: 0,
    log: (line) => lines.push(line),
    examine: ({ urn }) => {
      const name = urn.split("::").at(-1)!;
      const madeAt = name === "old" ? "2026-11-28T10:00:00Z" : "2026-11-28T11:59:00Z";
      const remove = () => Promise.resolve(void removed.push(name));
      return Promise.resolve([{ id: `id-${name}`, madeAt, remove, ...(name === "token" ? secret : {}) }]);
    },
  });
  expect(taken.map(({ id }) => id)).toEqual(["id-media"]);
  expect(removed).toEqual(["token"]);
  expect(open.map(({ name }) => name)).toEqual(["old"]);
  expect(lines[1]).toMatch(
    /^cut short: creating token: it was made \(id-token\), but its secret .*: removed/,
  );
});

test.each([
  ["was not there before, by the record beside the state, is taken in", { pin: [] }, ["mine"], "is taken in"],
  ["was there before is left alone", { pin: ["mine"] }, [], "was there before, and is left alone (mine)"],
  ["may have been there before is left alone", undefined, [], "and is left alone (mine): where nobody else"],
])("what does not tell when it was made and %s", async (_, before, ids, said) => {
  const folder = mkdtempSync(join(tmpdir(), "gw-lock-before-"));
  try {
    const put = (kind: string, name: string, value: object): void => {
      const directory = join(folder, ".pulumi", kind);
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, name), JSON.stringify(value));
    };
    if (before !== undefined) put("groundwork-before/shop", "dev.json", before);
    const resource = { urn: "pin", type: "cloudflare:index/x:X" };
    const state = { pending_operations: [{ type: "creating", resource }] };
    put("stacks/shop", "dev.json", state);
    const taken: TakenIn[] = [];
    const lines: string[] = [];
    const locks = new StackLocks({
      ...{ name: "dev", project: "shop", backend: { kind: "file", url: folder }, store: folderStore(folder) },
      state: () => Promise.resolve(state),
      history: () => Promise.resolve([]),
      isUpdating: () => Promise.resolve(false),
      cancel: () => Promise.resolve(),
      settle: (all) => Promise.resolve(void taken.push(...all)),
    });
    const found = { id: "mine", remove: () => Promise.resolve() };
    const examine = () => Promise.resolve([found]);
    const open = await locks.clear({ until: 0, log: (line) => lines.push(line), examine });
    expect(taken.map(({ id }) => id)).toEqual(ids);
    expect(open).toHaveLength(1 - ids.length);
    expect(lines.join("\n")).toContain(said);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("no report shows a passphrase, neither of the variable nor of the file", () => {
  const folder = mkdtempSync(join(tmpdir(), "gw-known-"));
  const before = { ...process.env };
  try {
    writeFileSync(join(folder, "passphrase"), "of the file\n");
    process.env["PULUMI_CONFIG_PASSPHRASE"] = "of the variable";
    process.env["PULUMI_CONFIG_PASSPHRASE_FILE"] = join(folder, "passphrase");
    expect(knownSecrets(undefined)).toEqual(expect.arrayContaining(["of the variable", "of the file"]));
    process.env["PULUMI_CONFIG_PASSPHRASE_FILE"] = join(folder, "nowhere");
    expect(knownSecrets(undefined)).toContain("of the variable");
  } finally {
    process.env = before;
    rmSync(folder, { recursive: true, force: true });
  }
});

test("each operation that was cut short is told by itself; only what may be there twice needs a look", () => {
  const operation = (type: string, resourceType: string) => ({
    type,
    resource: { urn: `urn:pulumi:dev::shop::${resourceType}::one`, type: resourceType },
  });
  const doubts = doubtsOf([
    operation("creating", "cloudflare:index/dnsRecord:DnsRecord"),
    operation("creating", "command:remote:Command"),
    operation("updating", "cloudflare:index/dnsRecord:DnsRecord"),
    operation("deleting", "cloudflare:index/dnsRecord:DnsRecord"),
  ]);
  expect(doubts.map(({ operation: what, repaired }) => [what, repaired])).toEqual([
    ["creating", false],
    ["creating", true],
    ["updating", true],
    ["deleting", true],
  ]);
});

test("a pipeline's run is known by its variables", () => {
  expect(
    ciRunOf({
      ...{
        GITHUB_ACTIONS: "true",
        GITHUB_SERVER_URL: "https://github.example",
        GITHUB_REPOSITORY: "acme/shop",
      },
      ...{ GITHUB_RUN_ID: "7", GITHUB_RUN_ATTEMPT: "2" },
    }),
  ).toEqual({ system: "GitHub Actions", url: "https://github.example/acme/shop/actions/runs/7/attempts/2" });
  expect(ciRunOf({ GITLAB_CI: "true", CI_JOB_URL: "https://gitlab.example/-/jobs/1" })).toEqual({
    system: "GitLab CI",
    url: "https://gitlab.example/-/jobs/1",
  });
  expect(ciRunOf({ CI: "true" })).toEqual({ system: "a pipeline" });
  expect(ciRunOf({})).toBeUndefined();
});

test("the backend is found as the engine finds it, and its address is told without credentials", () => {
  const directory = mkdtempSync(join(tmpdir(), "gw-backend-"));
  try {
    const of = (url: string) => backendOf(directory, { PULUMI_BACKEND_URL: url });
    expect(of("file:///srv/state?no_tmp_dir=true")).toMatchObject({ kind: "file", folder: "/srv/state" });
    expect(of("file://./state").folder).toBe(join(directory, "state"));
    expect(of("s3://bucket?region=auto")).toMatchObject({ kind: "bucket", url: "s3://bucket?region=auto" });
    expect(of("postgres://me:secret@db/states").url).toBe("postgres://db/states");
    expect(of("https://api.pulumi.com").kind).toBe("cloud");
    expect(backendOf(directory, { PULUMI_HOME: directory })).toEqual({ kind: "none", url: "" });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
