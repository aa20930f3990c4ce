/** Takes what an environment has on its hosts away: containers, volumes with their data, networks, folders. */
import type { Log } from "../common/log";
import { UserError } from "../common/user-error";
import { hostAccess } from "../platform/host-access";
import type { Frames } from "../remote/framing";
import type { RemoteStep } from "../remote/scripts";
import { SshConnection, SshFailure } from "../remote/ssh-client";
import { hostedOrigins } from "./releases";
import type { StackConfig } from "./stack-config";

/**
 * Removes the projects of all origins from their hosts, and hosts from a swarm that they are in for this environment
 * alone. Run again, it finds nothing and says so.
 *
 * @param log told what is gone, a line for each host
 * @throws UserError where a host is not reached or something is left there
 */
export async function removeFromHosts(config: StackConfig, log: Log): Promise<void> {
  for (const [name, { host, project, inSwarm = false }] of hostedOrigins(config)) {
    const origin = config.settings.origins[name];
    const hosts = origin?.kind === "swarm" ? origin.hosts : [host];
    let leave = false;
    if (inSwarm) {
      const {
        services = 0,
        networks = 0,
        shared,
      } = await removalStep(config, name, host, {
        step: "swarm-remove",
        project,
      });
      leave = shared === false;
      log(`${project} is gone from the swarm: ${String(services)} services, ${String(networks)} networks`);
    }
    // The manager last: the others leave its swarm before it ends it.
    for (const each of [...hosts].reverse()) {
      const {
        containers = 0,
        volumes = 0,
        networks = 0,
        left,
      } = await removalStep(config, name, each, {
        step: "project-remove",
        project,
        frames: leave ? { leave: "true" } : {},
      });
      log(
        `${project} is gone from ${each}: ${String(containers)} containers, ${String(volumes)} volumes, ` +
          `${String(networks)} networks, its folder${left === true ? "; it left the swarm" : ""}`,
      );
    }
  }
}

/** Runs a step and reads the JSON of its last line. */
async function removalStep(
  config: StackConfig,
  origin: string,
  host: string,
  {
    step,
    project,
    frames,
  }: { readonly step: RemoteStep; readonly project: string; readonly frames?: Frames },
): Promise<Record<string, number | boolean>> {
  const access = hostAccess(config.settings, config.secrets, host);
  let connection: SshConnection | undefined;
  try {
    connection = await SshConnection.open(access);
    const { code, stdout, stderr } = await connection.step(step, access, project, frames);
    if (code !== 0) {
      throw new UserError({
        what: `${origin} of ${config.stack} cannot be removed from ${host}`,
        value: stderr.trim(),
        next: "mend what is said and run the same command again",
      });
    }
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as Record<string, number | boolean>;
  } catch (error) {
    if (!(error instanceof SshFailure)) throw error;
    throw new UserError({ what: error.message, next: error.next, cause: error });
  } finally {
    connection?.close();
  }
}
