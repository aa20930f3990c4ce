import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Log, silent } from "../common/log";
import { projectRoot } from "../common/project-root";
import { UserError } from "../common/user-error";
import { type SandboxFolder, sandboxFolder } from "./folder";
import type { SandboxOptions, SandboxRecord } from "./record";

/** A sandbox whose parts all answer. */
export interface Sandbox {
  readonly stack: string;
  readonly folder: SandboxFolder;
  readonly record: SandboxRecord;
}

/** The longest that the parts may take to answer; making images for Docker takes most of it. Milliseconds. */
const startTimeout = 600_000;

/**
 * Starts a sandbox's parts in a process of their own, or finds them running. One that runs with other options or with
 * older code is ended first; what it keeps in its folder stays.
 *
 * @throws UserError when a part does not come up: the last lines of its log are in the error.
 */
export async function startSandbox(options: SandboxOptions, log: Log = silent): Promise<Sandbox> {
  const { stack } = options;
  const folder = sandboxFolder(stack);
  // Others may pass through, to the database's own folder below it; what is secret is in files of mode 0600.
  await mkdir(dirname(folder.root), { recursive: true });
  await mkdir(folder.root, { recursive: true, mode: 0o711 });
  await keep(folder.passphraseFile, () => randomBytes(24).toString("base64url"));
  await keep(folder.apiTokenFile, () => randomBytes(36).toString("base64url"));

  const optionsText = JSON.stringify({
    ...options,
    docker: options.docker ?? (await lastDockerChoice(folder)),
  });
  const fingerprint = createHash("sha256")
    .update(optionsText)
    .update(await codeVersion())
    .digest("hex");
  const running = await runningSandbox(stack);
  if (running?.fingerprint === fingerprint) return { stack, folder, record: running };
  if (running !== undefined) {
    log("the sandbox runs with other options or older code; it is started anew");
    await signal(stack, "SIGHUP");
  }
  const before = await readFile(folder.optionsFile, "utf8").catch(() => undefined);
  await writeFile(folder.optionsFile, optionsText, { mode: 0o600 });
  try {
    return { stack, folder, record: await launch(folder, stack, fingerprint, log) };
  } catch (error) {
    // What could not be started is not what was said last.
    if (before === undefined) await rm(folder.optionsFile);
    else await writeFile(folder.optionsFile, before, { mode: 0o600 });
    throw error;
  }
}

/** The record of a sandbox whose process lives; undefined where none does. */
export async function runningSandbox(stack: string): Promise<SandboxRecord | undefined> {
  const { recordFile } = sandboxFolder(stack);
  let record: SandboxRecord;
  try {
    record = JSON.parse(await readFile(recordFile, "utf8")) as SandboxRecord;
  } catch {
    return undefined;
  }
  return isAlive(record.pid) ? record : undefined;
}

/** Ends a sandbox and its services; everything in its folder stays. Does nothing where none runs. */
export async function stopSandbox(stack: string): Promise<void> {
  await signal(stack, "SIGTERM");
}

/** Ends a sandbox and removes everything it made: containers, processes, volumes, state, files. */
export async function removeSandbox(stack: string, log: Log = silent): Promise<void> {
  const folder = sandboxFolder(stack);
  if ((await runningSandbox(stack)) === undefined && existsSync(folder.optionsFile)) {
    // Only its own process knows what it made.
    await launch(folder, stack, "to be removed", log);
  }
  await signal(stack, "SIGUSR1");
  await rm(folder.root, { recursive: true, force: true });
  // The folder of all sandboxes goes with the last one.
  await rmdir(dirname(folder.root)).catch(() => undefined);
}

/** Sends a signal that ends the process, and waits for its end. */
async function signal(stack: string, name: NodeJS.Signals): Promise<void> {
  const record = await runningSandbox(stack);
  if (record === undefined) return;
  process.kill(record.pid, name);
  const patience = Date.now() + 60_000;
  while (isAlive(record.pid)) {
    if (Date.now() > patience) process.kill(record.pid, "SIGKILL");
    await pause(50);
  }
  await rm(sandboxFolder(stack).recordFile, { force: true });
}

async function launch(
  folder: SandboxFolder,
  stack: string,
  fingerprint: string,
  log: Log,
): Promise<SandboxRecord> {
  await rm(folder.recordFile, { force: true });
  await writeFile(folder.logFile, "", { mode: 0o600 });
  const output = openSync(folder.logFile, "a");
  const child = spawn(
    process.execPath,
    [join(projectRoot(), "dist", "sandbox-daemon.js"), stack, fingerprint],
    {
      cwd: projectRoot(),
      detached: true,
      stdio: ["ignore", output, output],
    },
  );
  closeSync(output);
  let exited = false;
  child.once("exit", () => (exited = true));
  child.unref();

  const said = new LogFollower(folder.logFile, log);
  const patience = Date.now() + startTimeout;
  for (;;) {
    await said.follow();
    const record = await runningSandbox(stack);
    if (record !== undefined) return record;
    if (exited || Date.now() > patience) {
      if (!exited) child.kill("SIGTERM");
      throw new UserError({
        what: exited ? "a part of the sandbox did not start" : "the sandbox did not answer in time",
        value: `\n${await lastLines(folder.logFile)}`,
        next: `mend what is named above and run the same command again; the whole log is ${folder.logFile}`,
      });
    }
    await pause(50);
  }
}

/** Hands the lines of a growing file on, without their time stamps. */
class LogFollower {
  private position = 0;

  constructor(
    private readonly file: string,
    private readonly log: Log,
  ) {}

  async follow(): Promise<void> {
    const text = await readFile(this.file, "utf8");
    const end = text.lastIndexOf("\n") + 1;
    for (const line of text.slice(this.position, end).split("\n")) {
      const message = line.replace(/^\S+ /, "");
      if (message !== "" && message !== "ready") this.log(message);
    }
    this.position = end;
  }
}

async function lastLines(file: string): Promise<string> {
  const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
  return lines
    .slice(-12)
    .map((line) => `  ${line}`)
    .join("\n");
}

/** What was said of Docker when the sandbox was started last: its host stays as it began. */
async function lastDockerChoice(folder: SandboxFolder): Promise<SandboxOptions["docker"]> {
  try {
    return (JSON.parse(await readFile(folder.optionsFile, "utf8")) as SandboxOptions).docker;
  } catch {
    return undefined;
  }
}

/** A hash over the code that a running sandbox was started with. */
async function codeVersion(): Promise<string> {
  const hash = createHash("sha256");
  for (const bundle of ["sandbox-daemon.js", "examples/streampai-api.js", "examples/streampai-migrate.js"]) {
    hash.update(await readFile(join(projectRoot(), "dist", bundle)));
  }
  return hash.digest("hex");
}

/** Makes a file with a generated value once; only its owner may read it. */
async function keep(file: string, generate: () => string): Promise<void> {
  try {
    if ((await readFile(file, "utf8")).trim() !== "") return;
  } catch {
    // Not there yet.
  }
  await writeFile(`${file}.partial`, generate(), { mode: 0o600 });
  await rename(`${file}.partial`, file);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
