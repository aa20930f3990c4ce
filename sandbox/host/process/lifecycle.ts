import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { endProcess, isRunning, sleep } from "../../../common/processes";
import { toolFile } from "../bundle-names";
import { writeJson } from "../files";
import { ComposeError } from "./compose-file";
import type { RunContext } from "./context";
import { stopFile, type ServiceSpec, type StopRequest } from "./spec";
import type { StoredService } from "./store";

/** Starts a service that has been made, by a supervisor of its own, and waits until it runs. */
export async function launch({ layout, store, say }: RunContext, spec: ServiceSpec): Promise<void> {
  const folder = store.folder(spec.project, spec.service);
  const before = store.state(folder);
  // A supervisor that was killed leaves its service behind.
  if (!isRunning(before.supervisor)) await endProcess(before.child, { group: true });
  for (const file of ["state.json", stopFile]) rmSync(join(folder, file), { force: true });
  const child = spawn(process.execPath, [toolFile(layout.tools, "supervisor"), folder], {
    cwd: layout.directory,
    detached: true,
    stdio: "ignore",
    env: { PATH: process.env["PATH"] },
  });
  child.unref();
  const deadline = Date.now() + 20_000;
  while (store.state(folder).status === "created") {
    if (Date.now() > deadline)
      throw new ComposeError(`container ${spec.container} was not started within 20 s`);
    await sleep(20);
  }
  const { error } = store.state(folder);
  if (error !== undefined) {
    throw new ComposeError(`Error response from daemon: cannot start container ${spec.container}: ${error}`);
  }
  say(`Container ${spec.container}  Started`);
}

/** Ends a service: its stop signal, then SIGKILL when the grace is over. */
export async function halt(
  { store }: RunContext,
  service: StoredService,
  timeoutMs?: number,
  signal: "SIGTERM" | "SIGINT" = "SIGTERM",
): Promise<void> {
  const graceMs = timeoutMs ?? service.spec.stopGraceMs;
  if (isRunning(service.state.supervisor)) {
    // The supervisor sees to the time: it does so also when this command is cut short.
    writeJson(join(service.folder, stopFile), { graceMs } satisfies StopRequest);
    await endProcess(service.state.supervisor, { signal, graceMs: graceMs + 5000 });
  }
  const { child } = store.state(service.folder);
  await endProcess(child ?? service.state.child, { graceMs, group: true });
}
