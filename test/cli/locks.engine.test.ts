import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Environment } from "../../automation/environment";
import { ConcurrentUpdateError, LeftoverLockError } from "../../automation/errors";
import type { LockState } from "../../automation/locks/stack-locks";
import { processSpace } from "../../common/processes";
import { findEngine } from "../../sandbox/engine/engine";
import { runEngine } from "../../sandbox/engine/run";
import { InterruptibleCommand } from "../support/interruptible";
import { childrenOf, killIfThere } from "../support/processes";
import { SmallProject } from "../support/small-project";

// One small stack under the real engine, by the real command: killed, locked by others, brought back.
jest.setTimeout(600_000);

/** How many moments are tried; a whole run of the aim is `GROUNDWORK_KILLS=20 npx jest test/cli/locks`. */
const kills = Number(process.env["GROUNDWORK_KILLS"] ?? 2);

let project: SmallProject;
let locks: string;
let leases: string;
let stateFile: string;
let environment: Environment;
const begun = new Date().toISOString();

beforeAll(async () => {
  project = await SmallProject.start();
  locks = join(project.directory, "state", ".pulumi", "locks", "organization", "small", "shop");
  leases = join(project.directory, "state", ".pulumi", "groundwork-leases", "small", "shop");
  stateFile = join(project.directory, "state", ".pulumi", "stacks", "small", "shop.json");
  const { directory, variables } = project;
  // The program runs in this process, and takes its token from here.
  process.env["CLOUDFLARE_API_TOKEN"] = project.apiToken;
  environment = await Environment.open("shop", { directory, variables });
});
afterAll(() => project.end());

interface StateFile {
  checkpoint: { latest: { resources: Resource[]; pending_operations?: object[] } };
}
interface Resource {
  urn: string;
  type: string;
  id?: string;
}
const readStateFile = (): StateFile => JSON.parse(readFileSync(stateFile, "utf8")) as StateFile;

const heldLocks = (): string[] =>
  existsSync(locks) ? readdirSync(locks).filter((name) => name.endsWith(".json")) : [];

function writeLock(pid: number, since: string, host = hostname()): void {
  mkdirSync(locks, { recursive: true });
  const lock = { pid, username: "somebody", hostname: host, timestamp: since };
  writeFileSync(join(locks, `${pid}.json`), JSON.stringify(lock));
}

/** A process that passes for an engine: those are known by their program's name. */
function engineLike(): ChildProcess {
  const program = join(project.directory, "pulumi");
  if (!existsSync(program)) copyFileSync("/bin/sleep", program);
  return spawn(program, ["600"], { stdio: "ignore" });
}

async function dnsNames(): Promise<string[]> {
  const records = (await project.api("GET", `${project.zonePath}/dns_records?per_page=100`)) as {
    name: string;
  }[];
  return records.map(({ name }) => name).sort();
}

/** Nothing is left of the run that was cut short, nothing is there twice, and nothing more is to change. */
async function expectWhole(buckets: readonly string[]): Promise<void> {
  expect(heldLocks()).toEqual([]);
  expect(readStateFile().checkpoint.latest.pending_operations ?? []).toEqual([]);
  expect(await dnsNames()).toEqual(
    [...buckets.map((name) => `${name}.example.com`), "www.example.com"].sort(),
  );
  expect((await environment.preview()).unchanged).toBe(true);
}

