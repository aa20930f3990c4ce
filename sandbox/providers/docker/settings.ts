import { isObject, type Values } from "../values";
import { defaultHost, type DockerApi, dockerApi } from "./api";
import type { RegistryLogin } from "./registry";

/** What every resource gets of the provider's settings. */
export interface DockerConfig {
  readonly api: DockerApi;
  readonly logins: readonly RegistryLogin[];
}

export function readSettings(settings: Values, environment: NodeJS.ProcessEnv = process.env): DockerConfig {
  const host = (settings["host"] as string | undefined) ?? environment["DOCKER_HOST"] ?? "";
  const sshOpts = (settings["sshOpts"] as string[] | undefined) ?? [];
  const logins = (Array.isArray(settings["registryAuth"]) ? settings["registryAuth"] : []).filter(isObject);
  return {
    api: dockerApi({ host: host === "" ? defaultHost : host, sshOpts }),
    logins: logins as unknown as RegistryLogin[],
  };
}
