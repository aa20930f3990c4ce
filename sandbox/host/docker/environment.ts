import type { DockerConfig } from "../config";

/** The environment of the real Docker's programs: this process's own, and where the daemon is. */
export function dockerEnvironment(docker: DockerConfig): NodeJS.ProcessEnv {
  return { ...process.env, DOCKER_HOST: docker.host };
}