test(`killed with SIGKILL at ${kills} random moments: up alone brings it back each time`, async () => {
  let killed = 0;
  let latest = 5_000;
  for (let round = 0; killed < kills; round += 1) {
    // Each round makes three buckets and deletes those of the round before.
    const prefix = `round${round}`;
    project.describe("shop", 3, prefix);
    const command = project.begin(["up", "-s", "shop"]);
    await command.until(/bringing shop up/);
    const moment = Math.round(Math.random() * latest);
    await sleep(moment);
    if (!command.signal("SIGKILL")) {
      // It was quicker than that: the same again, and sooner.
      expect((await command.ended).code).toBe(0);
      await expectWhole([0, 1, 2].map((index) => `${prefix}-${index}`));
      latest = moment / 2;
      continue;
    }
    // The command alone, whose engine then ends by itself; or both, as a machine that goes down does.
    const both = killed++ % 2 === 0;
    const pids = heldLocks().map(
      (name) => (JSON.parse(readFileSync(join(locks, name), "utf8")) as { pid: number }).pid,
    );
    // Its providers see that, and end by themselves.
    if (both) for (const engine of pids) killIfThere(engine);
    await command.ended;
    // Printed, so that a failure can be repeated.
    console.log(`killed ${both ? "with its engine" : "alone"} ${moment} ms after the beginning`);
    const again = await project.run(["up", "-s", "shop"]);
    if (again.code !== 0)
      throw new Error(`the next up ended with ${again.code ?? "a signal"}:\n${again.all}`);
    await expectWhole([0, 1, 2].map((index) => `${prefix}-${index}`));
  }
});

describe("a run that was cut short between Cloudflare's answer and the writing of the state", () => {
  /** As no test could hit it by time. */
  function lose(name: string): Resource {
    const whole = readStateFile();
    const { latest } = whole.checkpoint;
    const lost = latest.resources.find(({ urn }) => urn.endsWith(`::${name}`))!;
    latest.resources = latest.resources.filter((resource) => resource !== lost);
    latest.pending_operations = [
      { type: "creating", resource: { ...lost, id: undefined, outputs: undefined } },
    ];
    writeFileSync(stateFile, JSON.stringify(whole));
    return lost;
  }
  const gonePid = (): number => spawnSync("/bin/true").pid;

  test("up finds what was made and takes it in: it is not made twice, nor made anew", async () => {
    const lost = lose("web-dns-www.example.com");
    writeLock(gonePid(), begun);
    const { code, stderr } = await project.run(["up", "-s", "shop"]);
    expect(stderr).toMatch(/took off the lock of somebody on \S+ \(process \d+\), since .*: no process/);
    expect(stderr).toContain(`creating web-dns-www.example.com: it was made (${lost.id!}), and is taken in`);
    expect(stderr).toContain("nothing to change");
    expect(code).toBe(0);
    await expectWhole(
      (await dnsNames()).filter((name) => !/^www/.test(name)).map((name) => name.split(".")[0]!),
    );
  });

  test("what was there before that run is not taken in: unlock tells it, and takes it in when it is told so", async () => {
    const lost = lose("web-dns-www.example.com");
    writeLock(gonePid(), new Date(Date.now() + 3_600_000).toISOString());
    const refusing = environment.up({ leftovers: "refuse" });
    await expect(refusing).rejects.toThrow(LeftoverLockError);
    const look = await project.run(["unlock", "-s", "shop", "--look"]);
    expect(look.stdout).toMatch(
      /shop: locked\n {2}by somebody .*: gone \(no process \d+ runs on this machine\)/,
    );
    expect(look.stdout).toMatch(
      /not ended: creating DnsRecord web-dns-www\.example\.com: it may have been made/,
    );
    expect(heldLocks()).toHaveLength(1);

    const unlocked = await project.run(["unlock", "-s", "shop"]);
    expect(unlocked.stderr).toMatch(
      /cut short: creating DnsRecord web-dns-www\.example\.com: it may have been made/,
    );
    expect(unlocked.code).toBe(0);
    expect(heldLocks()).toEqual([]);
    expect((await environment.lockState()).doubts).toHaveLength(1);

    const { adopted } = await environment.unlock({ adopt: { "web-dns-www.example.com": lost.id! } });
    expect(adopted).toEqual([lost.urn]);
    await expectWhole(
      (await dnsNames()).filter((name) => !/^www/.test(name)).map((name) => name.split(".")[0]!),
    );
  });
});

