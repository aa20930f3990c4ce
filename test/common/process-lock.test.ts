import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { holderOf, takeProcessLock, type Holder } from "../../common/process-lock";
import { identify } from "../../common/processes";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "groundwork-lock-"));
  file = join(directory, "locks", "dev.lock");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A lock as another process has written it. */
function writeLock(holder: Holder): void {
  writeFileSync(file, JSON.stringify(holder));
}

test("a second taker is refused at once, told who holds the lock, since when and what to do", async () => {
  const lock = await takeProcessLock(file, "bring dev up");
  await expect(takeProcessLock(file, "destroy dev")).rejects.toThrow(
    new RegExp(
      `process ${process.pid} is about to bring dev up, since 20[\\s\\S]*next: wait for it.*kill -INT`,
    ),
  );
  expect((await holderOf(file))?.doing).toBe("bring dev up");
  await lock.release();
  expect(existsSync(file)).toBe(false);
  await (await takeProcessLock(file, "destroy dev")).release();
});

test("what a killed process left is taken over, and says who it was", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  await once(child, "spawn");
  await (await takeProcessLock(file, "x")).release();
  writeLock({ process: identify(child.pid!)!, since: "2026-01-01T00:00:00.000Z", doing: "bring dev up" });
  await expect(takeProcessLock(file, "x")).rejects.toThrow(
    `process ${String(child.pid)} is about to bring dev up`,
  );
  child.kill("SIGKILL");
  await once(child, "exit");
  const lock = await takeProcessLock(file, "destroy dev");
  expect(lock.leftBy?.process.pid).toBe(child.pid);
  await lock.release();
});

test("a later process of the same number is not mistaken for the holder", async () => {
  await (await takeProcessLock(file, "x")).release();
  writeLock({ process: { pid: process.pid, started: "another boot:1" }, since: "2026-01-01", doing: "x" });
  expect(await holderOf(file)).toBeUndefined();
  await (await takeProcessLock(file, "x")).release();
});

test("a lock that was cut short in its writing holds nobody up", async () => {
  await (await takeProcessLock(file, "x")).release();
  writeFileSync(file, '{"process":{"pid"');
  const lock = await takeProcessLock(file, "bring dev up");
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ doing: "bring dev up" });
  await lock.release();
});

test("of many takers at once one gets it, also over a dead one's", async () => {
  await (await takeProcessLock(file, "x")).release();
  writeLock({ process: { pid: 1, started: "long ago" }, since: "2026-01-01", doing: "x" });
  const taken = await Promise.allSettled(
    Array.from({ length: 5 }, () => takeProcessLock(file, "bring dev up")),
  );
  expect(taken.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});
