import { sleep } from "../../../common/processes";
import { ComposeError } from "./compose-file";
import type { ComposeProject, ComposeService } from "./compose-model";
import type { RunContext } from "./context";

/** Waits for what a service depends on, each as its condition says. */
export async function awaitDependencies(
  { store }: RunContext,
  project: ComposeProject,
  service: ComposeService,
): Promise<void> {
  for (const [name, { condition, required }] of Object.entries(service.dependsOn)) {
    if (project.services[name] === undefined && !required) continue;
    if (condition === "service_started") continue;
    for (;;) {
      const stored = store.service(project.name, name);
      if (stored === undefined) throw new ComposeError(`no such service: ${name}`);
      const { container } = stored.spec;
      const { status, exitCode, health } = stored.state;
      if (condition === "service_completed_successfully") {
        if (status === "exited" && exitCode === 0) break;
        if (status === "exited") {
          throw new ComposeError(`service "${name}" didn't complete successfully: exit ${exitCode}`);
        }
      } else {
        if (stored.spec.healthcheck === undefined) {
          throw new ComposeError(
            `dependency failed to start: container ${container} has no healthcheck configured`,
          );
        }
        if (health === "healthy") break;
        if (health === "unhealthy")
          throw new ComposeError(`dependency failed to start: container ${container} is unhealthy`);
        if (status === "exited")
          throw new ComposeError(`dependency failed to start: container ${container} exited (${exitCode})`);
      }
      await sleep(50);
    }
  }
}

/** Waits until services run, and are healthy where they have a check. */
export async function awaitHealthy(
  { store, say }: RunContext,
  project: string,
  names: readonly string[],
  timeoutMs: number,
): Promise<void> {
  const deadline = timeoutMs === 0 ? Infinity : Date.now() + timeoutMs;
  for (const name of names) {
    for (;;) {
      const stored = store.service(project, name);
      if (stored === undefined) throw new ComposeError(`no such service: ${name}`);
      const { container, healthcheck } = stored.spec;
      const { status, health, exitCode } = stored.state;
      if (status === "running" && (healthcheck === undefined || health === "healthy")) {
        say(`Container ${container}  Healthy`);
        break;
      }
      if (status === "exited") throw new ComposeError(`container ${container} exited (${exitCode})`);
      if (health === "unhealthy") throw new ComposeError(`container ${container} is unhealthy`);
      if (Date.now() > deadline) {
        throw new ComposeError(`application not healthy after ${timeoutMs / 1000}s`);
      }
      await sleep(50);
    }
  }
}
