import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { dueCommands, startCron, writeCrontab } from "../../../sandbox/host/crontab";
import { hostLayout } from "../../../sandbox/host/layout";
import { makeFolders } from "../../../sandbox/host/login";

jest.setTimeout(60_000);

const directory = mkdtempSync(join(tmpdir(), "groundwork-cron-"));
const layout = hostLayout(directory);
beforeAll(() => {
  makeFolders(layout);
  writeCrontab(layout);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const crontab = (args: string[], input = "") =>
  spawnSync(join(layout.bin, "crontab"), args, { input, encoding: "utf8" });

test("the table is listed, replaced and removed, and closed to others", () => {
  expect(crontab(["-l"])).toMatchObject({ status: 1, stderr: "no crontab\n" });
  expect(crontab(["-"], "1 2 * * * one\n").status).toBe(0);
  expect(crontab(["-l"]).stdout).toBe("1 2 * * * one\n");
  expect(crontab(["-e"]).status).toBe(2);
  expect(crontab(["-r"]).status).toBe(0);
  expect(crontab(["-l"]).status).toBe(1);
});

test("there is no systemd, whatever this machine has", () => {
  expect(() => execFileSync(join(layout.bin, "systemctl"), ["list-timers"], { stdio: "pipe" })).toThrow(
    "no systemd here",
  );
});

test("what is due is told by the minute, in UTC", () => {
  const table =
    "# 5 4 * * * no\n5 4 * * * first # with a mark\nMAILTO=x\n\n*/5 * * * * second\n6 4 * * * third\n";
  expect(dueCommands(table, new Date("2026-03-04T04:05:59Z"))).toEqual(["first # with a mark", "second"]);
  expect(dueCommands(table, new Date("2026-03-04T04:07:00Z"))).toEqual([]);
});

test("what is due runs once, as a login would", async () => {
  crontab(["-"], '* * * * * echo "$MARK" >>ran\n');
  let now = new Date("2026-03-04T04:05:30Z");
  const end = startCron(
    layout,
    () => ({ PATH: process.env["PATH"], MARK: "mark" }),
    () => undefined,
    () => now,
  );
  try {
    now = new Date("2026-03-04T04:06:02Z");
    const file = join(layout.home, "ran");
    for (const until = Date.now() + 40_000; !existsSync(file) && Date.now() < until;) await sleep(100);
    await sleep(6_000);
    expect(readFileSync(file, "utf8")).toBe("mark\n");
  } finally {
    end();
  }
});