test("killed while it writes the attributes of a state or a lock, the engine reads both again", async () => {
  const history = join(project.directory, "state", ".pulumi", "history", "small", "shop");
  const [newest = ""] = readdirSync(history)
    .filter((name) => name.endsWith(".history.json"))
    .sort()
    .reverse();
  const cutFiles = [`${stateFile}.attrs`, join(history, `${newest}.attrs`), join(locks, "cut.json.attrs")];
  mkdirSync(locks, { recursive: true });
  for (const file of cutFiles) writeFileSync(file, "");
  // As the engine by itself says it.
  const { directory, variables } = project;
  await expect(runEngine(await findEngine(), ["stack", "ls"], { directory, variables })).rejects.toThrow(
    /EOF/,
  );
  expect((await environment.stacks()).map(({ name }) => name)).toEqual(["shop"]);
  expect((await environment.history(1)).length).toBe(1);
  for (const file of cutFiles) writeFileSync(file, "");
  expect((await environment.preview()).unchanged).toBe(true);
  expect(cutFiles.filter(existsSync)).toEqual([]);
});

test("a state whose attributes another engine is just writing is read once more", async () => {
  const attributes = `${stateFile}.attrs`;
  /** An empty one is removed before the engine starts: then there is one again, as of a write that has just begun. */
  const beginWrite = async (): Promise<void> => {
    writeFileSync(attributes, "");
    while (existsSync(attributes)) await sleep(1);
    writeFileSync(attributes, "");
  };
  const [state] = await Promise.all([environment.lockState(), beginWrite()]);
  expect(state.held).toBe(false);
  expect(existsSync(attributes)).toBe(false);
  const [preview] = await Promise.all([environment.preview(), beginWrite()]);
  expect(preview.unchanged).toBe(true);
  expect(existsSync(attributes)).toBe(false);
});

