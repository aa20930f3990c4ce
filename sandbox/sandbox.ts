import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Log, silent } from "../common/log";
import { holderOf } from "../common/process-lock";
import { endProcess, type ProcessIdentity, sleep } from "../common/processes";
import { projectRoot } from "../common/project-root";
import { UserError } from "../common/user-error";
import { type SandboxFolder, sandboxFolder } from "./folder";
import { keptValue, writeWhole } from "./kept-files";
import type { SandboxOptions, SandboxRecord } from "./record";
import { hasState } from "./state-file";

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
export async function startSandbox(
  options: SandboxOptions,
  log: Log = silent,
  signal?: AbortSignal,
): Promise<Sandbox> {
  const { stack } = options;
  const folder = sandboxFolder(stack);
  // Others may pass through, to the database's own folder below it; what is secret is in files of mode 0600.
  await mkdir(dirname(folder.root), { recursive: true });
  await mkdir(folder.root, { recursive: true, mode: 0o711 });
  await keptValue(folder.passphraseFile, () => randomBytes(24).toString("base64url"), {
    mayGenerate: () => !hasState(folder, stack),
  });
  await keptValue(folder.apiTokenFile, () => randomBytes(36).toString("base64url"));

  const optionsText = JSON.stringify({
    ...options,
    docker: options.docker ?? (await lastDockerChoice(folder)),
  });
  const fingerprint = createHash("sha256")
    .update(optionsText)
    .update(await codeVersion())
    .digest("hex");
  const before = await readFile(folder.optionsFile, "utf8").catch(() => undefined);
  try {
    for (let record = await runningSandbox(stack); ;) {
      if (record?.fingerprint === fingerprint) return { stack, folder, record };
      if (record !== undefined) {
        log("the sandbox runs with other options or older code; it is started anew");
        await end(stack, "SIGHUP");
      }
      await writeWhole(folder.optionsFile, optionsText);
      record = await launch(folder, stack, fingerprint, log, signal);
    }
  } catch (error) {
    // What could not be started is not what was said last.
    if (before === undefined) await rm(folder.optionsFile, { force: true });
    else await writeWhole(folder.optionsFile, before);
    throw error;
  }
}

/**
 * The record of a sandbox whose process lives; undefined where none does. The daemon's lock tells: a later process may have the
 * number of one that was killed.
 */
export async function runningSandbox(stack: string): Promise<SandboxRecord | undefined> {
  const folder = sandboxFolder(stack);
  try {
    const record = JSON.parse(await readFile(folder.recordFile, "utf8")) as SandboxRecord;
    return record.pid === (await daemonOf(folder))?.pid ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Ends a sandbox and its services; everything in its folder stays. Does nothing where none runs. */
export async function stopSandbox(stack: string, log: Log = silent): Promise<void> {
  const folder = sandboxFolder(stack);
  // Its process gives the lock back when it ends; of one that was killed the services run on.
  const killed = existsSync(folder.daemonLockFile) && (await daemonOf(folder)) === undefined;
  if (killed) await takeOver(folder, stack, log);
  await end(stack, "SIGTERM");
}

/** Ends a sandbox and removes everything it made: containers, processes, volumes, state, files. */
export async function removeSandbox(stack: string, log: Log = silent): Promise<void> {
  const folder = sandboxFolder(stack);
  await takeOver(folder, stack, log);
  await end(stack, "SIGUSR1");
  await removeWhole(folder.root);
}

/** Starts the process of a sandbox that has none, so that it can be ended with what it made: only its own process knows that. */
async function takeOver(folder: SandboxFolder, stack: string, log: Log): Promise<void> {
  if (!existsSync(folder.optionsFile) || (await runningSandbox(stack)) !== undefined) return;
  await launch(folder, stack, "to be ended", log);
}

/** Sends a signal that ends the process, and waits for its end. */
async function end(stack: string, signal: NodeJS.Signals): Promise<void> {
  const folder = sandboxFolder(stack);
  await endProcess(await daemonOf(folder), { signal, graceMs: 60_000 });
  await rm(folder.recordFile, { force: true });
}

/** A folder that is half removed must not be taken for a whole one: it goes by one rename first. */
async function removeWhole(folder: string): Promise<void> {
  const removing = `${folder}.removing`;
  await rm(removing, { recursive: true, force: true });
  if (existsSync(folder)) await rename(folder, removing);
  await rm(removing, { recursive: true, force: true });
}

/** The process that runs a sandbox, or is about to, or is ending. */
async function daemonOf({ daemonLockFile }: SandboxFolder): Promise<ProcessIdentity | undefined> {
  return (await holderOf(daemonLockFile))?.process;
}

/** Starts the daemon and waits until all of it answers. One that an interrupted command has started is waited for. */
async function launch(
  folder: SandboxFolder,
  stack: string,
  fingerprint: string,
  log: Log,
  signal?: AbortSignal,
): Promise<SandboxRecord> {
  const patience = Date.now() + startTimeout;
  let child: ChildProcess | undefined;
  let said: LogFollower | undefined;
  for (;;) {
    signal?.throwIfAborted();
    const record = await runningSandbox(stack);
    // After the look: what was said before all of it answered is told too.
    await said?.follow();
    if (record !== undefined) return record;
    const exited = child !== undefined && (child.exitCode !== null || child.signalCode !== null);
    const other = child === undefined || exited ? await daemonOf(folder) : undefined;
    if (child === undefined && other === undefined) {
      child = await spawnDaemon(folder, stack, fingerprint);
      said = new LogFollower(folder.logFile, log);
    } else if ((exited && other === undefined) || Date.now() > patience) {
      if (!exited) child?.kill("SIGTERM");
      throw new UserError({
        what: exited ? "a part of the sandbox did not start" : "the sandbox did not answer in time",
        value: `\n${await lastLines(folder.logFile)}`,
        next: `mend what is named above and run the same command again; the whole log is ${folder.logFile}`,
      });
    }
    await sleep(50);
  }
}

async function spawnDaemon(folder: SandboxFolder, stack: string, fingerprint: string): Promise<ChildProcess> {
  await rm(folder.recordFile, { force: true });
  await writeWhole(folder.logFile, "");
  const output = openSync(folder.logFile, "a");
  const child = spawn(
    process.execPath,
    [join(projectRoot(), "dist", "sandbox-daemon.js"), stack, fingerprint],
    {
      cwd: projectRoot(),
      // From another folder a relative one would be somewhere else.
      env: { ...process.env, GROUNDWORK_HOME: folder.home },
      detached: true,
      stdio: ["ignore", output, output],
    },
  );
  closeSync(output);
  child.unref();
  return child;
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
