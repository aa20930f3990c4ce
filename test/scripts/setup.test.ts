import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { identify } from "../../common/processes";
import { type CommandResult, runProgram } from "../support/command";
import { unreapedSleep } from "../support/processes";

let checkout: string;
let lock: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "gw-setup-"));
  for (const name of ["scripts", "bin", ".groundwork"]) mkdirSync(join(checkout, name));
  copyFileSync(join(projectRoot(), "scripts", "setup.js"), join(checkout, "scripts", "setup.js"));
  writeFileSync(join(checkout, "package-lock.json"), "{}");
  lock = join(checkout, ".groundwork", "install.lock");
  npm("mkdir -p node_modules");
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(checkout, { recursive: true, force: true });
});

/** The npm that is found: it keeps what stands in the lock meanwhile. */
function npm(script: string): void {
  const file = join(checkout, "bin", "npm");
  writeFileSync(file, `#!/bin/sh\ncp .groundwork/install.lock held; ${script}\n`);
  chmodSync(file, 0o755);
}

/** Installs in a process that first does something; 124 where it still waits after some seconds. */
function install(first = ""): Promise<CommandResult> {
  const program = `${first}; require(${JSON.stringify(join(checkout, "scripts", "setup.js"))}).installDependencies()`;
  return runProgram("timeout", ["5", process.execPath, "-e", program], {
    PATH: `${join(checkout, "bin")}:${process.env["PATH"] ?? ""}`,
  });
}

function start(program: string, ...args: string[]): number {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  return child.pid!;
}

/** A process that has ended and that its parent, which goes on, never asks for. */
async function zombie(): Promise<number> {
  const { pid, parent } = await unreapedSleep(0.3);
  children.push(parent);
  while (identify(pid) !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  return pid;
}

test("an installation that fails gives its lock back, and so does one that succeeds", async () => {
  npm("exit 1");
  const failed = await install();
  expect([failed.code, failed.stderr, existsSync(lock)]).toEqual([
    1,
    expect.stringContaining("`npm ci` did not succeed"),
    false,
  ]);
  npm("mkdir -p node_modules");
  expect([(await install()).code, existsSync(lock)]).toEqual([0, false]);
});

test("a holder that runs is waited for", async () => {
  const holder = identify(start("sleep", "60"))!;
  writeFileSync(lock, `${holder.pid} ${holder.started}`);
  const { code, stderr } = await install();
  expect([code, stderr]).toEqual([124, expect.stringContaining(`process ${holder.pid} is about to install`)]);
  expect(readFileSync(lock, "utf8")).toBe(`${holder.pid} ${holder.started}`);
});

test("a lock names its holder as everything else does", async () => {
  await install(`require("fs").writeFileSync(${JSON.stringify(join(checkout, "pid"))}, String(process.pid))`);
  const [pid, started] = readFileSync(join(checkout, "held"), "utf8").split(" ");
  expect(pid).toBe(readFileSync(join(checkout, "pid"), "utf8"));
  const [boot] = identify(process.pid)!.started.split(":");
  expect(started).toMatch(new RegExp(`^${boot ?? ""}:\\d*$`));
});

const onLinux = process.platform === "linux" ? describe : describe.skip;
onLinux("a holder that is gone is not waited for, although its number is in use (/proc)", () => {
  test("by itself, as nobody has asked for how it ended", async () => {
    writeFileSync(lock, String(await zombie()));
    expect((await install()).code).toBe(0);
  });

  test("by a later process", async () => {
    const pid = start("sleep", "60");
    writeFileSync(lock, `${pid} ${identify(process.pid)!.started}`);
    expect((await install()).code).toBe(0);
  });

  test("by the one that asks", async () => {
    const { code } = await install(
      `require("fs").writeFileSync(${JSON.stringify(lock)}, String(process.pid))`,
    );
    expect(code).toBe(0);
  });
});