test("a holder that lives is never unlocked unless that is forced; --lock-wait waits for it, and says for whom", async () => {
  const engine = engineLike();
  try {
    writeLock(engine.pid!, new Date().toISOString());
    const state = await environment.lockState();
    expect(state).toMatchObject({
      held: true,
      holders: [{ pid: engine.pid, state: "lives", ending: false }],
    });
    await expect(environment.unlock()).rejects.toThrow(ConcurrentUpdateError);

    const refused = await project.run(["up", "-s", "shop"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      new RegExp(
        `another run holds the lock of stack shop: somebody on \\S+ \\(process ${engine.pid!}\\), since 20`,
      ),
    );
    expect(refused.stderr).toContain("npx groundwork unlock -s shop");

    const waiting = project.begin(["up", "-s", "shop", "--lock-wait", "10m"]);
    await waiting.until(new RegExp(`waiting for somebody on \\S+ \\(process ${engine.pid!}\\)`));
    engine.kill("SIGKILL");
    const { code, all } = await waiting.ended;
    expect(all).toMatch(/nothing to change/);
    expect(code).toBe(0);
    expect(heldLocks()).toEqual([]);
  } finally {
    engine.kill("SIGKILL");
  }
});

test("a command that is killed before its lease is there: up waits for its engine as for one that ends by itself", async () => {
  project.describe("shop", 3, "early");
  project.delay(/\/r2\/buckets/, 4_000);
  const command = project.begin(["up", "-s", "shop"]);
  let holder: LockState["holders"][number] | undefined;
  while (holder === undefined) {
    await sleep(50);
    if (heldLocks().length > 0) [holder] = (await environment.lockState()).holders;
  }
  // It stands still, so that it is there as long as this test needs it.
  process.kill(holder.pid, "SIGSTOP");
  try {
    command.signal("SIGKILL");
    await command.ended;
    rmSync(leases, { recursive: true });
    expect((await environment.lockState()).holders).toMatchObject([{ pid: holder.pid, ending: true }]);
    const next = project.begin(["up", "-s", "shop"]);
    await next.until(/waiting for .* the command that started it is gone/);
    process.kill(holder.pid, "SIGCONT");
    expect((await next.ended).code).toBe(0);
    await expectWhole(["early-0", "early-1", "early-2"]);
  } finally {
    killIfThere(holder.pid);
  }
});

test("a command that is killed before its engine has the lock: up waits for that engine, even if it was refused by it", async () => {
  project.describe("shop", 3, "late");
  project.delay(/\/r2\/buckets/, 4_000);
  const command = project.begin(["up", "-s", "shop"]);
  const engine = await updatingEngine(command.pid);
  process.kill(engine, "SIGSTOP");
  let nextEngine: number | undefined;
  try {
    command.signal("SIGKILL");
    await command.ended;
    expect(heldLocks()).toEqual([]);
    const next = project.begin(["up", "-s", "shop"]);
    nextEngine = await updatingEngine(next.pid);
    process.kill(nextEngine, "SIGSTOP");
    process.kill(engine, "SIGCONT");
    while (heldLocks().length === 0) await sleep(50);
    process.kill(nextEngine, "SIGCONT");
    await next.until(new RegExp(`waiting for .* \\(process ${engine}\\)`));
    expect((await next.ended).code).toBe(0);
    await expectWhole(["late-0", "late-1", "late-2"]);
  } finally {
    for (const pid of [engine, nextEngine]) if (pid !== undefined) killIfThere(pid);
  }
});

/** The engine that a command has started to bring the stack up, as soon as it is there. */
async function updatingEngine(command: number): Promise<number> {
  for (;;) {
    for (const child of childrenOf(command)) {
      const [program = "", ...words] = textOf(`/proc/${child}/cmdline`).split("\0");
      if (basename(program) === "pulumi" && words.includes("up")) return child;
    }
    await sleep(10);
  }
}

const textOf = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8") : "");

test("a holder on another machine counts as one that may live; --force takes its lock off", async () => {
  writeLock(4711, new Date().toISOString(), "elsewhere");
  const refused = await project.run(["unlock", "-s", "shop"]);
  expect(refused.stderr).toMatch(/somebody on elsewhere \(process 4711\)/);
  expect(refused.code).toBe(1);
  expect(heldLocks()).toHaveLength(1);
  const forced = await project.run(["unlock", "-s", "shop", "--force", "--json"]);
  expect(JSON.parse(forced.stdout)).toMatchObject({ removed: [{ host: "elsewhere", state: "unknown" }] });
  expect(heldLocks()).toEqual([]);
});

test("two at once: the second waits for the first, then both have done their part; the first's lease names its command", async () => {
  project.describe("shop", 3, "two");
  project.delay(/\/r2\/buckets/, 4_000);
  const first = project.begin(["up", "-s", "shop"]);
  while (heldLocks().length === 0) await sleep(50);
  const second = project.begin(["up", "-s", "shop", "--lock-wait", "10m"]);
  await second.until(/waiting for /);
  const { holders }: LockState = await environment.lockState();
  const held = readdirSync(leases).filter((name) => name.endsWith(".json"));
  const name = [encodeURIComponent(hostname()), processSpace() ?? "", first.pid, holders[0]!.pid].join("-");
  expect(held).toEqual([`${name}.json`]);
  const [one, other] = await Promise.all([first.ended, second.ended]);
  expect(one.code).toBe(0);
  expect(other.all).toMatch(/nothing to change/);
  expect(other.code).toBe(0);
  expect(readdirSync(leases)).toEqual([]);
  await expectWhole(["two-0", "two-1", "two-2"]);
});

test("an aborted signal ends a wait for a lock, and a run before it has begun", async () => {
  const engine = engineLike();
  try {
    writeLock(engine.pid!, new Date().toISOString());
    const stop = new AbortController();
    const waiting = environment.up({ lockWait: 600_000, signal: stop.signal, log: () => stop.abort() });
    await expect(waiting).rejects.toThrow(/abort/i);
    await expect(environment.preview({ signal: stop.signal })).rejects.toThrow(/abort/i);
  } finally {
    engine.kill("SIGKILL");
  }
});

describe("a plan that was approved, and another run that makes two buckets meanwhile", () => {
  const plan = (): string => join(project.directory, "plan.json");
  /** That other run, from a checkout of its own. */
  let other: string;
  const buckets = ["plan-0", "plan-1", "plan-2"];

  beforeAll(async () => {
    project.describe("shop", 3, "plan");
    expect((await project.run(["up", "-s", "shop"])).code).toBe(0);
    other = join(project.directory, "other");
    mkdirSync(other);
    project.describe("shop", 5, "plan");
    for (const name of ["Pulumi.yaml", "Pulumi.shop.yaml"])
      copyFileSync(join(project.directory, name), join(other, name));
    project.describe("shop", 3, "plan");
  });
  /** Brought up, and planned with such options. */
  const approve = async (...more: readonly string[]): Promise<void> => {
    for (const args of [["up"], ["preview", "--save-plan", plan(), ...more]]) {
      const { all, code } = await project.run([...args, "-s", "shop"]);
      if (code !== 0) throw new Error(all);
    }
  };
  const otherRun = () =>
    new InterruptibleCommand(["up", "-s", "shop", "--directory", other], project.variables);
  const expectUntouched = async (): Promise<void> =>
    expect(await dnsNames()).toEqual(
      [...buckets, "plan-3", "plan-4", "www"].map((name) => `${name}.example.com`).sort(),
    );

  test.each([[[]], [["--refresh"]]])("with nothing of that the plan is done (up %s)", async (more) => {
    await approve(...more);
    const { all, code } = await project.run(["up", "-s", "shop", "--plan", plan(), ...more]);
    expect(all).toContain("this is the plan that was approved");
    if (code !== 0) throw new Error(all);
    await expectWhole(buckets);
  });

  test("what its own refresh reads is no change of another run's", async () => {
    await approve();
    const records = `${project.zonePath}/dns_records`;
    const all = (await project.api("GET", records)) as { id: string; name: string; proxied: boolean }[];
    const { id } = all.find(({ name }) => name === "www.example.com")!;
    await project.api("PATCH", `${records}/${id}`, { proxied: false });
    expect((await project.run(["preview", "-s", "shop", "--refresh", "--save-plan", plan()])).code).toBe(0);
    const done = await project.run(["up", "-s", "shop", "--plan", plan(), "--refresh"]);
    expect(done.all).toContain("this is the plan that was approved");
    if (done.code !== 0) throw new Error(done.all);
    expect(await project.api("GET", `${records}/${id}`)).toMatchObject({ proxied: true });
  });

  test("it is waited for before anything is compared, and what it made is not removed", async () => {
    await approve();
    project.delay(/\/r2\/buckets/, 4_000);
    const first = otherRun();
    while (heldLocks().length === 0) await sleep(50);
    const second = project.begin(["up", "-s", "shop", "--plan", plan(), "--lock-wait", "10m"]);
    await second.until(/waiting for /);
    expect(second.printed).not.toContain("previewing");
    expect((await first.ended).code).toBe(0);
    const { all, code } = await second.ended;
    expect(all).toMatch(/another one than the approved: nothing was run/);
    expect(all).toMatch(/plan-4\S*: was not in the plan \(delete\)/);
    expect(code).toBe(1);
    await expectUntouched();
  });

  test.each([[[]], [["--refresh"]]])(
    "where it is quicker than the engine with the lock, nothing is done (up %s)",
    async (more) => {
      await approve(...more);
      const command = project.begin(["up", "-s", "shop", "--plan", plan(), ...more]);
      const engine = await updatingEngine(command.pid);
      process.kill(engine, "SIGSTOP");
      try {
        expect(heldLocks()).toEqual([]);
        expect(command.printed).toContain("this is the plan that was approved");
        expect((await otherRun().ended).code).toBe(0);
        process.kill(engine, "SIGCONT");
        const { all, code } = await command.ended;
        expect(all).toMatch(/another run has changed shop since the preview: nothing was run/);
        expect(code).toBe(1);
        await expectUntouched();
        expect(heldLocks()).toEqual([]);
      } finally {
        killIfThere(engine);
      }
    },
  );
});
