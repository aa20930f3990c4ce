import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { endProcess, identify, isRunning, sleep } from "../../common/processes";

const onLinux = process.platform === "linux" ? test : test.skip;

onLinux("what a killed leader left of its group is ended with it", async () => {
  const leader = spawn("sh", ["-c", "sleep 300 & echo $!; wait"], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const member = await new Promise<number>((resolve) => {
    leader.stdout.once("data", (chunk: Buffer) => resolve(Number(chunk.toString())));
  });
  const identity = identify(leader.pid ?? 0);
  const left = identify(member);
  leader.kill("SIGKILL");
  while (isRunning(identity)) await sleep(10);
  expect(isRunning(left)).toBe(true);
  await endProcess(identity, { group: true });
  expect(isRunning(left)).toBe(false);
});

onLinux("a group of the same number from before a reboot is left alone", async () => {
  const other = spawn("sleep", ["300"], { detached: true, stdio: "ignore" });
  const identity = identify(other.pid ?? 0);
  await endProcess({ pid: other.pid ?? 0, started: "another-boot:1" }, { group: true });
  expect(readFileSync(`/proc/${String(other.pid)}/comm`, "utf8")).toBe("sleep\n");
  await endProcess(identity);
  expect(isRunning(identity)).toBe(false);
});
