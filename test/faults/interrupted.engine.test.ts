import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sandboxFolder } from "../../sandbox/folder";
import { readState, stateFile } from "../../sandbox/state-file";
import { SandboxHome } from "../support/command";
import { InterruptibleCommand } from "../support/interruptible";

// Each test ends a real `groundwork start` in the middle and starts again on what that left. They follow each other on
// one sandbox, which is destroyed in between where the beginning is what is interrupted: every start costs seconds.
const home = new SandboxHome();
const variables = { GROUNDWORK_HOME: home.folder };
const folder = sandboxFolder("dev", variables);
const start = (): InterruptibleCommand => new InterruptibleCommand(["start", "--without-docker"], variables);

/** Starts again, and once more: the first goes on from there, the second has nothing to do. */
async function expectToConverge(): Promise<string> {
  const again = await home.run(["start"]);
  // First all that it said: without it nobody could tell what went wrong.
  if (again.code !== 0)
    throw new Error(`the next start ended with ${again.code ?? "a signal"}:\n${again.all}`);
  expect(again.stdout).toMatch(/api\.streampai\.localhost:\d+\/api\/health\s+│ 200/);
  const third = await home.run(["start"]);
  expect(third.stderr).toMatch(/dev: nothing to change/);
  expect(third.code).toBe(0);
  return again.stderr;
}

const destroy = async (): Promise<void> => {
  const { code, stderr } = await home.run(["start", "--destroy"]);
  expect(stderr).toContain("nothing of dev is left on this machine");
  expect(code).toBe(0);
};

afterAll(() => home.remove(["dev"]), 120_000);

test("killed while it makes things: the next start goes on, and then there is nothing to change", async () => {
  const command = start();
  await command.until(/created .*api-prepared/);
  command.signal("SIGKILL");
  expect((await command.ended).signal).toBe("SIGKILL");
  const said = await expectToConverge();
  expect(said).toMatch(new RegExp(`process ${command.pid}, since .* was cut short; going on`));
  await destroy();
}, 300_000);

test("killed at any moment: a second time, wherever that happens to be", async () => {
  const command = start();
  await command.until(/bringing dev up/);
  const moment = Math.round(Math.random() * 6_000);
  await sleep(moment);
  // Printed, so that a failure can be repeated.
  console.log(`killed ${moment} ms after the beginning of the up`);
  command.signal("SIGKILL");
  await command.ended;
  await expectToConverge();
}, 300_000);

test("what was made and not recorded is found, removed and made anew, and never twice", async () => {
  // As a kill between Cloudflare's answer and the writing of the state leaves it, which no test could hit by time.
  const file = stateFile(folder, "dev");
  const whole = JSON.parse(readFileSync(file, "utf8")) as {
    checkpoint: { latest: { resources: { type: string; urn: string }[]; pending_operations?: unknown[] } };
  };
  const { latest } = whole.checkpoint;
  const candidates = latest.resources.filter(({ type }) =>
    /:(DnsRecord|PagesDomain|R2CustomDomain)$/.test(type),
  );
  const kept = JSON.stringify(latest.resources.filter((resource) => !candidates.includes(resource)));
  // What others depend on was recorded before those were begun.
  const lost = candidates.filter(({ urn }) => !kept.includes(urn));
  expect(new Set(lost.map(({ type }) => type))).toHaveProperty("size", 3);
  latest.resources = latest.resources.filter((resource) => !lost.includes(resource));
  latest.pending_operations = lost.map((resource) => ({
    type: "creating",
    resource: { ...resource, id: undefined, outputs: undefined },
  }));
  writeFileSync(file, JSON.stringify(whole));

  const said = await expectToConverge();
  expect(said.match(/was there already \(/g)).toHaveLength(lost.length);
  expect((await readState(folder, "dev")).pending_operations ?? []).toEqual([]);
  const { api } = JSON.parse(readFileSync(folder.recordFile, "utf8")) as { api: { url: string } };
  const headers = { authorization: `Bearer ${readFileSync(folder.apiTokenFile, "utf8")}` };
  const zone = "000000000000000000000000000000b0";
  const answer = await fetch(`${api.url}/zones/${zone}/dns_records?per_page=100`, { headers });
  const { result } = (await answer.json()) as { result: { name: string; type: string }[] };
  const names = result.map(({ name, type }) => `${type} ${name}`);
  expect(names).toHaveLength(new Set(names).size);
}, 120_000);

test("the lock of an engine that is gone is taken off; the end of one that is at work is awaited", async () => {
  const locks = join(folder.state, ".pulumi", "locks", "organization", "groundwork", "dev");
  const writeLock = (pid: number): void => {
    mkdirSync(locks, { recursive: true });
    const lock = { pid, username: "somebody", hostname: hostname(), timestamp: new Date().toISOString() };
    writeFileSync(join(locks, `${pid}.json`), JSON.stringify(lock));
  };
  // Processes are known by their program's name.
  const program = join(home.folder, "pulumi");
  copyFileSync("/bin/sleep", program);
  const atWork = spawn(program, ["6"], { stdio: "ignore" }).pid!;
  const gone = spawnSync(program, ["0"]);
  writeLock(gone.pid);
  writeLock(atWork);
  const { code, stderr } = await home.run(["start"]);
  expect(stderr).toContain(`an engine (process ${atWork}) is still at work on dev; waiting for its end`);
  expect(stderr).not.toContain(`process ${gone.pid})`);
  expect(stderr).toMatch(/nothing to change/);
  expect(code).toBe(0);
  expect(readdirSync(locks)).toEqual([]);
}, 120_000);

test("a second start at once is refused at once: who is at work, since when, what to do", async () => {
  const first = start();
  await first.until(/in the sandbox, otherwise/);
  const begun = Date.now();
  const second = await home.run(["start"]);
  const took = Date.now() - begun;
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(
    new RegExp(`another command is at work here: process ${first.pid} is about to bring dev up, since 20`),
  );
  expect(second.stderr).toMatch(/next: wait for it, or end it/);
  // It starts Node.js and looks; nothing is waited for.
  expect(took).toBeLessThan(10_000);
  expect((await first.ended).code).toBe(0);
}, 120_000);

test("Ctrl-C while it makes things: 130, nothing left half done, and the next start goes on", async () => {
  await destroy();
  const command = start();
  await command.until(/created .*api-prepared/);
  command.signal("SIGINT");
  const { code, all } = await command.ended;
  expect(all).toMatch(/stopping: what is under way is finished/);
  expect(all).toMatch(/stopped; run the same command again: it goes on from there/);
  expect(code).toBe(130);
  expect((await readState(folder, "dev")).pending_operations ?? []).toEqual([]);
  await expectToConverge();
  await destroy();
}, 300_000);

test("Ctrl-C before anything is made, at several moments: 130 at once, and the next start brings all up", async () => {
  for (const moment of [600, 1_200, 2_000, 3_000]) {
    const command = start();
    await sleep(moment);
    command.signal("SIGINT");
    const asked = Date.now();
    const { code, signal } = await command.ended;
    // Before Node.js has read the program the signal itself ends it.
    expect(code ?? signal).toEqual(signal === null ? 130 : "SIGINT");
    expect(Date.now() - asked).toBeLessThan(15_000);
  }
  await expectToConverge();
  expect(existsSync(folder.lockFile)).toBe(false);
}, 300_000);
